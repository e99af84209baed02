package fx

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/money"
)

// Status says what is to be done with a stored rate.
type Status string

// The states of a stored rate. A held one becomes one of the others, and stays that.
const (
	InForce  Status = "in_force"
	Held     Status = "held"
	Rejected Status = "rejected"
)

// An Entry is a stored rate, whether it is in force, was, will be, waits or never came to be.
type Entry struct {
	Currency money.Currency
	Source   string
	Day      string
	// Rate is units of Currency for one euro.
	Rate   money.Decimal
	Status Status
	// ValidFrom is nil unless Status is InForce. A ValidTo that is the same says that the rate
	// came too late and was never in force.
	ValidFrom, ValidTo *time.Time
	ImportedAt         time.Time
}

const entryColumns = `currency, source, day, rate, status, valid_from, valid_to, imported_at`

func scanEntry(row pgx.CollectableRow) (e Entry, err error) {
	err = row.Scan(&e.Currency, &e.Source, &e.Day, &e.Rate, &e.Status, &e.ValidFrom, &e.ValidTo, &e.ImportedAt)
	return e, err
}

// maxPage is the most entries of one page.
const maxPage = 500

// ListFilter says which entries to list. The newest days come first.
type ListFilter struct {
	// Currency, Source and Status limit the list, where they are not empty.
	Currency money.Currency
	Source   string
	Status   Status
	// Limit is 1 to 500.
	database.PageFilter[ListPosition]
}

// A ListPosition is where an entry stands in a listing.
type ListPosition struct {
	Day      string
	Currency money.Currency
	Source   string
}

func (e Entry) position() ListPosition {
	return ListPosition{Day: e.Day, Currency: e.Currency, Source: e.Source}
}

// List returns a page of stored rates; *invalid.Error for a filter that is wrong. One round trip.
func (r *Rates) List(ctx context.Context, f ListFilter) (page database.Page[Entry, ListPosition], err error) {
	if err := f.validate(); err != nil {
		return page, err
	}
	where, args := []string{"true"}, database.Args{"limit": f.Rows()}
	if f.Currency != "" {
		where, args["currency"] = append(where, "currency = @currency"), f.Currency
	}
	if f.Source != "" {
		where, args["source"] = append(where, "source = @source"), f.Source
	}
	if f.Status != "" {
		where, args["status"] = append(where, "status = @status"), f.Status
	}
	if after := f.After; after != nil {
		where = append(where, "(day, currency, source) < (@after_day, @after_currency, @after_source)")
		args = args.With(database.Args{"after_day": after.Day, "after_currency": after.Currency, "after_source": after.Source})
	}
	sql, values := args.Bind(`
SELECT ` + entryColumns + `
FROM fx_rates
WHERE ` + strings.Join(where, " AND ") + `
ORDER BY day DESC, currency DESC, source DESC
LIMIT @limit::int8`)
	entries, err := database.List(ctx, r.DB, scanEntry, sql, values...)
	if err != nil {
		return page, fmt.Errorf("list exchange rates: %w", err)
	}
	return database.NewPage(f.PageFilter, entries, Entry.position), nil
}

func (f ListFilter) validate() error {
	var faults invalid.List
	if f.Currency != "" {
		checkCurrency(&faults, "currency", f.Currency)
	}
	if f.Source != "" && f.Source != SourceECB && f.Source != SourceManual {
		faults.Add("source", "must be %s or %s", SourceECB, SourceManual)
	}
	if f.Status != "" && f.Status != InForce && f.Status != Held && f.Status != Rejected {
		faults.Add("status", "must be %s, %s or %s", InForce, Held, Rejected)
	}
	if f.Limit < 1 || f.Limit > maxPage {
		faults.Add("limit", "must be 1 to %d", maxPage)
	}
	return faults.Err("list of exchange rates")
}
