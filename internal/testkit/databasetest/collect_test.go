package databasetest

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/schema"
)

// TestRecorder sends statements of each kind through a pool and reads back what was kept of them.
func TestRecorder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "statements")
	r := newRecorder(dir)
	r.ofTests = true
	db := open(t, URL(t), func(c *database.Config) { c.Tracer = r })
	for range 2 {
		if _, err := database.One(t.Context(), db, pgx.RowTo[int64], "SELECT $1::int8", 42); err != nil {
			t.Fatal(err)
		}
	}
	err := db.Write(t.Context(), func(b *database.Batch) error {
		b.Queue(`INSERT INTO sellers (id, slug, name) VALUES ($1::uuid, $2, $3)`, "00000000-0000-0000-0000-000000000001", "ann", "Ann")
		b.Queue(`UPDATE sellers SET name = $1 WHERE name < 'B' AND slug = $2`, "Anne", "ann")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Tx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "\n-- why\nDELETE FROM sellers")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"SELECT version() LIKE 'CockroachDB%'",
		"SELECT $1::int8",
		"INSERT INTO sellers (id, slug, name) VALUES ($1::uuid, $2, $3)",
		"UPDATE sellers SET name = $1 WHERE name < 'B' AND slug = $2",
		"-- why\nDELETE FROM sellers",
	}
	if err := r.flush(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, readStatements(t, r.path)); diff != "" {
		t.Error(diff)
	}
	r.record("WITH x AS (SELECT 1) SELECT * FROM x")
	for range 2 { // what was written once is not written again
		if err := r.flush(); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(append(want, "WITH x AS (SELECT 1) SELECT * FROM x"), readStatements(t, r.path)); diff != "" {
		t.Error(diff)
	}
}

// TestRecorder_OwnOnly keeps what the shop sends, and not what a test does.
func TestRecorder_OwnOnly(t *testing.T) {
	r := newRecorder(t.TempDir())
	db := open(t, URL(t), func(c *database.Config) { c.Tracer = r })
	if _, err := schema.Current(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if _, err := database.One(t.Context(), db, pgx.RowTo[int64], "SELECT 1::int8"); err != nil {
		t.Fatal(err)
	}
	err := db.Write(t.Context(), func(b *database.Batch) error { b.Queue(`DELETE FROM sellers`); return nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := r.flush(); err != nil {
		t.Fatal(err)
	}
	want := []string{
		database.EngineQuery,
		"SELECT coalesce(max(version_id), 0)::int8 FROM goose_db_version WHERE is_applied",
	}
	if diff := cmp.Diff(want, readStatements(t, r.path)); diff != "" {
		t.Error(diff)
	}
}

func readStatements(t *testing.T, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var sql string
		if err := json.Unmarshal(lines.Bytes(), &sql); err != nil {
			t.Fatal(err)
		}
		all = append(all, sql)
	}
	return all
}

func TestQueriesRows(t *testing.T) {
	for sql, want := range map[string]bool{
		"SELECT 1":                           true,
		"select\n1":                          true,
		"(SELECT 1) UNION ALL SELECT 2":      true,
		"-- a\n-- b\n\tWITH x AS (…)":        true,
		"VALUES (1)":                         true,
		"-- ping":                            false,
		"begin isolation level serializable": false,
		"COMMIT":                             false,
		"SET LOCAL x = 1":                    false,
		"CREATE DATABASE x":                  false,
		"TRUNCATE sellers":                   false,
		"":                                   false,
	} {
		if got := queriesRows(sql); got != want {
			t.Errorf("queriesRows(%q) = %v", sql, got)
		}
	}
}
