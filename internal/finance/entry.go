package finance

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/pricing"
)

// Entry is a price of a list.
type Entry struct {
	SKU         string
	MinQuantity int64
	AmountMinor int64
	// Period is when it is in force; one that ends where it begins was withdrawn before.
	Period   pricing.Period
	ChangeID *uuid.UUID // the change that made it; nil for a seller's
}

func (e Entry) position() EntryPosition {
	return EntryPosition{SKU: e.SKU, MinQuantity: e.MinQuantity, From: e.Period.From}
}

// withdrawn reports whether the entry never came to be in force.
func (e Entry) withdrawn() bool {
	return !e.Period.To.IsZero() && !e.Period.From.Before(e.Period.To)
}

// An EntryPosition is where a price stands in its list.
type EntryPosition struct {
	SKU         string
	MinQuantity int64
	From        time.Time
}

// EntryFilter chooses prices of a list.
type EntryFilter struct {
	List string
	// At takes only what is in force at a moment; zero takes all there ever was, and is to come.
	At time.Time
	// SKU takes only that SKU's; empty all.
	SKU string
	// Limit is at most 5000.
	database.PageFilter[EntryPosition]
}

// Entries returns a page of the prices of a list, by SKU, quantity and time. One round trip.
func (f *Finance) Entries(ctx context.Context, filter EntryFilter) (database.Page[Entry, EntryPosition], error) {
	after := filter.Start()
	// $1 = list, $2 = at, NULL for all, $3 = SKU, $4 to $6 = after, $7 = limit
	entries, err := database.List(ctx, f.DB, scanEntry, `
SELECT sku, min_quantity, amount_minor, valid_from, valid_to, change_id::text
FROM `+pricing.EntriesSQL+` e
WHERE list = $1 AND ($3::text = '' OR sku = $3) AND (sku, min_quantity, valid_from) > ($4::text, $5::int8, $6::timestamptz)
  AND ($2::timestamptz IS NULL OR (valid_from <= $2::timestamptz AND (valid_to IS NULL OR valid_to > $2::timestamptz)))
ORDER BY sku, min_quantity, valid_from
LIMIT $7::int8`, filter.List, database.NullTime(filter.At), filter.SKU, after.SKU, after.MinQuantity, after.From, filter.Rows())
	if err != nil {
		return database.Page[Entry, EntryPosition]{}, fmt.Errorf("list prices: %w", err)
	}
	return database.NewPage(filter.PageFilter, entries, Entry.position), nil
}

func scanEntry(row pgx.CollectableRow) (Entry, error) {
	var e Entry
	var to *time.Time
	err := row.Scan(&e.SKU, &e.MinQuantity, &e.AmountMinor, &e.Period.From, &to, &e.ChangeID)
	e.Period.From, e.Period.To = e.Period.From.UTC(), database.TimeOrZero(to).UTC()
	return e, err
}
