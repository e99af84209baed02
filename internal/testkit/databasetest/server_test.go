package databasetest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"meridian/internal/testkit"
)

// shortIdle lets a keeper go as soon as it looks.
const shortIdle = time.Nanosecond

// leave ends the process's use of the server, as its end does.
func (s *server) leave() {
	s.lease.Release()
	s.admin.Close()
}

func mustAttach(t *testing.T, dir string) *server {
	t.Helper()
	s := testkit.Must(attach(t.Context(), dir, shortIdle))(t)
	return s
}

// wantNoServer waits for the keeper to have stopped the server and cleared up.
func wantNoServer(t *testing.T, dir string, state serverState) {
	t.Helper()
	testkit.Eventually(t, "the server's state and data to go", func() bool {
		_, errState := os.Stat(filepath.Join(dir, stateFile))
		_, errData := os.Stat(state.Dir)
		return os.IsNotExist(errState) && os.IsNotExist(errData)
	})
	testkit.Eventually(t, "the keeper to go", func() bool { return syscall.Kill(state.Keeper, 0) != nil })
}

func mustState(t *testing.T, dir string) serverState {
	t.Helper()
	state := testkit.Must(readState(dir))(t)
	return state
}

const helperEnv = "DATABASETEST_HELPER_DIR"

// TestHelperProcess is a test process of its own for the tests below: it attaches, makes a database, says so, and
// ends with its input.
func TestHelperProcess(t *testing.T) {
	dir := os.Getenv(helperEnv)
	if dir == "" {
		t.Skip("runs only as another test's helper")
	}
	s := mustAttach(t, dir)
	url := s.newDatabase(t.Context(), t, "TEMPLATE template0")
	fmt.Printf("attached %s %s\n", s.url, url)
	io.Copy(io.Discard, os.Stdin)
}

// helper is a running helper process.
type helper struct {
	cmd          *exec.Cmd
	stdin        io.Closer
	server, mine string // URLs: the server's, its own database's
}

// startHelper may be called by any goroutine.
func startHelper(t *testing.T, dir string) (*helper, error) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestHelperProcess$")
	cmd.Env = append(os.Environ(), helperEnv+"="+dir)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	h := &helper{cmd: cmd, stdin: stdin}
	var said []string
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		said = append(said, lines.Text())
		if _, err := fmt.Sscanf(lines.Text(), "attached %s %s", &h.server, &h.mine); err == nil {
			return h, nil
		}
	}
	return nil, fmt.Errorf("the helper ended: %s", strings.Join(said, " | "))
}

// TestAttach_Processes starts test processes at once: they find one server, one of them is killed without harm to
// the rest, and the server goes when the last has left.
func TestAttach_Processes(t *testing.T) {
	dir := t.TempDir()
	all := make([]*helper, 4)
	var starts errgroup.Group
	for i := range all {
		starts.Go(func() (err error) {
			all[i], err = startHelper(t, dir)
			return err
		})
	}
	testkit.NoError(t, starts.Wait())
	state := mustState(t, dir)
	for _, h := range all {
		if diff := cmp.Diff(state.URL, h.server); diff != "" {
			t.Errorf("a second server was started: %s", diff)
		}
	}

	s := mustAttach(t, dir)
	killed := all[0]
	testkit.NoError(t, killed.cmd.Process.Kill())
	wantDropped(t, s, killed.mine)
	for _, h := range all[1:] {
		conn, err := pgx.Connect(t.Context(), h.mine)
		if err != nil {
			t.Fatalf("a living process's database: %v", err)
		}
		conn.Close(t.Context())
		h.stdin.Close()
		if err := h.cmd.Wait(); err != nil {
			t.Errorf("a living process failed: %v", err)
		}
	}
	s.leave()
	wantNoServer(t, dir, state)
}

// wantDropped waits until the keeper has dropped a killed process's database.
func wantDropped(t *testing.T, s *server, url string) {
	t.Helper()
	name, _, _ := strings.Cut(url[strings.LastIndex(url, "/")+1:], "?")
	testkit.Eventually(t, "the killed process's database to be dropped", func() bool {
		var there bool
		err := s.admin.QueryRow(t.Context(), `SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)`, name).Scan(&there)
		if err != nil {
			t.Fatal(err)
		}
		return !there
	})
}

func TestAttach_StaleState(t *testing.T) {
	for _, test := range []struct {
		name  string
		state func(t *testing.T, dir, old string)
	}{
		{"dead server", func(t *testing.T, dir, old string) {
			state := serverState{Dir: old, URL: "postgresql://meridian:x@127.0.0.1:1/postgres?sslmode=disable"}
			testkit.NoError(t, state.write(dir))
		}},
		{"killed during the start", func(t *testing.T, dir, old string) {
			testkit.NoError(t, (serverState{Dir: old}).write(dir))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir, old := t.TempDir(), filepath.Join(t.TempDir(), "old")
			testkit.NoError(t, os.MkdirAll(filepath.Join(old, "data"), 0o700))
			test.state(t, dir, old)
			s := mustAttach(t, dir)
			if _, err := os.Stat(old); !os.IsNotExist(err) {
				t.Errorf("the dead server's data is still there: %v", err)
			}
			state := mustState(t, dir)
			s.leave()
			wantNoServer(t, dir, state)
		})
	}
}

func TestAttach_KeeperKilled(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ends a child with its parent")
	}
	dir := t.TempDir()
	s := mustAttach(t, dir)
	first := mustState(t, dir)
	testkit.NoError(t, syscall.Kill(first.Keeper, syscall.SIGKILL))
	testkit.Eventually(t, "the server to end with its keeper", func() bool { return s.admin.Ping(t.Context()) != nil })
	s.leave()
	again := mustAttach(t, dir)
	second := mustState(t, dir)
	if second.Keeper == first.Keeper {
		t.Error("the second server has the first one's keeper")
	}
	if _, err := os.Stat(first.Dir); !os.IsNotExist(err) {
		t.Errorf("the first server's data is still there: %v", err)
	}
	again.leave()
	wantNoServer(t, dir, second)
}

func TestAttach_ServerCannotStart(t *testing.T) {
	t.Setenv("MERIDIAN_POSTGRES_BIN", t.TempDir())
	_, err := attach(t.Context(), t.TempDir(), shortIdle)
	if err == nil || !strings.Contains(err.Error(), "MERIDIAN_POSTGRES_BIN") {
		t.Errorf("error %v does not say why there is no server", err)
	}
}

func TestKeeper_EndsUnusedOnly(t *testing.T) {
	dir := t.TempDir()
	k := testkit.Must(startServer(dir, shortIdle))(t)
	t.Cleanup(func() { k.end(nil) })
	state := mustState(t, dir)
	watch := testkit.Must(pgx.Connect(t.Context(), state.URL))(t)
	defer watch.Close(context.WithoutCancel(t.Context()))
	wantDone := func(want bool, when string) {
		t.Helper()
		done, err := k.endUnused(t.Context(), watch)
		if err != nil || done != want {
			t.Fatalf("%s: ended %v, error %v", when, done, err)
		}
	}
	user := testkit.Must(connect(t.Context(), state.URL))(t)
	wantDone(false, "with a process attached")
	user.leave()
	testkit.Eventually(t, "the server to notice", func() bool {
		used, err := k.look(t.Context(), watch)
		return err == nil && !used
	})
	lock := testkit.Must(lockWait(filepath.Join(dir, serverLock)))(t)
	wantDone(false, "with a process about to attach")
	lock.release()
	wantDone(true, "with nobody there")
	if state := mustState(t, dir); state != (serverState{}) {
		t.Errorf("state left behind: %+v", state)
	}
}

func TestTemplate_MadeOnce(t *testing.T) {
	URL(t)
	s := mustServer(t)
	oid := func() string {
		t.Helper()
		name := testkit.Must(s.template(t.Context()))(t)
		var oid int64
		testkit.NoError(t, s.admin.QueryRow(t.Context(), `SELECT oid::int8 FROM pg_database WHERE datname = $1`, name).Scan(&oid))
		return strconv.FormatInt(oid, 10)
	}
	before := oid()
	templateOnce.Lock()
	templateOnce.name = "" // as another process finds it
	templateOnce.Unlock()
	if after := oid(); after != before {
		t.Errorf("the template was made again: %s, %s", before, after)
	}
}

// TestPool runs the way of CockroachDB, which has no templates, against PostgreSQL.
func TestPool(t *testing.T) {
	cluster := mustServer(t).url
	t.Setenv("TMPDIR", t.TempDir()) // where the pool's locks are
	take := func() (string, *fileLock) {
		t.Helper()
		url, lock, err := pooledDatabase(t.Context(), cluster)
		if err != nil {
			t.Fatal(err)
		}
		return url, lock
	}
	first, firstLock := take()
	second, secondLock := take()
	defer secondLock.release()
	if first == second {
		t.Fatal("two tests have one database")
	}
	conn := testkit.Must(pgx.Connect(t.Context(), first))(t)
	defer conn.Close(context.WithoutCancel(t.Context()))
	testkit.Must(conn.Exec(t.Context(), `INSERT INTO sellers (id, slug, name) VALUES (gen_random_uuid(), 'ann', 'Ann')`))(t)
	firstLock.release()
	again, againLock := take()
	defer againLock.release()
	if again != first {
		t.Errorf("the free database was not taken: %s", again)
	}
	var sellers, versions int
	testkit.NoError(t, conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM sellers), (SELECT count(*) FROM goose_db_version)`).
		Scan(&sellers, &versions))
	if sellers != 0 || versions == 0 {
		t.Errorf("%d sellers, want none; %d migrations noted, want all", sellers, versions)
	}
}

func TestOnDatabase(t *testing.T) {
	for url, want := range map[string]string{
		"postgresql://u:p@127.0.0.1:5/postgres?sslmode=disable": "postgresql://u:p@127.0.0.1:5/x?sslmode=disable",
		"postgresql://root@127.0.0.1:26257/defaultdb":           "postgresql://root@127.0.0.1:26257/x",
	} {
		if diff := cmp.Diff(want, onDatabase(url, "x")); diff != "" {
			t.Error(diff)
		}
	}
}
