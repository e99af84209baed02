package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"meridian/internal/database"
	"meridian/regions"
)

// Up brings the database at url to this binary's schema. It sets the regions of set and then applies the missing
// migrations, one statement at a time, each recorded when it is done. Pods that start at once wait for each other by
// a lease row, since CockroachDB has no session locks. Up changes nothing on a current database, and refuses a server that
// is too old (database.EngineOf).
func Up(ctx context.Context, url string, set *regions.Set) error {
	db, err := connect(url)
	if err != nil {
		return err
	}
	defer db.Close()
	engine, err := engineOf(ctx, db) // before anything is written: it refuses what is too old
	if err != nil {
		return err
	}
	locker, err := lock.NewPostgresTableLocker(
		lock.WithTableLeaseDuration(30*time.Second),
		lock.WithTableHeartbeatInterval(5*time.Second),
		lock.WithTableLockTimeout(250*time.Millisecond, 2400),
	)
	if err != nil {
		return err
	}
	if err := locker.Lock(ctx, db); err != nil {
		return fmt.Errorf("wait for the migration lock: %w", err)
	}
	err = up(ctx, db, engine, set)
	return errors.Join(err, locker.Unlock(ctx, db))
}

func up(ctx context.Context, db *sql.DB, engine database.Engine, set *regions.Set) error {
	var name string
	if err := db.QueryRowContext(ctx, `SELECT current_database()`).Scan(&name); err != nil {
		return fmt.Errorf("ask for the database's name: %w", err)
	}
	existing, err := superRegions(ctx, db, engine, name)
	if err != nil {
		return err
	}
	statements, err := regionStatements(engine, set, name, existing)
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("tell the database its regions: %s: %w", statement, err)
		}
	}
	provider, err := newProvider(db, engine)
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// Applied is one migration statement with the time at which the database recorded it.
type Applied struct {
	Statement
	At time.Time // zero if it is still missing
}

// Status returns every migration statement of this binary with its state in the database.
func Status(ctx context.Context, url string) ([]Applied, error) {
	db, err := connect(url)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	engine, err := engineOf(ctx, db)
	if err != nil {
		return nil, err
	}
	statements, err := Statements(engine)
	if err != nil {
		return nil, err
	}
	provider, err := newProvider(db, engine)
	if err != nil {
		return nil, err
	}
	states, err := provider.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("migration status: %w", err)
	}
	applied := make([]Applied, len(statements))
	for i, statement := range statements {
		applied[i].Statement = statement
		at := slices.IndexFunc(states, func(s *goose.MigrationStatus) bool { return s.Source.Version == statement.Version })
		if at >= 0 && states[at].State == goose.StateApplied {
			applied[i].At = states[at].AppliedAt
		}
	}
	return applied, nil
}

// Latest returns the version of this binary's last migration statement for an engine.
func Latest(engine database.Engine) (int64, error) {
	statements, err := Statements(engine)
	if err != nil {
		return 0, err
	}
	return statements[len(statements)-1].Version, nil
}

// Current returns the version a database is at, 0 before the first Up. A pod is not ready while it is below Latest.
func Current(ctx context.Context, db *database.DB) (int64, error) {
	version, err := database.One(ctx, db, pgx.RowTo[int64], `SELECT coalesce(max(version_id), 0)::int8 FROM goose_db_version WHERE is_applied`)
	var pgErr *pgconn.PgError
	switch {
	case errors.As(err, &pgErr) && pgErr.Code == "42P01": // undefined table: nobody has recorded a version yet
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("ask for the schema's version: %w", err)
	}
	return version, nil
}

func connect(url string) (*sql.DB, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	config.RuntimeParams["application_name"] = "meridian-migrate"
	return stdlib.OpenDB(*config), nil
}

func engineOf(ctx context.Context, db *sql.DB) (database.Engine, error) {
	var version string
	if err := db.QueryRowContext(ctx, database.VersionQuery).Scan(&version); err != nil {
		return "", fmt.Errorf("ask the database what it is: %w", err)
	}
	return database.EngineOf(version)
}

// superRegions returns the super regions of the database and their regions, by name.
func superRegions(ctx context.Context, db *sql.DB, engine database.Engine, name string) (map[string][]string, error) {
	if engine != database.CockroachDB {
		return nil, nil
	}
	rows, err := db.QueryContext(ctx, fmt.Sprintf(
		`SELECT super_region_name, array_to_string(regions, ',') FROM [SHOW SUPER REGIONS FROM DATABASE %s]`,
		pgx.Identifier{name}.Sanitize()))
	if err != nil {
		return nil, fmt.Errorf("list super regions: %w", err)
	}
	defer rows.Close()
	existing := make(map[string][]string)
	for rows.Next() {
		var super, members string
		if err := rows.Scan(&super, &members); err != nil {
			return nil, err
		}
		existing[super] = splitNames(members)
	}
	return existing, rows.Err()
}

func newProvider(db *sql.DB, engine database.Engine) (*goose.Provider, error) {
	statements, err := Statements(engine)
	if err != nil {
		return nil, err
	}
	migrations := make([]*goose.Migration, len(statements))
	for i, statement := range statements {
		migrations[i] = goose.NewGoMigration(statement.Version, &goose.GoFunc{
			RunDB: func(ctx context.Context, db *sql.DB) error {
				_, err := db.ExecContext(ctx, statement.SQL)
				return err
			},
		}, nil)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, nil,
		goose.WithGoMigrations(migrations...),
		goose.WithDisableGlobalRegistry(true),
		goose.WithIsolateDDL(true),
		goose.WithSlog(slog.New(slog.NewTextHandler(io.Discard, nil))),
	)
	if err != nil {
		return nil, fmt.Errorf("prepare migrations: %w", err)
	}
	return provider, nil
}
