package bench

import (
	"context"
	"encoding/base32"
	"fmt"
	"slices"
	"strings"
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
	rows []row // parents before the rows that refer to them
	// fresh lists the identifiers that every copy replaces by its own.
	fresh []string
	taken time.Time // when the rows were read
}

// row is a row of a table, with its cells in the order of the columns.
type row struct {
	table *table
	cells []cell
}

// cell is a value: NULL, a time, or a text that may hold identifiers.
type cell struct {
	null   bool
	at     time.Time // if not zero
	due    bool      // at lay ahead when the row was read
	pieces []piece
}

// piece is a literal or, where id is not negative, an identifier.
type piece struct {
	literal string
	id      int
	public  bool // in the spelling of public ids
}

// table describes a table, as the database does.
type table struct {
	name    string
	columns []column
	workers bool // see traces
}

type column struct {
	Name, Type string
	InKey      bool
}

// traces lists the tables in which a cart or an order leaves rows, and by what these name it.
// Reservations and movements of stock are not copied: inventory's own statements make them.
var traces = []struct {
	table, owner string
	token        string // a column of random text that identifies the row
	workers      bool   // workers act on rows until they are done, so each is copied as it is in the end
}{
	{table: "carts", owner: "id::text"},
	{table: "cart_lines", owner: "cart_id::text"},
	{table: "idempotency_keys", owner: "resource", token: "key"},
	{table: "orders", owner: "id::text"},
	{table: "order_lines", owner: "order_id::text"},
	{table: "order_history", owner: "order_id::text"},
	{table: "payments", owner: "order_id::text"},
	{table: "outbox", owner: "key", workers: true},
	{table: "webhook_inbox", owner: "event ->> 'PaymentID'", token: "event_id", workers: true},
}

// readFootprints returns the footprint of each journey, which is named by the identifiers that
// its rows may have as owner. UUIDs in kept stay as they are in copies. before, if not nil,
// holds earlier footprints of the same journeys: one identity then serves both.
func readFootprints(ctx context.Context, db *database.DB, journeys [][]string, kept map[string]bool,
	before []footprint) ([]footprint, error) {
	prints := make([]footprint, len(journeys))
	of := make(map[string]int)
	var owners []string
	for i, names := range journeys {
		prints[i].taken = time.Now()
		if before != nil {
			prints[i].fresh = slices.Clone(before[i].fresh)
		}
		for _, name := range names {
			of[name] = i
		}
		owners = append(owners, names...)
	}
	texts := make([][][]*string, len(journeys)) // by journey, row and column
	for _, trace := range traces {
		t, err := describeTable(ctx, db, trace.table)
		if err != nil {
			return nil, err
		}
		t.workers = trace.workers
		rows, err := t.read(ctx, db, trace.owner, owners)
		if err != nil {
			return nil, err
		}
		for _, values := range rows {
			i := of[*values[0]]
			prints[i].rows = append(prints[i].rows, row{table: t})
			prints[i].identify(t, values[1:], trace.token, kept)
			texts[i] = append(texts[i], values[1:])
		}
	}
	for i := range prints {
		if len(prints[i].rows) == 0 {
			return nil, fmt.Errorf("%v left no rows behind", journeys[i])
		}
		prints[i].compile(texts[i])
	}
	return prints, nil
}

func describeTable(ctx context.Context, db *database.DB, name string) (*table, error) {
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
ORDER BY c.ordinal_position`, name)
	if err != nil {
		return nil, fmt.Errorf("describe table %s: %w", name, err)
	}
	return &table{name: name, columns: columns}, nil
}

// read returns the rows of some owners: the owner first, then the columns, all as text.
func (t *table) read(ctx context.Context, db *database.DB, owner string, owners []string) ([][]*string, error) {
	var columns strings.Builder
	for _, c := range t.columns {
		columns.WriteString(", " + c.Name + "::text")
	}
	rows, err := database.List(ctx, db, func(row pgx.CollectableRow) ([]*string, error) {
		values := make([]*string, 1+len(t.columns))
		into := make([]any, len(values))
		for i := range values {
			into[i] = &values[i]
		}
		return values, row.Scan(into...)
	}, "SELECT "+owner+columns.String()+" FROM "+t.name+" WHERE "+owner+" = ANY($1::text[]) ORDER BY 1", owners)
	if err != nil {
		return nil, fmt.Errorf("read the rows in %s: %w", t.name, err)
	}
	return rows, nil
}

// identify adds the identifiers of a row to those that copies get anew.
func (f *footprint) identify(t *table, values []*string, token string, kept map[string]bool) {
	for i, c := range t.columns {
		isID := c.Type == "uuid" && values[i] != nil && !kept[*values[i]] || c.Name == token
		if isID && !slices.Contains(f.fresh, *values[i]) {
			f.fresh = append(f.fresh, *values[i])
		}
	}
}

// compile finds the identifiers in every cell.
func (f *footprint) compile(texts [][]*string) {
	spellings := make(map[string]piece)
	for i, id := range f.fresh {
		spellings[id] = piece{id: i}
		if parsed, err := uuid.Parse(id); err == nil {
			spellings[publicBody(parsed)] = piece{id: i, public: true}
		}
	}
	for i, row := range f.rows {
		cells := make([]cell, len(row.table.columns))
		for j, c := range row.table.columns {
			cells[j] = newCell(c, texts[i][j], spellings, f.taken)
		}
		f.rows[i].cells = cells
	}
}

func newCell(c column, text *string, spellings map[string]piece, taken time.Time) cell {
	if text == nil {
		return cell{null: true}
	}
	if at, err := time.Parse("2006-01-02 15:04:05.999999999-07", *text); err == nil && strings.HasPrefix(c.Type, "timestamp") {
		return cell{at: at, due: at.After(taken)}
	}
	pieces := []piece{{literal: *text, id: -1}}
	for spelling, id := range spellings {
		pieces = split(pieces, spelling, id)
	}
	return cell{pieces: pieces}
}

// split replaces a spelling in the literals by its identifier. No literal is left empty but
// that of an empty text.
func split(pieces []piece, spelling string, id piece) []piece {
	var all []piece
	for _, p := range pieces {
		before, after, found := strings.Cut(p.literal, spelling)
		if p.id >= 0 || !found {
			all = append(all, p)
			continue
		}
		if before != "" {
			all = append(all, piece{literal: before, id: -1})
		}
		all = append(all, id)
		if after != "" {
			all = append(all, split([]piece{{literal: after, id: -1}}, spelling, id)...)
		}
	}
	return all
}

// publicBody returns a UUID as it is spelled in public ids.
func publicBody(id uuid.UUID) string {
	return base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding).EncodeToString(id[:])
}

// id returns the index of the identifier in a column of the footprint's only row of a table.
func (f *footprint) id(tableName, columnName string) int {
	for _, r := range f.rows {
		for i, c := range r.table.columns {
			if r.table.name == tableName && c.Name == columnName && len(r.cells[i].pieces) == 1 {
				return r.cells[i].pieces[0].id
			}
		}
	}
	return -1
}

// changed returns the rows that are not in an earlier footprint as they are in this one.
func (f *footprint) changed(before footprint) []row {
	return slices.DeleteFunc(slices.Clone(f.rows), func(r row) bool {
		return slices.ContainsFunc(before.rows, func(b row) bool {
			return b.table.name == r.table.name && slices.EqualFunc(b.cells, r.cells, cell.equal)
		})
	})
}

// finishWork replaces rows that workers act on by what they became in a later footprint.
func (f *footprint) finishWork(later footprint) {
	for i, r := range f.rows {
		at := slices.IndexFunc(later.rows, func(l row) bool { return r.table.workers && r.sameKey(l) })
		if at >= 0 {
			f.rows[i].cells = later.rows[at].cells
		}
	}
}

func (r row) sameKey(o row) bool {
	if r.table.name != o.table.name {
		return false
	}
	for i, c := range r.table.columns {
		if c.InKey && !r.cells[i].equal(o.cells[i]) {
			return false
		}
	}
	return true
}

func (c cell) equal(o cell) bool {
	return c.null == o.null && c.at.Equal(o.at) && slices.Equal(c.pieces, o.pieces)
}

// identity holds the identifiers of one copy, in both spellings.
type identity struct {
	uuids         []uuid.UUID
	texts, public []string
}

// newIdentity draws identifiers for a copy.
func (f *footprint) newIdentity() identity {
	n := len(f.fresh)
	ids := identity{uuids: make([]uuid.UUID, n), texts: make([]string, n), public: make([]string, n)}
	for i, old := range f.fresh {
		ids.uuids[i] = uuid.New()
		ids.texts[i], ids.public[i] = ids.uuids[i].String(), publicBody(ids.uuids[i])
		if len(old) != len(ids.texts[i]) {
			ids.texts[i] = client.NewKey()
		}
	}
	return ids
}

// dueLater moves deadlines of copies ahead, so that no worker of the shop takes up what the
// limit has not finished.
const dueLater = time.Hour

// value returns a cell of a copy as an argument of a statement, its time moved by shift.
func (c cell) value(ids identity, shift time.Duration) any {
	switch {
	case c.null:
		return nil
	case c.due:
		return c.at.Add(shift + dueLater)
	case !c.at.IsZero():
		return c.at.Add(shift)
	case len(c.pieces) == 1:
		return c.pieces[0].text(ids)
	}
	var text strings.Builder
	for _, p := range c.pieces {
		text.WriteString(p.text(ids))
	}
	return text.String()
}

func (p piece) text(ids identity) string {
	switch {
	case p.id < 0:
		return p.literal
	case p.public:
		return ids.public[p.id]
	}
	return ids.texts[p.id]
}

// queueInsert inserts copies of rows, a statement a table. With again, rows of which the copy
// exists are overwritten.
func queueInsert(b *database.Batch, rows []row, ids identity, shift time.Duration, again bool) {
	for len(rows) > 0 {
		t := rows[0].table
		n := slices.IndexFunc(rows, func(r row) bool { return r.table.name != t.name })
		if n < 0 {
			n = len(rows)
		}
		args := make([]any, 0, n*len(t.columns))
		for _, r := range rows[:n] {
			for _, c := range r.cells {
				args = append(args, c.value(ids, shift))
			}
		}
		b.Queue(t.insert(n, again), args...)
		rows = rows[n:]
	}
}

// insert returns the statement that inserts n rows.
func (t *table) insert(n int, again bool) string {
	var names, keys, sets, values []string
	for _, c := range t.columns {
		names = append(names, c.Name)
		if c.InKey {
			keys = append(keys, c.Name)
		} else {
			sets = append(sets, c.Name+" = excluded."+c.Name)
		}
	}
	for i := range n {
		var marks []string
		for j := range names {
			marks = append(marks, fmt.Sprintf("$%d", i*len(names)+j+1))
		}
		values = append(values, "("+strings.Join(marks, ", ")+")")
	}
	text := "INSERT INTO " + t.name + " (" + strings.Join(names, ", ") + ") VALUES " + strings.Join(values, ", ")
	if again {
		text += " ON CONFLICT (" + strings.Join(keys, ", ") + ") DO UPDATE SET " + strings.Join(sets, ", ")
	}
	return text
}
