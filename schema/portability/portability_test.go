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
	}
	for _, test := range tests {
		got := strings.Join(portability.Check(test.sql), "; ")
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", test.sql, got, test.want)
		}
	}
}
