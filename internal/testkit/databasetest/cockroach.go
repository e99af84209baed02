package databasetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/regions"
	"meridian/schema"
)

// cockroachEnv names the environment variable with the connection string of a CockroachDB to test on, for a user who
// may create databases: postgresql://root@127.0.0.1:26257/defaultdb?sslmode=disable.
const cockroachEnv = "COCKROACH_URL"

// OnlyPostgreSQL skips a test on CockroachDB, with the reason: what it does to the server is not to be had there.
func OnlyPostgreSQL(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv(cockroachEnv) != "" {
		t.Skip("not on CockroachDB: " + reason)
	}
}

// migratedHere holds the pool's databases that this process has migrated.
var migratedHere sync.Map

// takePooled returns a migrated database that no other test uses, emptied, and gives it back at the test's end. The
// databases stay on the cluster for the next run: making one takes CockroachDB many seconds.
func takePooled(ctx context.Context, t testing.TB, cluster string) string {
	t.Helper()
	url, lock, err := pooledDatabase(ctx, cluster)
	if err != nil {
		t.Fatalf("take a test database from the pool: %v", err)
	}
	t.Cleanup(lock.release)
	return url
}

func pooledDatabase(ctx context.Context, cluster string) (url string, lock *fileLock, err error) {
	set, err := regions.Shipped()
	if err != nil {
		return "", nil, err
	}
	fingerprint, err := schemaFingerprint(database.CockroachDB, set)
	if err != nil {
		return "", nil, err
	}
	name, lock, err := freeSlot(cluster, fingerprint)
	if err != nil {
		return "", nil, err
	}
	url = onDatabase(cluster, name)
	if err := preparePooled(ctx, cluster, name, set); err != nil {
		lock.release()
		return "", nil, err
	}
	return url, lock, nil
}

// freeSlot locks the first free database of the pool and returns its name. The pool has as many as tests ran at once.
func freeSlot(cluster, fingerprint string) (string, *fileLock, error) {
	sum := sha256.Sum256([]byte(cluster))
	dir, err := privateFolder("cockroach-" + hex.EncodeToString(sum[:4]))
	if err != nil {
		return "", nil, err
	}
	for n := 1; ; n++ {
		name := fmt.Sprintf("meridian_test_%s_%d", fingerprint, n)
		lock, err := lockNow(filepath.Join(dir, name))
		if err != nil {
			return "", nil, err
		}
		if lock != nil {
			return name, lock, nil
		}
	}
}

// preparePooled creates and migrates a database of the pool where needed, and empties it.
func preparePooled(ctx context.Context, cluster, name string, set *regions.Set) error {
	url := onDatabase(cluster, name)
	if _, done := migratedHere.Load(url); !done {
		if err := createIfMissing(ctx, cluster, name); err != nil {
			return err
		}
		if err := schema.Up(ctx, url, set); err != nil {
			return fmt.Errorf("run the migrations: %w", err)
		}
		migratedHere.Store(url, true)
	}
	return reset(ctx, url, database.CockroachDB)
}

func createIfMissing(ctx context.Context, cluster, name string) error {
	conn, err := pgx.Connect(ctx, cluster)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var exists bool
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)`, name).Scan(&exists)
	if err != nil || exists {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+name)
	return err
}

// reset makes a migrated database what the migrations leave: every table is emptied, and their own rows are inserted
// again. To truncate tables is a change of the schema on CockroachDB, which takes seconds a database.
func reset(ctx context.Context, url string, engine database.Engine) error {
	statements, err := resetStatements(engine)
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("reset the database: %s: %w", sql, err)
		}
	}
	return nil
}

var (
	createdTable = regexp.MustCompile(`^CREATE TABLE IF NOT EXISTS (\w+)`)
	copiedTable  = regexp.MustCompile(`(?s)\bSELECT\b.*\bFROM (\w+)`)
	droppedTable = regexp.MustCompile(`^DROP TABLE IF EXISTS (\w+)`)
)

// resetStatements returns the statements of reset: the tables are emptied in the reverse order of their making, so that
// rows go before those that they reference.
func resetStatements(engine database.Engine) ([]string, error) {
	migrations, err := schema.Statements(engine)
	if err != nil {
		return nil, err
	}
	var tables, dropped []string
	for _, m := range migrations {
		if table := createdTable.FindStringSubmatch(m.SQL); table != nil {
			tables = append(tables, table[1])
		}
		if table := droppedTable.FindStringSubmatch(m.SQL); table != nil {
			dropped = append(dropped, table[1])
		}
	}
	var all []string
	for _, table := range slices.Backward(tables) {
		if !slices.Contains(dropped, table) {
			all = append(all, "DELETE FROM "+table+" WHERE true")
		}
	}
	for _, m := range migrations {
		source := copiedTable.FindStringSubmatch(m.SQL) // of rows that a new database does not have
		if strings.HasPrefix(m.SQL, "INSERT INTO ") && (source == nil || !slices.Contains(dropped, source[1])) {
			all = append(all, m.SQL)
		}
	}
	return all, nil
}

// newCockroachDatabase makes a database without tables for one test.
func newCockroachDatabase(ctx context.Context, t testing.TB, cluster string) string {
	t.Helper()
	name := "meridian_test_empty_" + randomName()
	if err := createIfMissing(ctx, cluster, name); err != nil {
		t.Fatalf("make the test's database: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
		defer cancel()
		if err := drop(ctx, cluster, name); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return onDatabase(cluster, name)
}

func drop(ctx context.Context, cluster, name string) error {
	conn, err := pgx.Connect(ctx, cluster)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "DROP DATABASE IF EXISTS "+name)
	return err
}
