package databasetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database/embedded"
)

// How a test binary is told that it is to be a keeper, and what that answers on its file 3 when the server runs.
const (
	keeperEnv     = "MERIDIAN_DATABASETEST_KEEPER"
	keeperIdleEnv = "MERIDIAN_DATABASETEST_IDLE"
	keeperReady   = "ready"
)

// keeperTick is the time between two checks of the keeper for clients.
const keeperTick = time.Second

// init turns a test binary that startKeeper runs into the keeper, before it can run a test. Done here, no package needs a
// TestMain.
func init() {
	dir := os.Getenv(keeperEnv)
	if dir == "" {
		return
	}
	if err := runKeeper(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func runKeeper(dir string) error {
	answer := os.NewFile(3, "answer")
	idle, err := time.ParseDuration(os.Getenv(keeperIdleEnv))
	if err != nil {
		return fmt.Errorf("read %s: %w", keeperIdleEnv, err)
	}
	// The server's own programs need neither.
	os.Unsetenv(keeperEnv)
	syscall.CloseOnExec(int(answer.Fd()))
	k, err := startServer(dir, idle)
	if err != nil {
		fmt.Fprint(answer, err)
		return err
	}
	fmt.Fprint(answer, keeperReady)
	answer.Close()
	return k.keep()
}

// keeper holds what the process that owns the shared server knows of it.
type keeper struct {
	dir    string        // shared with the test processes
	data   string        // the server's folder
	idle   time.Duration // how long to wait for a test process
	server *embedded.Postgres
}

// startServer starts a new server for the folder. Its caller, through the process that started it, has the lock.
func startServer(dir string, idle time.Duration) (*keeper, error) {
	if old, err := readState(dir); err == nil && old.Dir != "" {
		// Left by a killed keeper. Should its server still run, which Linux prevents, it stops within a minute of
		// missing its files.
		if err := removeData(old.Dir); err != nil {
			return nil, err
		}
	}
	data, err := os.MkdirTemp(memoryFolder(), "meridian-test-data-")
	if err != nil {
		return nil, fmt.Errorf("make the test server's folder: %w", err)
	}
	if err := (serverState{Dir: data, Keeper: os.Getpid()}).write(dir); err != nil {
		return nil, err
	}
	server, err := embedded.StartPostgres(context.Background(), embedded.PostgresConfig{Dir: data})
	if err != nil {
		return nil, errors.Join(err, removeData(data))
	}
	k := &keeper{dir: dir, data: data, idle: idle, server: server}
	if err := (serverState{Dir: data, Keeper: os.Getpid(), URL: server.URL("postgres")}).write(dir); err != nil {
		return nil, k.end(err)
	}
	return k, nil
}

// memoryFolder returns a folder in memory if it has enough room, else the temporary folder. Containers often have 64 MB.
func memoryFolder() string {
	const shm, enough = "/dev/shm", 2 << 30
	var fs syscall.Statfs_t
	if err := syscall.Statfs(shm, &fs); err == nil && uint64(fs.Bavail)*uint64(fs.Bsize) >= enough {
		return shm
	}
	return os.TempDir()
}

// keep returns when the server has been idle for long enough, and is stopped, or has failed.
func (k *keeper) keep() error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, k.server.URL("postgres"))
	if err != nil {
		return k.end(fmt.Errorf("watch the test server: %w", err))
	}
	defer conn.Close(ctx)
	tick := time.NewTicker(keeperTick)
	defer tick.Stop()
	lastUse := time.Now()
	for {
		select {
		case <-k.server.Exited():
			return k.end(fmt.Errorf("the test server ended by itself: see %s", k.data))
		case <-tick.C:
		}
		used, err := k.look(ctx, conn)
		if err != nil {
			return k.end(err)
		}
		if used {
			lastUse = time.Now()
		}
		if time.Since(lastUse) < k.idle {
			continue
		}
		if done, err := k.endUnused(ctx, conn); done || err != nil {
			return err
		}
	}
}

// look reports whether the server has clients. It also drops a database whose test process was killed.
func (k *keeper) look(ctx context.Context, conn *pgx.Conn) (used bool, err error) {
	err = conn.QueryRow(ctx, `
SELECT EXISTS (
  SELECT 1
  FROM pg_stat_activity
  WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
)`).Scan(&used)
	if err != nil {
		return false, fmt.Errorf("look who uses the test server: %w", err)
	}
	orphan, err := orphanDatabase(ctx, conn)
	if err != nil || orphan == "" {
		return used, err
	}
	_, err = conn.Exec(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{orphan}.Sanitize()+" WITH (FORCE)")
	if err != nil {
		return used, fmt.Errorf("drop a killed test's database: %w", err)
	}
	return used, nil
}

// orphanDatabase returns the name of a test's database whose process no longer holds its connection, "" for none. The
// name contains the connection's process.
func orphanDatabase(ctx context.Context, conn *pgx.Conn) (string, error) {
	rows, err := conn.Query(ctx, `
SELECT datname
FROM pg_database
WHERE datname LIKE 'test\_%'
  AND split_part(datname, '_', 2) NOT IN (SELECT pid::text FROM pg_stat_activity)
LIMIT 1`)
	if err != nil {
		return "", fmt.Errorf("look for killed tests' databases: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return "", fmt.Errorf("look for killed tests' databases: %w", err)
	}
	if len(names) == 0 {
		return "", nil
	}
	return names[0], nil
}

// endUnused ends the server if nobody uses it or is about to: nobody can attach while it holds the lock. It reports
// whether it did.
func (k *keeper) endUnused(ctx context.Context, conn *pgx.Conn) (done bool, err error) {
	lock, err := lockNow(filepath.Join(k.dir, serverLock))
	if err != nil {
		return false, k.end(err)
	}
	if lock == nil {
		return false, nil
	}
	defer lock.release()
	used, err := k.look(ctx, conn)
	if err != nil {
		return false, k.end(err)
	}
	if used {
		return false, nil
	}
	return true, k.end(nil)
}

// end stops the server and removes its state and data. It returns why, or the first error where why is nil.
func (k *keeper) end(why error) error {
	if state, err := readState(k.dir); err == nil && state.Dir == k.data {
		os.Remove(filepath.Join(k.dir, stateFile))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := k.server.Stop(ctx); err != nil && why == nil {
		why = err
	}
	if err := removeData(k.data); err != nil && why == nil {
		why = err
	}
	return why
}

// removeData removes a server's folder, and the place it links to where the server's user could not reach it.
func removeData(dir string) error {
	place, err := filepath.EvalSymlinks(dir)
	if errors.Is(err, os.ErrNotExist) {
		place = dir
	} else if err != nil {
		return fmt.Errorf("find the test server's data: %w", err)
	}
	if err := errors.Join(os.RemoveAll(place), os.RemoveAll(dir)); err != nil {
		return fmt.Errorf("remove the test server's data: %w", err)
	}
	return nil
}
