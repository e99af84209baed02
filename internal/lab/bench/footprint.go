package bench

import (
	"context"
	"encoding/base32"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/lab/client"
)

// footprint holds the rows that one real journey through the shop, of a cart or an order, left
// behind. Copies of it under new identifiers are the bare statements of a limit. The columns
// come from the database, so a migration changes shop and limit alike.
type footprint struct {
	rows  []row // parents before the rows that refer to them
	taken time.Time
	// ids lists the identifiers that every copy replaces by its own.
	ids []string
}

// row is a row of a table, with its values in the order of the columns.
type row struct {
	*table
	values []value
}

// value is a value as text, or NULL.
type value struct {
	text   *string
	at     time.Time // of a timestamp
	due    bool      // at lay ahead when it was read
	varies bool      // the text holds an identifier
}

// table describes a table, as the database does.
type table struct {
	trace
	columns []column
	inserts sync.Map // statements, see insert
}

type column struct {
	Name, Type string
	InKey      bool
}

// trace names a table in which a cart or an order leaves rows.
type trace struct {
	name  string
	owner string // the expression that names the cart or the order
	token string // a column of random text that identifies the row
	// workers act on the rows until they are done, so copies have them as they are in the end.
	workers bool
}

// traces lists the tables with the rows of carts and orders. Reservations and movements of
// stock are missing: copies move stock by inventory's own statements.
var traces = []trace{
	{name: "carts", owner: "id::text"},
	{name: "cart_lines", owner: "cart_id::text"},
	{name: "idempotency_keys", owner: "resource", token: "key"},
	{name: "orders", owner: "id::text"},
	{name: "order_lines", owner: "order_id::text"},
	{name: "order_history", owner: "order_id::text"},
	{name: "payments", owner: "order_id::text"},
	{name: "outbox", owner: "key", workers: true},
	{name: "webhook_inbox", owner: "event ->> 'PaymentID'", token: "event_id", workers: true},
}

// readFootprints returns the footprint of each journey, which is named by the identifiers that
// its rows may have as owner. UUIDs in kept stay as they are in copies.
func readFootprints(ctx context.Context, db *database.DB, journeys [][]string, kept map[string]bool) ([]footprint, error) {
	prints := make([]footprint, len(journeys))
	of := make(map[string]*footprint)
	for i, names := range journeys {
		prints[i].taken = time.Now()
		for _, name := range names {
			of[name] = &prints[i]
		}
	}
	owners := slices.Concat(journeys...)
	for _, trace := range traces {
		t, err := describeTable(ctx, db, trace)
		if err != nil {
			return nil, err
		}
		rows, err := t.read(ctx, db, owners)
		if err != nil {
			return nil, err
		}
		for _, texts := range rows {
			of[*texts[0]].add(t, texts[1:], kept)
		}
	}
	for i := range prints {
		if len(prints[i].rows) == 0 {
			return nil, fmt.Errorf("%v left no rows behind", journeys[i])
		}
		prints[i].findIDs()
	}
	return prints, nil
}

func describeTable(ctx context.Context, db *database.DB, t trace) (*table, error) {
	columns, err := database.List(ctx, db, pgx.RowToStructByPos[column], `
SELECT c.column_name::text, c.data_type::text, EXISTS (
  SELECT 1
  FROM information_schema.table_constraints k
  JOIN information_schema.key_column_usage u
    ON u.table_schema = k.table_schema AND u.table_name = k.table_name AND u.constraint_name = k.constraint_name
  WHERE k.constraint_type = 'PRIMARY KEY' AND k.table_schema = c.table_schema AND k.table_name = c.table_name
    AND u.column_name = c.column_name)
FROM information_schema.columns c
WHERE c.table_schema = 'public' AND c.table_name = $1 AND c.is_generated = 'NEVER'
ORDER BY c.ordinal_position`, t.name)
	if err != nil {
		return nil, fmt.Errorf("describe table %s: %w", t.name, err)
	}
	return &table{trace: t, columns: columns}, nil
}

// read returns the rows of some owners: the owner first, then the columns, all as text.
func (t *table) read(ctx context.Context, db *database.DB, owners []string) ([][]*string, error) {
	var columns strings.Builder
	for _, c := range t.columns {
		columns.WriteString(", " + c.Name + "::text")
	}
	rows, err := database.List(ctx, db, func(row pgx.CollectableRow) ([]*string, error) {
		texts := make([]*string, 1+len(t.columns))
		into := make([]any, len(texts))
		for i := range texts {
			into[i] = &texts[i]
		}
		return texts, row.Scan(into...)
	}, "SELECT "+t.owner+columns.String()+" FROM "+t.name+" WHERE "+t.owner+" = ANY($1::text[]) ORDER BY 1", owners)
	if err != nil {
		return nil, fmt.Errorf("read the rows in %s: %w", t.name, err)
	}
	return rows, nil
}

func (f *footprint) add(t *table, texts []*string, kept map[string]bool) {
	r := row{table: t, values: make([]value, len(texts))}
	for i, c := range t.columns {
		if r.values[i].text = texts[i]; texts[i] == nil {
			continue
		}
		if strings.HasPrefix(c.Type, "timestamp") {
			// One that cannot be parsed, infinity, stays a text.
			r.values[i].at, _ = time.Parse("2006-01-02 15:04:05.999999999-07", *texts[i])
			r.values[i].due = r.values[i].at.After(f.taken)
		}
		isID := c.Type == "uuid" && !kept[*texts[i]] || c.Name == t.token
		if isID && !slices.Contains(f.ids, *texts[i]) {
			f.ids = append(f.ids, *texts[i])
		}
	}
	f.rows = append(f.rows, r)
}

// findIDs marks the values that hold an identifier, in either spelling.
func (f *footprint) findIDs() {
	var spellings []string
	for _, id := range f.ids {
		spellings = append(spellings, id)
		if parsed, err := uuid.Parse(id); err == nil {
			spellings = append(spellings, publicBody(parsed))
		}
	}
	for _, r := range f.rows {
		for i, v := range r.values {
			r.values[i].varies = v.text != nil &&
				slices.ContainsFunc(spellings, func(spelling string) bool { return strings.Contains(*v.text, spelling) })
		}
	}
}

// publicBody returns a UUID as it is spelled in public ids.
func publicBody(id uuid.UUID) string {
	return base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding).EncodeToString(id[:])
}

// find returns the value in a column of the first row of a table.
func (f *footprint) find(tableName, columnName string) string {
	for _, r := range f.rows {
		for i, c := range r.columns {
			if r.name == tableName && c.Name == columnName && r.values[i].text != nil {
				return *r.values[i].text
			}
		}
	}
	return ""
}

// changed returns the rows that an earlier footprint of the journey does not have as they are.
func (f *footprint) changed(before footprint) []row {
	return slices.DeleteFunc(slices.Clone(f.rows), func(r row) bool {
		return slices.ContainsFunc(before.rows, func(b row) bool { return r.same(b, false) })
	})
}

// finishWork replaces rows that workers act on by what they became in a later footprint.
func (f *footprint) finishWork(later footprint) {
	for i, r := range f.rows {
		at := slices.IndexFunc(later.rows, func(l row) bool { return r.workers && r.same(l, true) })
		if at >= 0 {
			f.rows[i].values = later.rows[at].values
		}
	}
}

// same reports whether two rows are equal, or have the same key.
func (r row) same(o row, key bool) bool {
	if r.name != o.name {
		return false
	}
	for i, c := range r.columns {
		a, b := r.values[i].text, o.values[i].text
		if (c.InKey || !key) && ((a == nil) != (b == nil) || a != nil && *a != *b) {
			return false
		}
	}
	return true
}

// duplicate is a copy of a journey: its own identifiers, and its time.
type duplicate struct {
	ids      map[string]uuid.UUID // by the original's
	replacer *strings.Replacer
	shift    time.Duration // of all times
}

// newDuplicate returns a copy, happening now, of the footprints of one journey.
func newDuplicate(prints ...footprint) duplicate {
	d := duplicate{ids: make(map[string]uuid.UUID), shift: time.Since(prints[0].taken)}
	var pairs []string
	for _, f := range prints {
		for _, old := range f.ids {
			if _, known := d.ids[old]; known {
				continue
			}
			d.ids[old] = uuid.New()
			parsed, err := uuid.Parse(old)
			if err != nil { // a token
				pairs = append(pairs, old, client.NewKey())
				continue
			}
			pairs = append(pairs, old, d.ids[old].String(), publicBody(parsed), publicBody(d.ids[old]))
		}
	}
	d.replacer = strings.NewReplacer(pairs...)
	return d
}

// dueLater moves deadlines of copies ahead, so that no worker of the shop takes up what the
// limit has not finished.
const dueLater = time.Hour

// arg returns a value of the copy as an argument of a statement.
func (d duplicate) arg(v value) any {
	switch {
	case v.text == nil:
		return nil
	case v.due:
		return v.at.Add(d.shift + dueLater)
	case !v.at.IsZero():
		return v.at.Add(d.shift)
	case v.varies:
		return d.replacer.Replace(*v.text)
	}
	return *v.text
}

// queueInsert inserts copies of rows, a statement a table. With again, it overwrites rows of
// which the copy exists.
func (d duplicate) queueInsert(b *database.Batch, rows []row, again bool) {
	for len(rows) > 0 {
		t, n := rows[0].table, 1
		for n < len(rows) && rows[n].name == t.name {
			n++
		}
		args := make([]any, 0, n*len(t.columns))
		for _, r := range rows[:n] {
			for _, v := range r.values {
				args = append(args, d.arg(v))
			}
		}
		b.Queue(t.insert(n, again), args...)
		rows = rows[n:]
	}
}

// insert returns the statement that inserts n rows, which is made once.
func (t *table) insert(n int, again bool) string {
	type variant struct {
		rows  int
		again bool
	}
	if text, made := t.inserts.Load(variant{n, again}); made {
		return text.(string)
	}
	var names, keys, sets, rows []string
	for _, c := range t.columns {
		names = append(names, c.Name)
		if c.InKey {
			keys = append(keys, c.Name)
		} else {
			sets = append(sets, c.Name+" = excluded."+c.Name)
		}
	}
	for i := range n {
		marks := make([]string, len(names))
		for j := range marks {
			marks[j] = fmt.Sprintf("$%d", i*len(names)+j+1)
		}
		rows = append(rows, "("+strings.Join(marks, ", ")+")")
	}
	text := "INSERT INTO " + t.name + " (" + strings.Join(names, ", ") + ") VALUES " + strings.Join(rows, ", ")
	if again {
		text += " ON CONFLICT (" + strings.Join(keys, ", ") + ") DO UPDATE SET " + strings.Join(sets, ", ")
	}
	t.inserts.Store(variant{n, again}, text)
	return text
}
