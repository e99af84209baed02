package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"meridian/internal/testkit"
)

// folder is a place that the database's own user can reach even when the tests run as root.
func folder(t *testing.T) string {
	t.Helper()
	dir := testkit.Must(os.MkdirTemp("", "meridian-embedded-*"))(t)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func start(t *testing.T, cfg PostgresConfig) *Postgres {
	t.Helper()
	p := testkit.Must(StartPostgres(t.Context(), cfg))(t)
	t.Cleanup(func() { p.Stop(context.Background()) })
	return p
}

func stop(t *testing.T, p *Postgres) {
	t.Helper()
	testkit.NoError(t, p.Stop(t.Context()))
}

func execute(t *testing.T, url, sql string) {
	t.Helper()
	conn := testkit.Must(pgx.Connect(t.Context(), url))(t)
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func query(t *testing.T, url, sql string) string {
	t.Helper()
	conn := testkit.Must(pgx.Connect(t.Context(), url))(t)
	defer conn.Close(t.Context())
	var text string
	if err := conn.QueryRow(t.Context(), sql).Scan(&text); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return text
}

func TestStartPostgres(t *testing.T) {
	dir := folder(t)
	p := start(t, PostgresConfig{Dir: dir, Durable: true})
	for sql, want := range map[string]string{
		"SHOW default_transaction_isolation": "serializable",
		"SHOW timezone":                      "UTC",
		"SHOW fsync":                         "on",
		"SHOW synchronous_commit":            "on",
		"SHOW listen_addresses":              "127.0.0.1",
		"SHOW unix_socket_directories":       "",
		"SHOW max_connections":               "200",
		"SHOW server_encoding":               "UTF8",
		"SELECT string_agg(c, '' ORDER BY c) FROM (VALUES ('b'), ('A'), ('é'), ('a'), ('B')) v (c)": "ABabé",
	} {
		if got := query(t, p.URL("postgres"), sql); got != want {
			t.Errorf("%s = %q, want %q", sql, got, want)
		}
	}
	for range 2 { // the second time it is there already
		testkit.NoError(t, p.CreateDatabase(t.Context(), "shop"))
	}
	execute(t, p.URL("shop"), "CREATE TABLE kept AS SELECT 'still here' AS word")
	stop(t, p)
	stop(t, p) // stopping twice is fine

	again := start(t, PostgresConfig{Dir: dir, Durable: true})
	if got := query(t, again.URL("shop"), "SELECT word FROM kept"); got != "still here" {
		t.Errorf("after a second start the row reads %q", got)
	}
	conf := testkit.Must(os.ReadFile(filepath.Join(dir, dataFolder, "postgresql.conf")))(t)
	if n := strings.Count(string(conf), settingsFile); n != 1 {
		t.Errorf("postgresql.conf includes our settings %d times, want once", n)
	}
}

func TestStartPostgres_LocalSettingsWin(t *testing.T) {
	dir := folder(t)
	stop(t, start(t, PostgresConfig{Dir: dir}))
	local := filepath.Join(dir, dataFolder, localSettingsFile)
	testkit.NoError(t, os.WriteFile(local, []byte("max_connections = 33\n"), 0o644))
	p := start(t, PostgresConfig{Dir: dir})
	if got := query(t, p.URL("postgres"), "SHOW max_connections"); got != "33" {
		t.Errorf("max_connections = %s, want the 33 of %s", got, localSettingsFile)
	}
}

func TestStartPostgres_PasswordRequired(t *testing.T) {
	dir := folder(t)
	p := start(t, PostgresConfig{Dir: dir})
	info := testkit.Must(os.Stat(filepath.Join(dir, passwordFile)))(t)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the password's mode is %v, want 0600", info.Mode().Perm())
	}
	stranger := strings.Replace(p.URL("postgres"), p.password, "guess", 1)
	if err := ping(t.Context(), stranger); !refused(err) {
		t.Errorf("with a wrong password: %v, want a refusal", err)
	}
}

func TestStartPostgres_Refusals(t *testing.T) {
	dir := folder(t)
	p := start(t, PostgresConfig{Dir: dir})
	taken := testkit.Listen(t)
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	old := folder(t)
	testkit.NoError(t, os.Mkdir(filepath.Join(old, dataFolder), 0o700))
	testkit.NoError(t, os.WriteFile(filepath.Join(old, dataFolder, "PG_VERSION"), []byte("9\n"), 0o600))
	broken := folder(t)
	stop(t, start(t, PostgresConfig{Dir: broken}))
	local := filepath.Join(broken, dataFolder, localSettingsFile)
	testkit.NoError(t, os.WriteFile(local, []byte("no_such_setting = 1\n"), 0o644))
	headless := folder(t)
	testkit.NoError(t, os.Mkdir(filepath.Join(headless, dataFolder), 0o700))
	for _, test := range []struct {
		name string
		cfg  PostgresConfig
		want []string
	}{
		{"data without a version", PostgresConfig{Dir: headless}, []string{"PG_VERSION", "restore it"}},
		{"no folder", PostgresConfig{}, []string{"Dir"}},
		{"folder in use", PostgresConfig{Dir: dir}, []string{"already runs", strconv.Itoa(p.PID()), "kill -INT"}},
		{"port taken", PostgresConfig{Dir: folder(t), Port: port}, []string{fmt.Sprintf("port %d", port), "choose another"}},
		{"other version", PostgresConfig{Dir: old}, []string{"PostgreSQL 9", "install PostgreSQL 9", "pg_upgrade", "delete"}},
		{"server fails", PostgresConfig{Dir: broken}, []string{"ended at once", "no_such_setting"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := StartPostgres(t.Context(), test.cfg)
			wantLine(t, err, test.want...)
		})
	}
}

// wantLine checks that err is one line that contains all the words.
func wantLine(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than one line: %v", err)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
}

func TestStartPostgres_AfterCrash(t *testing.T) {
	dir := folder(t)
	p := start(t, PostgresConfig{Dir: dir, Durable: true})
	execute(t, p.URL("postgres"), "CREATE TABLE kept AS SELECT 'still here' AS word")
	if err := p.stopNow(); err != nil { // leaves postmaster.pid behind or not, like a crash: no checkpoint
		t.Fatal(err)
	}
	// What a power cut leaves: the number of a process that is another program's now.
	stale := fmt.Sprintf("%d\n%s\n", os.Getpid(), filepath.Join(dir, dataFolder))
	pidFile := filepath.Join(dir, dataFolder, "postmaster.pid")
	testkit.NoError(t, os.WriteFile(pidFile, []byte(stale), 0o644))
	again := start(t, PostgresConfig{Dir: dir, Durable: true})
	if got := query(t, again.URL("postgres"), "SELECT word FROM kept"); got != "still here" {
		t.Errorf("after the crash the row reads %q", got)
	}
}

func TestStartPostgres_InterruptedFirstStart(t *testing.T) {
	dir := folder(t)
	testkit.NoError(t, os.MkdirAll(filepath.Join(dir, newFolder, "base"), 0o700))
	start(t, PostgresConfig{Dir: dir})
}

func TestStartPostgres_Cancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := StartPostgres(ctx, PostgresConfig{Dir: folder(t)})
	wantLine(t, err, "canceled")
}

// doomedMeridian starts a server on dir, says which, and waits to be killed.
func doomedMeridian(dir string) error {
	p, err := StartPostgres(context.Background(), PostgresConfig{Dir: dir})
	if err != nil {
		return err
	}
	fmt.Println(p.PID())
	os.Stdout.Close()
	<-p.Exited()
	return errors.New("the server ended first")
}

func TestStartPostgres_DiesWithUs(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ends a child with its parent")
	}
	dir := folder(t)
	doomed := exec.Command(standIn(t, "doomed-meridian"), dir)
	stdout := testkit.Must(doomed.StdoutPipe())(t)
	testkit.NoError(t, doomed.Start())
	said := testkit.Must(io.ReadAll(stdout))(t)
	testkit.NoError(t, doomed.Process.Kill())
	doomed.Wait() // its error is that it was killed
	pid, err := strconv.Atoi(strings.TrimSpace(string(said)))
	if err != nil {
		t.Fatalf("the start failed: %s", said)
	}
	waitGone(t, pid)
}

// waitGone waits until a process that is not our child has ended.
func waitGone(t *testing.T, pid int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for alive(pid) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("process %d is still there", pid)
		}
	}
}

func TestFindPostgres(t *testing.T) {
	t.Run("of the machine", func(t *testing.T) {
		b := testkit.Must(FindPostgres())(t)
		if b.Major < MinPostgresMajor {
			t.Errorf("found version %d", b.Major)
		}
	})
	t.Run("newest wins", func(t *testing.T) {
		setPath(t, fakePostgres(t, "15.3"), fakePostgres(t, "99.1 (Debian 99.1-1)"), fakePostgres(t, "16rc1"))
		b := testkit.Must(FindPostgres())(t)
		if b.Major != 99 {
			t.Errorf("found version %d, want 99", b.Major)
		}
	})
	t.Run("the data's version wins", func(t *testing.T) {
		setPath(t, fakePostgres(t, "97.1"), fakePostgres(t, "98.0"), fakePostgres(t, "99.1"))
		b := testkit.Must(postgresFor(t.Context(), 98, nil))(t)
		if b.Major != 98 {
			t.Errorf("found version %d, want 98", b.Major)
		}
	})
	t.Run("override", func(t *testing.T) {
		dir := fakePostgres(t, "42.0")
		t.Setenv(PostgresBinEnv, dir)
		b := testkit.Must(FindPostgres())(t)
		want := testkit.Must(filepath.EvalSymlinks(filepath.Join(dir, "initdb")))(t)
		if diff := cmp.Diff(want, b.Initdb); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("override too old", func(t *testing.T) {
		dir := fakePostgres(t, "14.9")
		t.Setenv(PostgresBinEnv, dir)
		_, err := FindPostgres()
		wantLine(t, err, PostgresBinEnv, dir, "15 or newer")
	})
	t.Run("override without initdb", func(t *testing.T) {
		t.Setenv(PostgresBinEnv, t.TempDir())
		_, err := FindPostgres()
		wantLine(t, err, PostgresBinEnv)
	})
}

func TestNewest_NothingFound(t *testing.T) {
	t.Setenv(PostgresBinEnv, "")
	_, err := newest(nil)
	wantLine(t, err, "15 or newer", "install it", "postgresql", PostgresBinEnv)
	_, err = newest([]Binaries{{Postgres: "/old/postgres", Major: 13}, {Postgres: "/older/postgres", Major: 12}})
	wantLine(t, err, "/old/postgres is version 13", "install it", PostgresBinEnv)
}

// fakePostgres makes a folder with programs that only know their version.
func fakePostgres(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\necho 'postgres (PostgreSQL) " + version + "'\n"
	for _, name := range []string{"postgres", "initdb"} {
		testkit.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755))
	}
	return dir
}

func setPath(t *testing.T, dirs ...string) {
	t.Helper()
	t.Setenv(PostgresBinEnv, "")
	t.Setenv("PATH", strings.Join(append(dirs, os.Getenv("PATH")), string(filepath.ListSeparator)))
}

func TestLocaleChoices(t *testing.T) {
	plain := [][]string{{"--locale=C.UTF-8"}, {"--locale=C"}}
	if diff := cmp.Diff(plain, localeChoices(16)); diff != "" {
		t.Error(diff)
	}
	builtin := append([][]string{{"--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"}}, plain...)
	if diff := cmp.Diff(builtin, localeChoices(17)); diff != "" {
		t.Error(diff)
	}
}
