package databasetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/testkit"
)

// TestReset: whatever a test did to a database, the next one finds what the migrations leave, seed tables included.
func TestReset(t *testing.T) {
	url := URL(t)
	db := Open(t, url, "eu-west")
	before := contents(t, db)
	if len(before) < 40 || len(before["tax_rates"]) == 0 || len(before["markets"]) == 0 || len(before["pricing_state"]) != 1 {
		t.Fatalf("a fresh database has %d tables, %d tax rates", len(before), len(before["tax_rates"]))
	}
	for _, sql := range []string{
		`INSERT INTO categories (id, name, slug, path, level) VALUES ('a', 'A', 'a', '/a/', 1)`,
		`INSERT INTO categories (id, name, slug, path, level, parent_id) VALUES ('b', 'B', 'b', '/a/b/', 2, 'a')`,
		`INSERT INTO sellers (id, slug, name) VALUES (gen_random_uuid(), 'ann', 'Ann')`,
		`INSERT INTO products (id, seller_id, seller_key, slug, title, category_id)
SELECT gen_random_uuid(), id, 'k', 'k', 'K', 'b' FROM sellers`,
		`INSERT INTO skus (sku, product_id) SELECT 'K', id FROM products`,
		`INSERT INTO take_overs (region, holder, held_until) VALUES ('eu-west', 'us-east', now())`,
		`UPDATE pricing_state SET version = version + 7`,
		`DELETE FROM markets WHERE code = (SELECT min(code) FROM markets)`,
		`UPDATE tax_rates SET rate_mpct = 1`,
	} {
		Exec(t, db, sql)
	}
	testkit.NoError(t, reset(context.Background(), url, db.Engine()))
	if diff := cmp.Diff(before, contents(t, db)); diff != "" {
		t.Errorf("the reset database is another (-fresh +reset):\n%s", diff)
	}
}

// contents returns the rows of all tables but the migrations' own, without the moments at which they were written.
func contents(t *testing.T, db *database.DB) map[string][]string {
	t.Helper()
	tables := testkit.Must(database.List(t.Context(), db, pgx.RowTo[string], `
SELECT table_name::text
FROM information_schema.tables
WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name NOT LIKE 'goose%'`))(t)
	all := make(map[string][]string)
	for _, table := range tables {
		rows := testkit.Must(database.List(t.Context(), db, pgx.RowTo[string], fmt.Sprintf(`
SELECT (to_jsonb(r) - 'changed_at' - 'created_at' - 'updated_at')::text AS row FROM %s r ORDER BY row`,
			pgx.Identifier{table}.Sanitize())))(t)
		all[table] = rows
	}
	return all
}
