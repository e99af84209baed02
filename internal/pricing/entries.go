package pricing

import (
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"meridian/internal/database"
	"meridian/internal/pricing/changes"
)

// EntriesSQL is the prices of all lists, as a table expression that takes an alias. Its columns
// are those of price_entries.
const EntriesSQL = `(
  SELECT pe.sku, pe.list, pe.min_quantity, pe.amount_minor, pe.valid_from, pe.valid_to, pe.changed_at, pe.change_id
  FROM price_entries pe)`

// ListsSQL is the heads of price lists, as a table expression that takes an alias.
const ListsSQL = `(
  SELECT pl.code, pl.title, pl.kind, pl.currency, pl.market, pl.customer_group, pl.priority, pl.valid_from, pl.valid_to, pl.version
  FROM price_lists pl)`

// JoinEntriesSQL returns a join of the prices e of a SKU, those of the last 365 days included, with a
// row for a SKU without any too. sku is an expression of the statement around it; only is a further
// condition on e, empty for none. EntryColumns are its columns, and EntryOrder an order of them.
func JoinEntriesSQL(sku, only string) string {
	if only != "" {
		only = " AND (" + only + ")"
	}
	return `
LEFT JOIN price_entries e ON e.sku = ` + sku + ` AND (e.valid_to IS NULL OR e.valid_to > now() - INTERVAL '365 days')` + only
}

// The columns of JoinEntriesSQL, as an EntryRow takes them, and an order of its rows.
const (
	EntryColumns = `coalesce(e.list, ''), coalesce(e.min_quantity, 0), coalesce(e.amount_minor, 0), e.valid_from, e.valid_to`
	EntryOrder   = `e.list, e.min_quantity, e.valid_from`
)

// An EntryRow takes a row of JoinEntriesSQL.
type EntryRow struct {
	list           string
	quantity       int64
	amount         int64
	validFrom, end zeronull.Timestamptz
}

// Targets returns where EntryColumns are scanned to.
func (r *EntryRow) Targets() []any {
	return []any{&r.list, &r.quantity, &r.amount, &r.validFrom, &r.end}
}

// AppendTo appends the row's entry, if it has one.
func (r *EntryRow) AppendTo(entries []Entry) []Entry {
	if r.list == "" {
		return entries
	}
	period := Period{From: time.Time(r.validFrom).UTC()}
	if end := time.Time(r.end); !end.IsZero() { // else there is no end
		period.To = end.UTC()
	}
	return append(entries, Entry{List: shared(r.list), MinQuantity: r.quantity, AmountMinor: r.amount, Period: period})
}

// A Closing is the end of a price from an instant on; From names the price.
type Closing struct {
	SKU         string `db:"sku"`
	MinQuantity int64
	From        time.Time `db:"valid_from"`
	To          time.Time `db:"valid_to"`
}

// QueueClose adds to a batch what ends prices of a list. only is a condition in SQL on @change
// that must hold for anything to be written (changes.PendingSQL).
func QueueClose(b *database.Batch, change uuid.UUID, list string, closings []Closing, only string) {
	b.QueueArgs(`
UPDATE price_entries e
SET valid_to = n.valid_to, changed_at = clock_timestamp()
FROM `+database.Unnest[Closing]("n")+`
WHERE e.sku = n.sku AND e.list = @list AND e.min_quantity = n.min_quantity AND e.valid_from = n.valid_from
  AND (e.valid_to IS NULL OR e.valid_to > n.valid_to)
  AND `+only, database.Columns(closings).With(database.Args{"change": change, "list": list}))
}

// An Opening is a new price of a list, in force from From on; To nil is no end.
type Opening struct {
	SKU         string `db:"sku"`
	MinQuantity int64
	AmountMinor int64      `db:"amount"`
	From        time.Time  `db:"valid_from"`
	To          *time.Time `db:"valid_to"`
}

// QueueOpen adds to a batch prices of a list that a change wants; one that was withdrawn at the
// same instant gives up its place. only is as QueueClose's. A price that overlaps another fails
// the batch (Overlaps).
func QueueOpen(b *database.Batch, change uuid.UUID, list string, openings []Opening, only string) {
	b.QueueArgs(`
INSERT INTO price_entries (sku, list, min_quantity, valid_from, valid_to, amount_minor, changed_at, change_id)
SELECT l.sku, @list::text, l.min_quantity, l.valid_from, l.valid_to,
  CASE WHEN EXISTS (
      SELECT 1
      FROM price_entries e
      WHERE e.sku = l.sku AND e.list = @list::text AND e.min_quantity = l.min_quantity
        AND (e.valid_to IS NULL OR (e.valid_to > e.valid_from AND e.valid_to > l.valid_from))
        AND (l.valid_to IS NULL OR e.valid_from < l.valid_to))
    THEN -1 -- which the CHECK refuses
    ELSE l.amount END,
  clock_timestamp(), @change::uuid
FROM `+database.Unnest[Opening]("l")+`
WHERE `+only+`
ON CONFLICT (sku, list, min_quantity, valid_from) DO UPDATE
SET amount_minor = excluded.amount_minor, valid_to = excluded.valid_to, changed_at = excluded.changed_at, change_id = excluded.change_id`,
		database.Columns(openings).With(database.Args{"change": change, "list": list}))
}

// Overlaps reports whether a batch failed because prices cannot be as a change wants them: others
// are in their place, or their time is over.
func Overlaps(err error) bool {
	return database.Violates(err, "price_entries_not_negative") || database.Violates(err, "price_entries_period")
}

// QueuePutList adds to a batch a new price list. Repeating it with the same change does nothing;
// another change's list of that code fails the batch (ListChanged).
func QueuePutList(b *database.Batch, l List, change uuid.UUID) {
	b.QueueArgs(`
INSERT INTO price_lists (code, title, kind, currency, market, customer_group, priority, valid_from, valid_to, change_id)
VALUES (@code, @title, @kind, @currency, @market, @group, @priority, @from, @to, @change)
ON CONFLICT (code) DO UPDATE SET version = CASE WHEN price_lists.change_id = excluded.change_id THEN price_lists.version ELSE -1 END`,
		database.Args{
			"code": l.Code, "title": l.Title, "kind": string(l.Kind), "currency": string(l.Currency), "market": l.Market, "group": l.Group,
			"priority": l.Priority, "from": l.Period.From, "to": database.NullTime(l.Period.To), "change": change,
		})
	changes.QueueRulesChanged(b)
}

// QueueUpdateList adds to a batch the new title and end of a list whose version was l's less one.
// Repeating it with the same change does nothing; another version fails the batch (ListChanged).
func QueueUpdateList(b *database.Batch, l List, change uuid.UUID) {
	b.QueueArgs(`
UPDATE price_lists
SET title = @title, valid_to = @to, change_id = @change,
  version = CASE WHEN change_id = @change THEN version WHEN version = @version - 1 THEN version + 1 ELSE -1 END
WHERE code = @code`, database.Args{
		"code": l.Code, "version": l.Version, "title": l.Title, "to": database.NullTime(l.Period.To), "change": change,
	})
	changes.QueueRulesChanged(b)
}

// ListChanged reports whether a batch failed because of another change of the list.
func ListChanged(err error) bool { return database.Violates(err, "price_lists_version_current") }
