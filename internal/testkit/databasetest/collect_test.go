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
	"meridian/internal/testkit"
	"meridian/schema"
)

// TestRecorder sends statements of each kind through a pool and reads back what was kept of them.
func TestRecorder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "statements")
	r := newRecorder(dir)
	r.ofTests = true
	db := open(t, URL(t), func(c *database.Config) { c.Tracer = r })
	for range 2 {
		testkit.Must(database.One(t.Context(), db, pgx.RowTo[int64], "SELECT $1::int8", 42))(t)
	}
	testkit.NoError(t, db.Write(t.Context(), func(b *database.Batch) error {
		b.Queue(`INSERT INTO sellers (id, slug, name) VALUES ($1::uuid, $2, $3)`, "00000000-0000-0000-0000-000000000001", "ann", "Ann")
		b.Queue(`UPDATE sellers SET name = $1 WHERE name < 'B' AND slug = $2`, "Anne", "ann")
		return nil
	}))
	testkit.NoError(t, db.Tx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "\n-- why\nDELETE FROM sellers")
		return err
	}))
	want := []string{
		"SELECT version()",
		"SELECT $1::int8",
		"INSERT INTO sellers (id, slug, name) VALUES ($1::uuid, $2, $3)",
		"UPDATE sellers SET name = $1 WHERE name < 'B' AND slug = $2",
		"-- why\nDELETE FROM sellers",
	}
	testkit.NoError(t, r.flush())
	if diff := cmp.Diff(want, readStatements(t, r.path)); diff != "" {
		t.Error(diff)
	}
	r.record("WITH x AS (SELECT 1) SELECT * FROM x", "")
	for range 2 { // what was written once is not written again
		testkit.NoError(t, r.flush())
	}
	if diff := cmp.Diff(append(want, "WITH x AS (SELECT 1) SELECT * FROM x"), readStatements(t, r.path)); diff != "" {
		t.Error(diff)
	}
}

// TestRecorder_OwnOnly keeps what the shop sends, and not what a test does.
func TestRecorder_OwnOnly(t *testing.T) {
	r := newRecorder(t.TempDir())
	db := open(t, URL(t), func(c *database.Config) { c.Tracer = r })
	testkit.Must(schema.Current(t.Context(), db))(t)
	testkit.Must(database.One(t.Context(), db, pgx.RowTo[int64], "SELECT 1::int8"))(t)
	testkit.NoError(t, db.Write(t.Context(), func(b *database.Batch) error { b.Queue(`DELETE FROM sellers`); return nil }))
	testkit.NoError(t, r.flush())
	want := []string{
		"SELECT coalesce(max(version_id), 0)::int8 FROM goose_db_version WHERE is_applied",
	}
	if diff := cmp.Diff(want, readStatements(t, r.path)); diff != "" {
		t.Error(diff)
	}
	if got := filepath.Base(filepath.Dir(r.path)); got != "databasetest" {
		t.Errorf("kept in the folder %s, want that of the tested package", got)
	}
}

func readStatements(t *testing.T, path string) []string {
	t.Helper()
	f := testkit.Must(os.Open(path))(t)
	defer f.Close()
	var all []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var sent Sent
		testkit.NoError(t, json.Unmarshal(lines.Bytes(), &sent))
		all = append(all, sent.SQL)
	}
	return all
}

func TestPackageOf(t *testing.T) {
	for function, want := range map[string]string{
		"meridian/internal/cart.(*Carts).Get":          "internal/cart",
		"meridian/internal/finance/report.Write.func1": "internal/finance/report",
		"meridian/schema.Up":                           "schema",
	} {
		if got := packageOf(function); got != want {
			t.Errorf("packageOf(%q) = %q, want %q", function, got, want)
		}
	}
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
