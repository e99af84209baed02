package schema_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/database"
	"meridian/internal/testkit"
	"meridian/regions"
	"meridian/schema"
	"meridian/schema/portability"
)

var update = flag.Bool("update", false, "write the golden files anew")

var engines = []database.Engine{database.PostgreSQL, database.CockroachDB}

func shipped(t testing.TB) *regions.Set {
	t.Helper()
	set := testkit.Must(regions.Shipped())(t)
	return set
}

// changed are the shipped regions with some of their files' text changed, or a file added.
func changed(t testing.TB, change func(name, text string) string, more fstest.MapFS) *regions.Set {
	t.Helper()
	files := fstest.MapFS{}
	names := testkit.Must(fs.Glob(os.DirFS("../regions"), "*.yaml"))(t)
	for _, name := range names {
		text := testkit.Must(os.ReadFile(filepath.Join("../regions", name)))(t)
		files[name] = &fstest.MapFile{Data: []byte(change(name, string(text)))}
	}
	for name, file := range more {
		files[name] = file
	}
	set := testkit.Must(regions.Load(files))(t)
	return set
}

func statements(t testing.TB, engine database.Engine) []schema.Statement {
	t.Helper()
	all := testkit.Must(schema.Statements(engine))(t)
	return all
}

func TestStatements(t *testing.T) {
	safe := regexp.MustCompile(`(?s)^(CREATE TABLE IF NOT EXISTS|CREATE (UNIQUE )?INDEX IF NOT EXISTS|ALTER TABLE \w+ ` +
		`(ADD COLUMN IF NOT EXISTS|DROP COLUMN IF EXISTS|DROP CONSTRAINT IF EXISTS|SET)|` +
		`DROP (INDEX|TABLE) IF EXISTS|UPDATE skus SET base_currency) [^;]*$|^INSERT INTO [^;]*\sON CONFLICT \([^)]*\) DO NOTHING$`)
	foreign := map[database.Engine]*regexp.Regexp{
		database.PostgreSQL:  regexp.MustCompile(`/\*|LOCALITY|ttl_|USING HASH`),
		database.CockroachDB: regexp.MustCompile(`/\*|fillfactor`),
	}
	files := map[int64]string{} // by version, of both engines
	for _, engine := range engines {
		all := statements(t, engine)
		if latest, err := schema.Latest(engine); err != nil || latest != all[len(all)-1].Version {
			t.Errorf("%s: latest is %d, %v", engine, latest, err)
		}
		var before int64
		for _, s := range all {
			if file, known := files[s.Version]; s.Version <= before || known && file != s.File {
				t.Errorf("%s: version %d of %s follows %d", engine, s.Version, s.File, before)
			}
			before, files[s.Version] = s.Version, s.File
			if !safe.MatchString(s.SQL) {
				t.Errorf("%s: %d cannot be sent twice, or is two statements: %s", engine, s.Version, s.SQL)
			}
			if foreign[engine].MatchString(s.SQL) {
				t.Errorf("%s: %d: a clause of the other engine's is left: %s", engine, s.Version, s.SQL)
			}
		}
	}
	for _, s := range statements(t, database.PostgreSQL) {
		for _, fault := range portability.Check(s.SQL) {
			t.Errorf("%d of %s: %s", s.Version, s.File, fault)
		}
	}
}

// TestPlan holds what a database is sent to the golden files, which document it.
func TestPlan(t *testing.T) {
	for _, engine := range engines {
		t.Run(string(engine), func(t *testing.T) {
			plan := testkit.Must(schema.Plan(engine, shipped(t), "shop"))(t)
			golden(t, "plan_"+string(engine)+".sql", strings.Join(plan, ";\n\n")+";\n")
		})
	}
}

// TestPlan_Residency is what CockroachDB is told of its regions when some keep their data.
func TestPlan_Residency(t *testing.T) {
	strict := func(names ...string) *regions.Set {
		return changed(t, func(name, text string) string {
			if slices.Contains(names, strings.TrimSuffix(name, ".yaml")) {
				return strings.Replace(text, "residency: default", "residency: strict", 1)
			}
			return text
		}, nil)
	}
	var text strings.Builder
	for _, names := range [][]string{nil, {"eu-west"}, {"us-east"}} {
		plan := testkit.Must(schema.Plan(database.CockroachDB, strict(names...), `a "shop"`))(t)
		fmt.Fprintf(&text, "-- strict: %v\n", names)
		for _, statement := range plan {
			if strings.HasPrefix(statement, "ALTER DATABASE") {
				fmt.Fprintf(&text, "%s;\n", statement)
			}
		}
	}
	golden(t, "residency_cockroach.sql", text.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		testkit.NoError(t, os.MkdirAll("testdata", 0o755))
		testkit.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want := testkit.Must(os.ReadFile(path))(t)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is another (-golden +now); if that is meant: go test ./schema -update\n%s", name, diff)
	}
}

const (
	global    = "GLOBAL"
	byRow     = "REGIONAL BY ROW AS region"
	inPrimary = "REGIONAL BY TABLE IN PRIMARY REGION"
)

// localities is where the architecture has the rows of each table live.
var localities = map[string]string{
	"sellers": global, "categories": global, "products": global, "category_products": global, "skus": global, "prices": global,
	"warehouses": global, "email_directory": global, "signing_keys": global,
	"accounts": byRow, "addresses": byRow, "refresh_tokens": byRow, "sign_in_guesses": byRow,
	"orders": byRow, "order_lines": byRow, "order_history": byRow, "payments": byRow, "refunds": byRow, "shipments": byRow,
	"webhook_inbox": byRow,
	"carts":         byRow, "cart_lines": byRow,
	"stock": byRow, "reservations": byRow, "stock_movements": byRow,
	"outbox": byRow, "idempotency_keys": byRow, "take_overs": byRow,
	"payment_checks": byRow, "reconciliations": byRow,
	"imports": byRow, "import_errors": byRow,
	"pricing_state": global, "price_changes": global, "price_change_lines": global, "markets": global, "rounding_rules": global,
	"tax_rates": global, "fx_rates": global, "price_lists": global, "price_entries": global, "promotions": global,
	// counters that every use in any region writes: a GLOBAL table's writes wait for all regions' clocks
	"promotion_uses": inPrimary, "promotion_customer_uses": inPrimary,
	"order_promotions": byRow,
	"search_replicas":  byRow, "search_set_aside": byRow, "search_jobs": byRow, "search_rules": global, "search_terms": byRow,
	"ratings": byRow, "product_ratings": global, "product_popularity": byRow, "product_pairs": byRow,
}

var (
	createTable = regexp.MustCompile(`(?s)^CREATE TABLE IF NOT EXISTS (\w+) \((.*)\)(.*)$`)
	locality    = regexp.MustCompile(`LOCALITY (GLOBAL|REGIONAL BY ROW AS region|REGIONAL BY TABLE IN PRIMARY REGION)$`)
	primaryKey  = regexp.MustCompile(`CONSTRAINT (\w+) PRIMARY KEY \(([^)]*)\)`)
	foreignKey  = regexp.MustCompile(`CONSTRAINT (\w+) FOREIGN KEY \(([^)]*)\) REFERENCES (\w+) \(([^)]*)\)`)
	createIndex = regexp.MustCompile(`(?s)^CREATE (UNIQUE )?INDEX IF NOT EXISTS (\w+) ON (\w+) \(([^)]*)\)(.*)$`)
)

// TestLocalities holds every table of CockroachDB to the architecture: where its rows live,
// and that nothing about a row makes its region ask another.
func TestLocalities(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range statements(t, database.CockroachDB) {
		if table := createTable.FindStringSubmatch(s.SQL); table != nil {
			seen[table[1]] = true
			checkTable(t, table[1], table[2], table[3])
		}
		if index := createIndex.FindStringSubmatch(s.SQL); index != nil {
			checkIndex(t, index[3], index[2], index[1] != "", index[4], index[5])
		}
	}
	for table := range localities {
		if !seen[table] {
			t.Errorf("there is no table %s", table)
		}
	}
}

func checkTable(t *testing.T, table, columns, tail string) {
	t.Helper()
	want, known := localities[table]
	if got := locality.FindStringSubmatch(tail); got == nil || got[1] != want {
		t.Errorf("%s is %s, want %q (known: %t)", table, strings.TrimSpace(tail), want, known)
	}
	key := primaryKey.FindStringSubmatch(columns)
	if key == nil || key[1] != table+"_pkey" {
		t.Fatalf("%s has no primary key named %s_pkey", table, table)
	}
	if want == byRow {
		if !strings.HasPrefix(strings.TrimSpace(columns), "region crdb_internal_region NOT NULL,") {
			t.Errorf("%s does not begin with its region", table)
		}
		if !startsWithRegion(key[2]) {
			t.Errorf("the primary key of %s is (%s): a key costs every region a visit", table, key[2])
		}
	}
	for _, f := range foreignKey.FindAllStringSubmatch(columns, -1) {
		between := want == byRow && localities[f[3]] == byRow
		if between && (!startsWithRegion(f[2]) || !startsWithRegion(f[4])) {
			t.Errorf("%s: (%s) references %s (%s) without the region", f[1], f[2], f[3], f[4])
		}
		if want == global && localities[f[3]] == byRow {
			t.Errorf("%s: a GLOBAL table references rows of one region", f[1])
		}
	}
}

func checkIndex(t *testing.T, table, name string, unique bool, columns, tail string) {
	t.Helper()
	regional := localities[table] == byRow
	if unique && regional && !startsWithRegion(columns) {
		t.Errorf("%s on %s (%s) is unique in the whole world: each insert asks every region", name, table, columns)
	}
	hashed := strings.Contains(tail, "USING HASH")
	if hashed && regional && strings.Contains(columns, "region") {
		t.Errorf("%s: a hash-sharded index of a regional table must not hold the region", name)
	}
	if first, _, _ := strings.Cut(columns, ","); strings.HasSuffix(first, "_at") && !hashed {
		t.Errorf("%s begins with a time and is not hash-sharded: all writes go to its end", name)
	}
}

func startsWithRegion(columns string) bool {
	first, _, _ := strings.Cut(columns, ",")
	return first == "region"
}
