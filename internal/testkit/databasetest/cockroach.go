package databasetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
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
	return truncateAll(ctx, url)
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

// truncateAll empties every table but the migrations' own, in one statement so that foreign keys do not matter.
func truncateAll(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, `
SELECT table_name::text
FROM information_schema.tables
WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name NOT LIKE 'goose\_%'
ORDER BY table_name`)
	if err != nil {
		return fmt.Errorf("list the tables: %w", err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list the tables: %w", err)
	}
	if len(tables) == 0 {
		return nil
	}
	for i, table := range tables {
		tables[i] = pgx.Identifier{table}.Sanitize()
	}
	if _, err := conn.Exec(ctx, "TRUNCATE "+strings.Join(tables, ", ")+" CASCADE"); err != nil {
		return fmt.Errorf("empty the tables: %w", err)
	}
	return nil
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
