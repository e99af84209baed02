package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

// MinPostgresMajor is the oldest PostgreSQL whose SQL and tools Meridian uses.
const MinPostgresMajor = 15

// PostgresBinEnv names the environment variable that holds the folder of the PostgreSQL programs to use. If it is
// set, no other place is searched.
const PostgresBinEnv = "MERIDIAN_POSTGRES_BIN"

// ErrNoPostgres is returned when no PostgreSQL of MinPostgresMajor or newer is found. The error's text says what to
// install.
var ErrNoPostgres = errors.New("no PostgreSQL server programs found")

// Binaries are the programs of one PostgreSQL installation.
type Binaries struct {
	Postgres string // path of the server
	Initdb   string // path of the program that makes a data folder
	Major    int    // 15, 16, …
	Version  string // what the server says of itself: "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"
}

// FindPostgres returns the newest PostgreSQL that is installed, else the one that was fetched. It searches PATH,
// `pg_config --bindir` and the folders of the distributions, or MERIDIAN_POSTGRES_BIN alone if that is set. The error
// wraps ErrNoPostgres and says in one line what to install or set.
func FindPostgres() (Binaries, error) {
	found, err := newest(installedPostgres())
	if fetched, ok := fetchedPostgres(); err != nil && ok {
		return fetched, nil
	}
	return found, err
}

// postgresFor returns the PostgreSQL that can open data of a major version; 0 stands for any. If that version is missing
// it returns another, so that the caller can name both. It fetches one if there is none.
func postgresFor(ctx context.Context, major int, tell func(line string)) (Binaries, error) {
	found := installedPostgres()
	if fetched, ok := fetchedPostgres(); ok {
		found = append(found, fetched)
	}
	for _, b := range found {
		if b.Major == major {
			return b, nil
		}
	}
	return ObtainPostgres(ctx, tell)
}

// fetchedPostgres returns the PostgreSQL that was fetched, if any.
func fetchedPostgres() (Binaries, bool) {
	folder, ok := fetchedFolder()
	if !ok || os.Getenv(PostgresBinEnv) != "" {
		return Binaries{}, false
	}
	b, err := BinariesIn(filepath.Join(folder, "bin"))
	return b, err == nil
}

// newest returns the newest of the installations if it is new enough.
func newest(found []Binaries) (Binaries, error) {
	var best Binaries
	for _, b := range found {
		if b.Major > best.Major {
			best = b
		}
	}
	if best.Major >= MinPostgresMajor {
		return best, nil
	}
	return Binaries{}, notFound(best)
}

// notFound explains why no installation will do; tooOld is the newest of them, if any.
func notFound(tooOld Binaries) error {
	if dir := os.Getenv(PostgresBinEnv); dir != "" {
		return fmt.Errorf("%w: %s=%s must be a folder with postgres and initdb of version %d or newer",
			ErrNoPostgres, PostgresBinEnv, dir, MinPostgresMajor)
	}
	remedy := "install it (" + installCommand() + ") or set " + PostgresBinEnv + " to the folder of postgres and initdb"
	if tooOld.Major > 0 {
		return fmt.Errorf("%w: version %d or newer is needed, %s is version %d: %s",
			ErrNoPostgres, MinPostgresMajor, tooOld.Postgres, tooOld.Major, remedy)
	}
	return fmt.Errorf("%w: version %d or newer is needed: %s", ErrNoPostgres, MinPostgresMajor, remedy)
}

func installCommand() string {
	if runtime.GOOS == "darwin" {
		return "brew install postgresql@17"
	}
	return "apt-get install postgresql"
}

// installedPostgres returns every complete PostgreSQL found, each once.
func installedPostgres() []Binaries {
	var found []Binaries
	seen := map[string]bool{}
	for _, dir := range postgresFolders() {
		b, err := BinariesIn(dir)
		if err != nil || seen[b.Postgres] {
			continue
		}
		seen[b.Postgres] = true
		found = append(found, b)
	}
	return found
}

// postgresFolders lists the folders that may hold the PostgreSQL programs. Debian and Red Hat keep the server's
// programs out of PATH, one folder a version; Homebrew does so for every version but the newest.
func postgresFolders() []string {
	if dir := os.Getenv(PostgresBinEnv); dir != "" {
		return []string{dir}
	}
	dirs := filepath.SplitList(os.Getenv("PATH"))
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		"/opt/homebrew/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		matches, _ := filepath.Glob(pattern) // the only error is a malformed pattern
		dirs = append(dirs, matches...)
	}
	return dirs
}

// BinariesIn returns the PostgreSQL whose programs are in dir, of any version. It follows a symbolic link to the
// server, because PostgreSQL looks for its other files beside the real one.
func BinariesIn(dir string) (Binaries, error) {
	server, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
	if err != nil {
		return Binaries{}, fmt.Errorf("look for the PostgreSQL server: %w", err)
	}
	initdb := filepath.Join(filepath.Dir(server), "initdb")
	if _, err := os.Stat(initdb); err != nil {
		return Binaries{}, fmt.Errorf("look for initdb beside the PostgreSQL server: %w", err)
	}
	out, err := exec.Command(server, "--version").Output()
	if err != nil {
		return Binaries{}, fmt.Errorf("ask %s for its version: %w", server, err)
	}
	version := strings.TrimSpace(string(out))
	major, err := majorVersion(version)
	if err != nil {
		return Binaries{}, err
	}
	return Binaries{Postgres: server, Initdb: initdb, Major: major, Version: version}, nil
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// majorVersion parses 15 out of "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)".
func majorVersion(text string) (int, error) {
	m := versionPattern.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("read the PostgreSQL version: %q has none", text)
	}
	return strconv.Atoi(m[1])
}
