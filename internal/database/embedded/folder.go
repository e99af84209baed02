package embedded

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// What stands in a server's folder.
const (
	dataFolder   = "data"         // PostgreSQL's own
	newFolder    = "data.new"     // the same while it is being made
	passwordFile = "password"     // of superuser, mode 0600
	logFile      = "postgres.log" // what the server writes
	lockFile     = "lock"         // held while a start is under way
)

// superuser is the only role of an embedded server, and its owner.
const superuser = "meridian"

// lockFolder keeps other starts away from dir until the returned function is called. It fails if another start is
// under way.
func lockFolder(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("another start of the database in %s is under way: wait for it", dir)
	}
	return func() { f.Close() }, nil
}

// dataMajor returns the PostgreSQL version of the folder's data, or 0 if there is none yet.
func dataMajor(dir string) (int, error) {
	text, err := os.ReadFile(filepath.Join(dir, dataFolder, "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the version of the data: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("read the version of the data in %s: %w", dir, err)
	}
	return major, nil
}

// checkVersion returns an error if the server cannot open data of that version.
func checkVersion(dir string, data int, b Binaries) error {
	if data == 0 || data == b.Major {
		return nil
	}
	return fmt.Errorf("the data in %s was written by PostgreSQL %d, but %s is version %d: install PostgreSQL %d, "+
		"or move the data with pg_upgrade, or delete the folder to start afresh", dir, data, b.Postgres, b.Major, data)
}

// makeData makes the data folder with a new password. It puts the folder in place only when it is complete, so that
// an interrupted start leaves nothing half made.
func makeData(ctx context.Context, dir string, b Binaries, durable bool, a *account) error {
	// Never over data that is there: a new password would lock it for good.
	if _, err := os.Stat(filepath.Join(dir, dataFolder)); err == nil {
		return fmt.Errorf("the data in %s is damaged, it has no PG_VERSION: restore it, or move %s away to begin anew",
			filepath.Join(dir, dataFolder), dir)
	}
	if err := writeOwned(filepath.Join(dir, passwordFile), rand.Text(), a); err != nil {
		return err
	}
	var err error
	for _, locale := range localeChoices(b.Major) {
		if err = os.RemoveAll(filepath.Join(dir, newFolder)); err != nil {
			return fmt.Errorf("clear what an interrupted start left: %w", err)
		}
		if err = initdb(ctx, dir, b, append(locale, initdbArgs(dir, durable)...), a); err == nil {
			break
		}
	}
	if err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(dir, newFolder), filepath.Join(dir, dataFolder)); err != nil {
		return fmt.Errorf("put the new data folder in place: %w", err)
	}
	return nil
}

// localeChoices returns the initdb arguments that ask for text in code-point order, as CockroachDB has it, the best
// first. macOS has no C.UTF-8; from version 17 on, PostgreSQL brings its own.
func localeChoices(major int) [][]string {
	choices := [][]string{{"--locale=C.UTF-8"}, {"--locale=C"}}
	if major < 17 {
		return choices
	}
	builtin := []string{"--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"}
	return append([][]string{builtin}, choices...)
}

func initdbArgs(dir string, durable bool) []string {
	args := []string{
		"--pgdata=" + filepath.Join(dir, newFolder),
		"--username=" + superuser,
		"--pwfile=" + filepath.Join(dir, passwordFile),
		"--auth=scram-sha-256",
		"--encoding=UTF8",
		"--no-instructions",
	}
	if !durable {
		args = append(args, "--no-sync")
	}
	return args
}

func initdb(ctx context.Context, dir string, b Binaries, args []string, a *account) error {
	cmd := exec.CommandContext(ctx, b.Initdb, args...)
	cmd.Dir, cmd.Env = dir, cleanEnv()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: a.credential(), Setpgid: true}
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return fmt.Errorf("make the database's folder: %w", ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("make the database's folder: %s: %w: %s", b.Initdb, err, lastLines(out, 3))
	}
	return nil
}

func readPassword(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, passwordFile))
	if err != nil {
		return "", fmt.Errorf("read the database's password (without it, delete %s to start afresh): %w", dir, err)
	}
	return strings.TrimSpace(string(text)), nil
}

// lastLines joins the last n lines that are not blank into one.
func lastLines(text []byte, n int) string {
	var lines []string
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			lines = append(lines, string(line))
		}
	}
	return strings.Join(lines[max(0, len(lines)-n):], " | ")
}
