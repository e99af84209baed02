package portability_test

import (
	"strings"
	"testing"

	"meridian/schema/portability"
)

func TestCheck(t *testing.T) {
	tests := []struct{ sql, want string }{
		{"SELECT a, b FROM t WHERE c = $1 ORDER BY a NULLS LAST", ""},
		{"SELECT count(*), sum(n)::int8 FROM t", ""},
		{"SELECT $1::int8 * n FROM t FOR UPDATE SKIP LOCKED", ""},
		{"SELECT '/', 'LISTEN', 'a -- b', 'it''s / that' FROM t", ""},
		{"SELECT a -- and / or *\nFROM t /* LISTEN */", ""},
		{"INSERT INTO t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET b = excluded.b", ""},
		{"CREATE TABLE t (a int8 NOT NULL, at timestamptz NOT NULL)", ""},
		{"CREATE TABLE t (a uuid REFERENCES s (id) ON DELETE CASCADE)", ""},
		{"WITH d AS (SELECT id FROM t LIMIT 3) DELETE FROM t USING d WHERE t.id = d.id", ""},
		{"WITH d AS (SELECT id FROM t FOR UPDATE SKIP LOCKED) UPDATE t SET n = 1 FROM d WHERE t.id = d.id", ""},
		{"UPDATE t SET n = (SELECT m FROM s ORDER BY m LIMIT 1)", ""},
		{"SELECT a / 2 FROM t", "div("},
		{"SELECT $1::int", "int8"},
		{"CREATE TABLE t (a integer NOT NULL)", "int8"},
		{"CREATE TABLE t (a serial)", "uuid"},
		{"CREATE TABLE t (a timestamp)", "timestamptz"},
		{"CREATE TABLE t (a varchar(3))", "text"},
		{"SELECT * FROM t", "name the columns"},
		{"SELECT t.* FROM t", "name the columns"},
		{"DELETE FROM t RETURNING *", "name the columns"},
		{"INSERT INTO t (a) VALUES (1) ON CONFLICT ON CONSTRAINT c DO NOTHING", "plain columns"},
		{"INSERT INTO t (a) VALUES (1) ON CONFLICT (lower(a)) DO NOTHING", "plain columns"},
		{"MERGE INTO t USING s ON true", "ON CONFLICT"},
		{"NOTIFY x", "poll"},
		{"SELECT pg_advisory_xact_lock(1)", "lease"},
		{"CREATE TEMP TABLE t (a int8)", "CTE"},
		{"SELECT a FROM t FOR SHARE", "FOR UPDATE"},
		{"SELECT a FROM t ORDER BY a COLLATE \"C\"", "C.UTF-8"},
		{"SELECT a @? '$.x' FROM t", "jsonb_path_query"},
		{"SELECT now() + make_interval(secs => 3)", "INTERVAL"},
		{"INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 1 RETURNING xmax = 0", "system columns"},
		{"UPDATE t SET a = 1 LIMIT 3", "CTE"},
		{"DELETE FROM t WHERE a = 1 ORDER BY b LIMIT 3", "CTE"},
		{"WITH x AS (UPDATE t SET a = 1 RETURNING b) UPDATE t SET c = 1 FROM x", "twice"},
		{"SELECT a FROM t AS OF SYSTEM TIME '-5s'", "FollowerRead"},
		{"SELECT a, (SELECT jsonb_agg(jsonb_build_object('b', s.b) ORDER BY s.b) FROM s WHERE s.a = t.a) FROM t", "once a row"},
		{"SELECT s.a, jsonb_agg(s.b ORDER BY s.b) FROM s GROUP BY s.a", ""},
		{"SELECT CASE WHEN a IS NULL THEN false ELSE NOT EXISTS (SELECT 1 FROM s WHERE s.a = t.a) END FROM t", "AND"},
		{"SELECT a IS NOT NULL AND NOT EXISTS (SELECT 1 FROM s WHERE s.a = t.a) FROM t", ""},
	}
	for _, test := range tests {
		got := strings.Join(portability.Check(test.sql), "; ")
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", test.sql, got, test.want)
		}
	}
}

// TestTables_Check: the statement that stopped every settlement with a success on CockroachDB is caught, and those that
// run there are not.
func TestTables_Check(t *testing.T) {
	tables := portability.NewTables([]string{
		"CREATE TABLE IF NOT EXISTS payments (\n  id uuid NOT NULL,\n  CONSTRAINT payments_status_known CHECK (status IN ('new', 'done')),\n" +
			"  CONSTRAINT payments_refunded_within CHECK (refunded_minor BETWEEN 0 AND (captured_minor)) -- not (note)\n)",
		"ALTER TABLE prices ADD CONSTRAINT prices_period CHECK (valid_to IS NULL OR valid_to >= valid_from)",
		"CREATE INDEX IF NOT EXISTS jobs_due_idx ON jobs (region, due_at) WHERE done_at IS NULL",
	})
	tests := []struct{ name, sql, want string }{
		{"the settlement of a payment that came too late", `
UPDATE payments SET refunded_minor = late.captured_minor
FROM (SELECT p.region, p.id, p.captured_minor FROM payments p WHERE p.status = 'captured') AS late
WHERE payments.region = late.region AND payments.id = late.id`, "refunded_minor = late.captured_minor"},
		{"the same with an alias", `
UPDATE payments SET refunded_minor = late.taken
FROM (SELECT p.region, p.id, p.captured_minor AS taken FROM payments p) AS late
WHERE payments.region = late.region AND payments.id = late.id`, ""},
		{"the same as an expression", `
UPDATE payments p SET refunded_minor = p.refunded_minor + late.captured_minor FROM late WHERE p.id = late.id`, ""},
		{"second of a list, in a CTE", `
WITH late AS (SELECT id, captured_minor FROM x),
  u AS (UPDATE payments AS p SET note = least(1, 2), refunded_minor = late.captured_minor FROM late WHERE p.id = late.id RETURNING p.id)
SELECT id FROM u`, "refunded_minor = late.captured_minor"},
		{"the target's own column", `UPDATE payments p SET refunded_minor = p.captured_minor FROM x WHERE p.id = x.id`, ""},
		{"assigned to its own name", `UPDATE prices p SET valid_to = n.valid_to FROM n WHERE p.valid_from = n.valid_from`, ""},
		{"both assigned", `UPDATE prices SET valid_to = n.valid_from, valid_from = n.valid_from FROM n WHERE prices.id = n.id`, ""},
		{"crossed", `UPDATE prices SET valid_to = n.valid_from FROM n WHERE prices.id = n.id`, "valid_to = n.valid_from"},
		{"a partial index", `UPDATE jobs j SET due_at = n.done_at FROM n WHERE j.id = n.id`, "due_at = n.done_at"},
		{"no CHECK mentions it", `UPDATE payments p SET note = n.remark FROM n WHERE p.id = n.id`, ""},
		{"without FROM", `UPDATE payments SET refunded_minor = payments.captured_minor WHERE id IS DISTINCT FROM $1`, ""},
		{"FROM of an operator", `UPDATE payments SET changed = a IS DISTINCT FROM b, refunded_minor = x.captured_minor WHERE id = 1`, ""},
		{"no UPDATE", `INSERT INTO payments (id) SELECT l.captured_minor FROM l FOR UPDATE`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := strings.Join(tables.Check(test.sql), "; ")
			if test.want == "" && got != "" || !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
