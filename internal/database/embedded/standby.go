package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// Upstream is the server that a standby follows, as the standby reaches it.
type Upstream struct {
	Host string
	Port int
	// Password of the superuser, which is the same on both.
	Password string
	// Name is the standby's, by which synchronous_standby_names knows it.
	Name string
	// Version is what the server says of itself: a standby must be of the same major version.
	Version string
}

// Upstream returns the server as others follow it: at a host and port that lead to it, under the standby's name.
func (p *Postgres) Upstream(host string, port int, name string) Upstream {
	return Upstream{Host: host, Port: port, Password: p.password, Name: name, Version: p.version}
}

// CopyStandby replaces the data of a server that does not run by a copy of the upstream's, with which StartPostgres starts a
// standby of it. The old data is removed once the copy is complete. It needs pg_basebackup beside the server's program.
func CopyStandby(ctx context.Context, cfg PostgresConfig, from Upstream) error {
	a, err := serverAccount(cfg.Dir)
	if err != nil {
		return err
	}
	dir, err := settle(cfg.Dir, a)
	if err != nil {
		return err
	}
	unlock, err := lockFolder(dir)
	if err != nil {
		return err
	}
	defer unlock()
	if err := clearPostmaster(dir); err != nil {
		return err
	}
	major, err := majorVersion(from.Version)
	if err != nil {
		return err
	}
	b := cfg.Binaries
	if b == (Binaries{}) {
		if b, err = postgresFor(ctx, major, cfg.Tell); err != nil {
			return err
		}
	}
	if err := baseBackup(ctx, dir, b, from, a); err != nil {
		return err
	}
	if err := writeOwned(filepath.Join(dir, passwordFile), from.Password, a); err != nil {
		return err
	}
	return putInPlace(dir)
}

// baseBackup copies the upstream's data into newFolder, with the settings that make it a standby.
func baseBackup(ctx context.Context, dir string, b Binaries, from Upstream, a *account) error {
	program := filepath.Join(filepath.Dir(b.Postgres), "pg_basebackup")
	if _, err := os.Stat(program); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("a standby needs pg_basebackup, which is not beside %s: install a whole PostgreSQL (%s) or set %s to its folder",
			b.Postgres, installCommand(), PostgresBinEnv)
	}
	into := filepath.Join(dir, newFolder)
	if err := os.RemoveAll(into); err != nil {
		return fmt.Errorf("clear what an interrupted copy left: %w", err)
	}
	conninfo := fmt.Sprintf("host=%s port=%d user=%s application_name=%s sslmode=disable", from.Host, from.Port, superuser, from.Name)
	cmd := exec.CommandContext(ctx, program, "--pgdata="+into, "--dbname="+conninfo, "--wal-method=stream", "--checkpoint=fast",
		"--write-recovery-conf", "--no-password")
	cmd.Dir, cmd.Env = dir, append(cleanEnv(), "PGPASSWORD="+from.Password) // not an argument, which everybody can see
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: a.credential(), Setpgid: true}
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return fmt.Errorf("copy the primary's data: %w", ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("copy the primary's data: %s: %w: %s", program, err, lastLines(out, 3))
	}
	return nil
}

// putInPlace replaces the data folder by the new one.
func putInPlace(dir string) error {
	data := filepath.Join(dir, dataFolder)
	if err := os.RemoveAll(data); err != nil {
		return fmt.Errorf("remove the old data: %w", err)
	}
	if err := os.Rename(filepath.Join(dir, newFolder), data); err != nil {
		return fmt.Errorf("put the copy in place: %w", err)
	}
	return nil
}

// Port returns the server's port on 127.0.0.1.
func (p *Postgres) Port() int { return p.port }

// Connect opens a connection to a database of the server as its owner, whether it is a primary or a standby: a standby
// refuses the isolation that is the default here.
func (p *Postgres) Connect(ctx context.Context, database string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(p.URL(database))
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["default_transaction_isolation"] = "repeatable read"
	return pgx.ConnectConfig(ctx, config)
}

// promoteSeconds bounds a promotion.
const promoteSeconds = 60

// Promote makes a standby a primary, and returns when it takes writes. It does nothing to a primary. The caller must have
// made sure that the old primary has ended.
func (p *Postgres) Promote(ctx context.Context) error {
	conn, err := p.Connect(ctx, "postgres")
	if err != nil {
		return fmt.Errorf("promote the standby: %w", err)
	}
	defer conn.Close(ctx)
	var standby, promoted bool
	if err := conn.QueryRow(ctx, `SELECT pg_is_in_recovery()`).Scan(&standby); err != nil {
		return fmt.Errorf("promote the standby: %w", err)
	}
	if !standby {
		return nil
	}
	err = conn.QueryRow(ctx, `SELECT pg_promote(true, `+strconv.Itoa(promoteSeconds)+`)`).Scan(&promoted)
	if err == nil && !promoted {
		err = fmt.Errorf("it did not end its recovery in %d s", promoteSeconds)
	}
	if err != nil {
		return fmt.Errorf("promote the standby: %w", err)
	}
	return nil
}

// SetSystem changes a setting of the running server, for good; "" takes the default.
func (p *Postgres) SetSystem(ctx context.Context, name, value string) error {
	conn, err := p.Connect(ctx, "postgres")
	if err != nil {
		return fmt.Errorf("set %s: %w", name, err)
	}
	defer conn.Close(ctx)
	statement := "ALTER SYSTEM RESET " + name
	if value != "" {
		statement = "ALTER SYSTEM SET " + name + " = '" + strings.ReplaceAll(value, "'", "''") + "'"
	}
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("set %s: %w", name, err)
	}
	if _, err := conn.Exec(ctx, `SELECT pg_reload_conf()`); err != nil {
		return fmt.Errorf("set %s: %w", name, err)
	}
	return nil
}
