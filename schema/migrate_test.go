package schema_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/schema"
)

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn := testkit.Must(pgx.Connect(t.Context(), url))(t)
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func exec(t testing.TB, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func up(t testing.TB, url string) {
	t.Helper()
	testkit.NoError(t, schema.Up(t.Context(), url, shipped(t)))
}

// wantCurrent fails the test unless the database is at the latest version, wholly.
func wantCurrent(t testing.TB, url string) {
	t.Helper()
	db := databasetest.Open(t, url, "eu-west")
	latest := testkit.Must(schema.Latest(db.Engine()))(t)
	if current, err := schema.Current(t.Context(), db); err != nil || current != latest {
		t.Errorf("the database is at %d, %v; want %d", current, err, latest)
	}
	applied := testkit.Must(schema.Status(t.Context(), url))(t)
	for _, a := range applied {
		if a.At.IsZero() {
			t.Errorf("%d is missing", a.Version)
		}
	}
}

// describe is every column, index and constraint of a database.
func describe(t testing.TB, url string) []string {
	t.Helper()
	rows := testkit.Must(connect(t, url).Query(t.Context(), `
SELECT 'column ' || table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '')
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'constraint ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
UNION ALL SELECT 'region ' || enumlabel FROM pg_enum
ORDER BY 1`))(t)
	lines := testkit.Must(pgx.CollectRows(rows, pgx.RowTo[string]))(t)
	return lines
}

func TestUp_Twice(t *testing.T) {
	url := databasetest.Empty(t)
	up(t, url)
	wantCurrent(t, url)
	before := describe(t, url)
	conn := connect(t, url)
	var recorded, again int64
	count := `SELECT count(*) FROM goose_db_version`
	testkit.NoError(t, conn.QueryRow(t.Context(), count).Scan(&recorded))
	up(t, url)
	for _, s := range statements(t, databasetest.Open(t, url, "eu-west").Engine()) { // and each by hand
		exec(t, conn, s.SQL)
	}
	if diff := cmp.Diff(before, describe(t, url)); diff != "" {
		t.Errorf("the second time changed something:\n%s", diff)
	}
	if err := conn.QueryRow(t.Context(), count).Scan(&again); err != nil || again != recorded {
		t.Errorf("%d versions recorded after %d, %v", again, recorded, err)
	}
	wantCurrent(t, url)
}

// TestUp_AtOnce starts eight pods on an empty database.
func TestUp_AtOnce(t *testing.T) {
	url := databasetest.Empty(t)
	set := shipped(t)
	var pods sync.WaitGroup
	for range 8 {
		pods.Go(func() {
			if err := schema.Up(t.Context(), url, set); err != nil {
				t.Error(err)
			}
		})
	}
	pods.Wait()
	wantCurrent(t, url)
	alone := databasetest.Empty(t)
	up(t, alone)
	if diff := cmp.Diff(describe(t, alone), describe(t, url)); diff != "" {
		t.Errorf("not what one pod makes:\n%s", diff)
	}
}

// TestUp_Interrupted breaks a migration off half-way, and before the last statement that
// was done could be recorded.
func TestUp_Interrupted(t *testing.T) {
	databasetest.OnlyPostgreSQL(t, "an event trigger breaks the migration off")
	url := databasetest.Empty(t)
	conn := connect(t, url)
	exec(t, conn, `
CREATE FUNCTION pull_the_plug() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
  IF to_regclass('payments') IS NOT NULL THEN RAISE EXCEPTION 'the plug was pulled'; END IF;
END $$`)
	exec(t, conn, `CREATE EVENT TRIGGER plug ON ddl_command_start
  WHEN TAG IN ('CREATE TABLE', 'CREATE INDEX') EXECUTE FUNCTION pull_the_plug()`)
	err := schema.Up(t.Context(), url, shipped(t))
	if err == nil || !strings.Contains(err.Error(), "the plug was pulled") || !strings.Contains(err.Error(), "migrate") {
		t.Fatalf("got %v", err)
	}
	latest, _ := schema.Latest(database.PostgreSQL)
	db := databasetest.Open(t, url, "eu-west")
	half, err := schema.Current(t.Context(), db)
	if err != nil || half == 0 || half >= latest {
		t.Fatalf("half-way at %d of %d, %v", half, latest, err)
	}
	applied := testkit.Must(schema.Status(t.Context(), url))(t)
	for _, a := range applied {
		if done := !a.At.IsZero(); done != (a.Version <= half) {
			t.Errorf("%d of %s: done %t, half-way at %d", a.Version, a.File, done, half)
		}
	}
	exec(t, conn, `DROP EVENT TRIGGER plug`)
	exec(t, conn, `DROP FUNCTION pull_the_plug`)
	exec(t, conn, `DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version)`)
	up(t, url)
	wantCurrent(t, url)
	whole := databasetest.Empty(t)
	up(t, whole)
	if diff := cmp.Diff(describe(t, whole), describe(t, url)); diff != "" {
		t.Errorf("not what an uninterrupted migration makes:\n%s", diff)
	}
}

// TestUp_FifthRegion opens a region in a shop that has four.
func TestUp_FifthRegion(t *testing.T) {
	databasetest.OnlyPostgreSQL(t, "the cluster would need a node of a fifth region")
	url := databasetest.Empty(t)
	up(t, url)
	insert := `INSERT INTO outbox (region, topic, key, payload) VALUES ('sa-east', 'thing.done', 'thg_1', '{}')`
	conn := connect(t, url)
	if _, err := conn.Exec(t.Context(), insert); err == nil {
		t.Fatal("a row of a region that does not exist")
	}
	five := changed(t, func(name, text string) string {
		if name == "us-east.yaml" {
			text = strings.Replace(text, `"BR", `, "", 1)
			text = strings.Replace(text, "traffic_share_bp: 4000", "traffic_share_bp: 3500", 1)
		}
		return text
	}, fstest.MapFS{"sa-east.yaml": {Data: []byte(saEast)}})
	for range 2 {
		testkit.NoError(t, schema.Up(t.Context(), url, five))
	}
	fresh := connect(t, url) // a connection knows the regions there were when it was made
	exec(t, fresh, insert)
	wantCurrent(t, url)
	up(t, url) // a pod of the release before starts again: it takes nothing away
	exec(t, fresh, strings.Replace(insert, "thg_1", "thg_2", 1))
	plan, err := schema.Plan(database.CockroachDB, five, "shop")
	if err != nil || !strings.Contains(strings.Join(plan, "\n"), `ALTER DATABASE "shop" ADD REGION IF NOT EXISTS "sa-east"`) {
		t.Errorf("CockroachDB is not told: %v", err)
	}
}

const saEast = `
name: sa-east
code: sae
title: South America East (São Paulo)
cloud:
  provider: aws
  region: sa-east-1
latitude: -23.55
longitude: -46.63
super_region: sa
residency: default
traffic_share_bp: 500
failover: [us-east, us-west, eu-west, ap-southeast]
services: [api, worker, search, payments]
currencies: [USD]
languages: [pt-BR]
countries: ["BR"]
warehouses:
  - {code: sae-1, title: São Paulo, country: "BR", latitude: -23.55, longitude: -46.63}
`

func TestStatus_Empty(t *testing.T) {
	url := databasetest.Empty(t)
	applied, err := schema.Status(t.Context(), url)
	if err != nil || len(applied) != len(statements(t, database.PostgreSQL)) {
		t.Fatalf("%d statements, %v", len(applied), err)
	}
	for _, a := range applied {
		if !a.At.IsZero() {
			t.Errorf("%d is applied to an empty database", a.Version)
		}
	}
	if current, err := schema.Current(t.Context(), databasetest.Open(t, databasetest.Empty(t), "eu-west")); err != nil || current != 0 {
		t.Errorf("an empty database is at %d, %v", current, err)
	}
}

// TestFaults: what cannot work says what was tried, and no password.
func TestFaults(t *testing.T) {
	for _, url := range []string{
		"postgres://shop:s3cret@127.0.0.1:1/shop", "postgres://shop:s3cret@127.0.0.1:99999999/shop", "mysql://shop:s3cret@db/shop",
	} {
		_, statusErr := schema.Status(t.Context(), url)
		ctx, cancel := context.WithCancel(t.Context())
		for name, err := range map[string]error{"up": schema.Up(ctx, url, shipped(t)), "status": statusErr} {
			if err == nil || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s of %s: %v", name, url, err)
			}
		}
		cancel()
	}
}

// TestOldServer: a server that is too old is not migrated, and both versions are named.
func TestOldServer(t *testing.T) {
	url := databasetest.FakeServer(t, "CockroachDB CCL v22.2.19 (x86_64-pc-linux-gnu)")
	_, statusErr := schema.Status(t.Context(), url)
	for name, err := range map[string]error{"up": schema.Up(t.Context(), url, shipped(t)), "status": statusErr} {
		if err == nil || !strings.Contains(err.Error(), "22.2") || !strings.Contains(err.Error(), "23.1") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
