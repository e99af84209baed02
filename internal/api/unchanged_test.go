package api

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/testkit"
)

// A snapshot is every row of a database: its table and its JSON.
type snapshot map[string]bool

// takeSnapshot reads the whole database but for what anybody may change: how often an account's password was guessed.
func takeSnapshot(t testing.TB, db *database.DB) snapshot {
	t.Helper()
	tables := testkit.Must(database.List(t.Context(), db, pgx.RowTo[string], `
SELECT table_name::text
FROM information_schema.tables
WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`))(t)
	rows := make(snapshot)
	for _, table := range tables {
		texts := testkit.Must(database.List(t.Context(), db, pgx.RowTo[string], fmt.Sprintf(`
SELECT (to_jsonb(r) - 'failed_sign_ins' - 'locked_until')::text
FROM %s AS r`, pgx.Identifier{table}.Sanitize())))(t)
		for _, text := range texts {
			rows[table+" "+text] = true
		}
	}
	return rows
}

// shopTables are the tables that only the shop's own people write.
var shopTables = []string{"categories", "sellers", "signing_keys", "stock", "stock_movements", "warehouses"}

// changes lists what has been done since: rows that are gone or different, unless they are the callers' own, and new
// ones about the owners or in the shop's tables. Callers and owners are ids that their rows hold.
func (before snapshot) changes(after snapshot, callers, owners []string) []string {
	holds := func(row string, ids []string) bool {
		return slices.ContainsFunc(ids, func(id string) bool { return strings.Contains(row, id) })
	}
	var found []string
	for _, row := range slices.Sorted(maps.Keys(before)) {
		if !after[row] && !holds(row, callers) {
			found = append(found, "changed or gone: "+row)
		}
	}
	for _, row := range slices.Sorted(maps.Keys(after)) {
		table, _, _ := strings.Cut(row, " ")
		if !before[row] && (holds(row, owners) || slices.Contains(shopTables, table)) {
			found = append(found, "new: "+row)
		}
	}
	return found
}

func TestSnapshot(t *testing.T) {
	before := snapshot{`carts {"a":1}`: true, `carts {"ben":1}`: true}
	for _, test := range []struct {
		name  string
		after snapshot
		want  int
	}{
		{"nothing", snapshot{`carts {"a":1}`: true, `carts {"ben":1}`: true}, 0},
		{"a row is gone", snapshot{`carts {"ben":1}`: true}, 1},
		{"a row is another", snapshot{`carts {"a":2}`: true, `carts {"ben":1}`: true}, 1},
		{"the caller's own is another", snapshot{`carts {"a":1}`: true, `carts {"ben":2}`: true}, 0},
		{"a new row of the caller", snapshot{`carts {"a":1}`: true, `carts {"ben":1}`: true, `carts {"b":1}`: true}, 0},
		{"a new row of the owner", snapshot{`carts {"a":1}`: true, `carts {"ben":1}`: true, `orders {"ada":1}`: true}, 1},
		{"a new row of the shop", snapshot{`carts {"a":1}`: true, `carts {"ben":1}`: true, `stock {"b":1}`: true}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := before.changes(test.after, []string{"ben"}, []string{"ada"}); len(got) != test.want {
				t.Errorf("found %q, want %d", got, test.want)
			}
		})
	}
	shop := newOrderShop(t)
	empty := takeSnapshot(t, shop.db)
	if shop.as("ada").fill(oneMug); len(empty.changes(takeSnapshot(t, shop.db), nil, []string{shop.ada.Ref.ID.String()})) == 0 {
		t.Error("ada's new cart was not seen")
	}
}
