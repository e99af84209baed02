package fx

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/money"
)

// A past is what is stored of a currency before an import, brought up to date as the import is
// planned.
type past struct {
	// stored are the rates of the days that come, and of later ones.
	stored map[string]money.Decimal
	// priced reports that the shop has priced with the currency: what comes is no longer the
	// beginning of its history.
	priced bool
	// previous is the rate that the next is compared with, if its day is not empty.
	previous Quotation
	// newest is the day of the source's rate that is in force last; empty for none.
	newest string
	// entered reports that people's entries are or will be in force, until the last ends; nil
	// for no end.
	entered bool
	until   *time.Time
	// last is the place of the currency's rate in force among the planned rows, plus one.
	last int
}

// readPast reads what is stored of the currencies that come.
func readPast(ctx context.Context, tx pgx.Tx, source string, quotes []Quotation) (map[money.Currency]*past, error) {
	all := make(map[money.Currency]*past)
	first := quotes[0].Day
	for _, q := range quotes {
		if all[q.Currency] == nil {
			all[q.Currency] = &past{stored: make(map[string]money.Decimal)}
		}
		first = min(first, q.Day)
	}
	codes := make([]string, 0, len(all))
	for currency := range all {
		codes = append(codes, string(currency))
	}
	var b database.Batch
	queueStored(&b, source, codes, first, all)
	queueNewest(&b, source, codes, all)
	if source == SourceManual {
		queueEntries(&b, codes, all)
	}
	if err := tx.SendBatch(ctx, &b.Batch).Close(); err != nil {
		return nil, fmt.Errorf("read the rates before: %w", err)
	}
	return all, nil
}

// queueStored reads the rates that are stored of the days that come.
func queueStored(b *database.Batch, source string, codes []string, first string, all map[money.Currency]*past) {
	b.Queue(`
SELECT currency, day, rate
FROM fx_rates
WHERE currency = ANY($1::text[]) AND source = $2 AND day >= $3`, codes, source, first).Query(func(rows pgx.Rows) error {
		var q Quotation
		_, err := pgx.ForEachRow(rows, []any{&q.Currency, &q.Day, &q.Rate}, func() error {
			all[q.Currency].stored[q.Day] = q.Rate
			return nil
		})
		return err
	})
}

// queueNewest reads the rate of each currency that was in force last: the source's own, and for
// manual rates, which count before any other, else any source's. People's entries, whose days
// are moments, are no part of a series.
func queueNewest(b *database.Batch, source string, codes []string, all map[money.Currency]*past) {
	b.Queue(`
SELECT DISTINCT ON (currency) currency, day, rate, source
FROM fx_rates
WHERE currency = ANY($1::text[]) AND (source = $2 OR $2::text = 'manual') AND status = 'in_force'
  AND (valid_to IS NULL OR valid_to > valid_from) AND length(day) = 10
ORDER BY currency, CASE source WHEN $2::text THEN 0 ELSE 1 END, day DESC`, codes, source).Query(func(rows pgx.Rows) error {
		var q Quotation
		var from string
		_, err := pgx.ForEachRow(rows, []any{&q.Currency, &q.Day, &q.Rate, &from}, func() error {
			p := all[q.Currency]
			p.priced, p.previous = true, q
			if from == source {
				p.newest = q.Day
			}
			return nil
		})
		return err
	})
}

// queueEntries reads until when people's own entries of each currency are, or were, in force.
func queueEntries(b *database.Batch, codes []string, all map[money.Currency]*past) {
	b.Queue(`
SELECT currency, bool_or(valid_to IS NULL), max(valid_to)
FROM fx_rates
WHERE currency = ANY($1::text[]) AND source = 'manual' AND status = 'in_force' AND length(day) > 10
  AND (valid_to IS NULL OR valid_to > valid_from)
GROUP BY currency`, codes).Query(func(rows pgx.Rows) error {
		var currency money.Currency
		var open bool
		var until *time.Time
		_, err := pgx.ForEachRow(rows, []any{&currency, &open, &until}, func() error {
			p := all[currency]
			p.entered, p.priced = true, true
			if !open {
				p.until = until
			}
			return nil
		})
		return err
	})
}
