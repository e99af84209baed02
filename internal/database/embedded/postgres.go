package embedded

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	startTimeout = 2 * time.Minute       // recovery after a power cut may replay 2 GB of log
	pollInterval = 20 * time.Millisecond // between two attempts to reach a server that starts
	maxLogBytes  = 16 << 20              // a log larger than this is set aside at the next start
)

// PostgresConfig says which PostgreSQL to start and where. Dir is required.
type PostgresConfig struct {
	Dir      string   // the server's folder: data, password, log; made if missing
	Port     int      // on 127.0.0.1; 0 takes any free one
	Durable  bool     // whether committed data survives a power cut; false is faster
	Binaries Binaries // by default those the data belongs to, else what ObtainPostgres returns
	// Tell, if not nil, is called with a line about work that takes a while.
	Tell func(line string)
}

// Postgres is a running PostgreSQL server. Stop ends it.
type Postgres struct {
	dir      string
	port     int
	password string
	version  string
	process  *process
}

// StartPostgres starts a server on the folder and returns when it accepts connections. It makes the data first if
// there is none. Errors are one line and say what to do: ErrNoPostgres, a port that is taken, a folder in use by
// another server (with its pid), data of another major version, or the last lines of the server's log.
func StartPostgres(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	if cfg.Dir == "" {
		return nil, errors.New("start PostgreSQL: Dir, the folder for its data, is empty")
	}
	a, err := serverAccount(cfg.Dir)
	if err != nil {
		return nil, err
	}
	dir, err := settle(cfg.Dir, a)
	if err != nil {
		return nil, err
	}
	unlock, err := lockFolder(dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	binaries, err := prepare(ctx, dir, cfg, a)
	if err != nil {
		return nil, err
	}
	password, err := readPassword(dir)
	if err != nil {
		return nil, err
	}
	p := &Postgres{dir: dir, password: password, version: binaries.Version}
	if err := p.launch(ctx, cfg, binaries, a); err != nil {
		return nil, err
	}
	return p, nil
}

// prepare makes the folder ready for a start, and returns the programs to start.
func prepare(ctx context.Context, dir string, cfg PostgresConfig, a *account) (Binaries, error) {
	major, err := dataMajor(dir)
	if err != nil {
		return Binaries{}, err
	}
	b := cfg.Binaries
	if b == (Binaries{}) {
		if b, err = postgresFor(ctx, major, cfg.Tell); err != nil {
			return Binaries{}, err
		}
	}
	if err := checkVersion(dir, major, b); err != nil {
		return Binaries{}, err
	}
	if err := clearPostmaster(dir); err != nil {
		return Binaries{}, err
	}
	if major == 0 {
		if err := makeData(ctx, dir, b, cfg.Durable, a); err != nil {
			return Binaries{}, err
		}
	}
	return b, writeSettings(filepath.Join(dir, dataFolder), cfg.Durable, a)
}

// launch starts the server. A free port may be taken before the server binds it, so a port picked here is tried three
// times.
func (p *Postgres) launch(ctx context.Context, cfg PostgresConfig, b Binaries, a *account) error {
	for attempt := 1; ; attempt++ {
		port, err := claimPort(cfg.Port, "PostgreSQL")
		if err != nil {
			return err
		}
		p.port = port
		err = p.startOnce(ctx, b, a)
		if err == nil || cfg.Port != 0 || attempt == 3 || !errors.Is(err, errPortTaken) {
			return err
		}
	}
}

// errPortTaken is returned when the server found its port in use.
var errPortTaken = errors.New("the port was taken meanwhile")

func (p *Postgres) startOnce(ctx context.Context, b Binaries, a *account) error {
	log, before, err := openLog(filepath.Join(p.dir, logFile))
	if err != nil {
		return err
	}
	defer log.Close() // the server keeps its own copy
	cmd := exec.Command(b.Postgres, "-D", filepath.Join(p.dir, dataFolder), "-p", strconv.Itoa(p.port))
	cmd.Dir, cmd.Env = p.dir, cleanEnv()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: a.credential()}
	if p.process, err = startProcess(cmd, syscall.SIGINT); err != nil {
		return err
	}
	err = p.waitReady(ctx)
	if err == nil {
		return nil
	}
	said := newText(log, before)
	if stopErr := p.stopNow(); stopErr != nil {
		err = errors.Join(err, stopErr)
	}
	if strings.Contains(said, "Address already in use") {
		err = fmt.Errorf("%w: %w", errPortTaken, err)
	}
	return fmt.Errorf("start PostgreSQL in %s: %w: %s", p.dir, err, lastLines([]byte(said), 5))
}

// openLog opens the server's log and returns its length.
func openLog(path string) (*os.File, int64, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > maxLogBytes {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, 0, fmt.Errorf("set the full log aside: %w", err)
		}
	}
	log, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, 0, fmt.Errorf("open the database's log: %w", err)
	}
	info, err := log.Stat()
	if err != nil {
		log.Close()
		return nil, 0, fmt.Errorf("open the database's log: %w", err)
	}
	return log, info.Size(), nil
}

// newText returns what was written to the log from offset on, at most 64 KiB of it.
func newText(log *os.File, offset int64) string {
	text := make([]byte, 64<<10)
	n, _ := log.ReadAt(text, offset) // io.EOF: the log is shorter
	return string(text[:n])
}

// waitReady waits until the server accepts connections, or rejects the password.
func (p *Postgres) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return p.process.await(ctx, pollInterval, func() (bool, error) {
		err := ping(ctx, p.URL("postgres"))
		if refused(err) {
			return false, err
		}
		return err == nil, nil
	})
}

// ping connects to a database once.
func ping(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// refused reports whether the server is up but rejects the password, as after a restored folder.
func refused(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && strings.HasPrefix(pgErr.Code, "28")
}

// URL returns the connection string of one of the server's databases, password included.
func (p *Postgres) URL(database string) string {
	return databaseURL(url.UserPassword(superuser, p.password), p.port, database)
}

// Dir returns the folder of the server's files. It differs from the configured one where that is a link.
func (p *Postgres) Dir() string { return p.dir }

// Version returns what the server says of itself.
func (p *Postgres) Version() string { return p.version }

// PID returns the server's process id.
func (p *Postgres) PID() int { return p.process.cmd.Process.Pid }

// Exited returns a channel that is closed when the server has ended, by Stop or by itself.
func (p *Postgres) Exited() <-chan struct{} { return p.process.exited }

// CreateDatabase makes a database unless there is one of that name.
func (p *Postgres) CreateDatabase(ctx context.Context, name string) error {
	return createDatabase(ctx, p.URL("postgres"), name)
}

// Stop ends the server: it closes connections and writes out what was committed. If ctx ends first the server is
// stopped without that, which costs the next start a recovery but no data. It may be called again.
func (p *Postgres) Stop(ctx context.Context) error {
	if err := p.process.signal(syscall.SIGINT); err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	select {
	case <-p.process.exited:
		return nil
	case <-ctx.Done():
		return p.stopNow()
	}
}

func (p *Postgres) stopNow() error {
	if err := p.process.signal(syscall.SIGQUIT); err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	return p.process.finish()
}

func createDatabase(ctx context.Context, url, name string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	defer conn.Close(ctx)
	var exists bool
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)`, name).Scan(&exists)
	if err != nil {
		return fmt.Errorf("look for database %s: %w", name, err)
	}
	if exists {
		return nil
	}
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	return nil
}
