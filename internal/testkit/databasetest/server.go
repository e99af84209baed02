package databasetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"meridian/internal/database/embedded"
)

// What stands in the folder the test processes share.
const (
	serverLock = "lock"        // held while a server is looked for, started or stopped
	stateFile  = "server.json" // the running server's serverState
	keeperLog  = "keeper.log"  // what the keeper says
)

// idleLimit bounds how long a server lives without a test process. It is longer than the build of a large package.
const idleLimit = 3 * time.Minute

// serverState describes a server to other processes.
type serverState struct {
	Dir    string // its folder
	Keeper int    // the process that keeps it
	URL    string // its database postgres, with the password; empty until it runs
}

// server holds one test process's connections to the shared PostgreSQL.
type server struct {
	admin *pgxpool.Pool // on the database postgres
	lease *pgxpool.Conn // one of its connections, held for as long as this process lives
	url   string
}

// sharedServer returns the server, found or started by the first call in this process.
var sharedServer = sync.OnceValues(func() (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	binaries, err := embedded.ObtainPostgres(ctx, nil)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(binaries.Postgres + binaries.Version))
	dir, err := privateFolder(hex.EncodeToString(sum[:4]))
	if err != nil {
		return nil, err
	}
	return attach(ctx, dir, idleLimit)
})

// attach connects to the folder's server and starts one if there is none. The lock keeps the keeper from stopping
// the server between our finding it and our connection being seen.
func attach(ctx context.Context, dir string, idle time.Duration) (*server, error) {
	lock, err := lockWait(filepath.Join(dir, serverLock))
	if err != nil {
		return nil, err
	}
	defer lock.release()
	state, err := readState(dir)
	if err != nil {
		return nil, err
	}
	if state.URL != "" {
		s, err := connect(ctx, state.URL)
		if err == nil || !gone(err) {
			return s, err
		}
	}
	if err := startKeeper(dir, idle); err != nil {
		return nil, err
	}
	if state, err = readState(dir); err != nil {
		return nil, err
	}
	return connect(ctx, state.URL)
}

func connect(ctx context.Context, url string) (*server, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read the test server's address: %w", err)
	}
	config.MaxConns = 8
	config.MaxConnLifetime = 24 * time.Hour
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), config)
	if err != nil {
		return nil, fmt.Errorf("connect to the test server: %w", err)
	}
	lease, err := pool.Acquire(ctx) // never released
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("connect to the test server: %w", err)
	}
	return &server{admin: pool, lease: lease, url: url}, nil
}

// owner returns the server process behind the lease, which marks this process's databases.
func (s *server) owner() uint32 { return s.lease.Conn().PgConn().PID() }

// gone reports whether a connection failed because there is no server any more, or soon none.
func gone(err error) bool {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return !errors.Is(err, context.DeadlineExceeded)
	}
	return pgErr.Code == "57P01" || pgErr.Code == "57P03" // shutting down
}

func readState(dir string) (serverState, error) {
	var state serverState
	text, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, os.ErrNotExist) {
		return state, nil
	}
	if err != nil {
		return state, fmt.Errorf("read the test server's state: %w", err)
	}
	if json.Unmarshal(text, &state) != nil {
		return serverState{}, nil // cut short by a kill: nothing was running yet
	}
	return state, nil
}

func (s serverState) write(dir string) error {
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write the test server's state: %w", err)
	}
	path := filepath.Join(dir, stateFile)
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return fmt.Errorf("write the test server's state: %w", err)
	}
	return os.Rename(path+".new", path)
}

// startKeeper runs this test binary again as the keeper of a new server and returns when the server is ready.
func startKeeper(dir string, idle time.Duration) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the test binary: %w", err)
	}
	log, err := os.Create(filepath.Join(dir, keeperLog))
	if err != nil {
		return fmt.Errorf("open the keeper's log: %w", err)
	}
	defer log.Close()
	answer, theirs, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start the test server: %w", err)
	}
	defer answer.Close()
	cmd := exec.Command(self)
	cmd.Args = []string{"databasetest-keeper"}
	cmd.Env = append(os.Environ(), keeperEnv+"="+dir, keeperIdleEnv+"="+idle.String())
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{theirs} // its file 3
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		return fmt.Errorf("start the test server's keeper: %w", err)
	}
	go cmd.Wait() // it usually outlives us; if not, it must not stay a zombie
	text, err := io.ReadAll(answer)
	if err != nil {
		return fmt.Errorf("wait for the test server: %w", err)
	}
	if string(text) != keeperReady {
		return fmt.Errorf("start the test server: %s (its log is %s)", text, log.Name())
	}
	return nil
}
