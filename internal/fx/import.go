package fx

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/money"
)

// A Report is what an import did. Of what is listed in full the first hundred are.
type Report struct {
	// Source is the name of the source.
	Source string
	// New counts the rates that were stored, among them Held and Late.
	New int
	// Unchanged counts those that were stored before, as they are.
	Unchanged int
	// Late counts those that were recorded but are never in force, because one of a later day
	// was in force already or came with them.
	Late int
	// Held counts those that jumped and wait for finance (Confirm, Reject).
	Held      int
	HeldRates []HeldRate
	// Conflicts counts those that were not stored, because another rate stands for the day.
	Conflicts        int
	ConflictingRates []Conflict
	// Ignored are the currencies that are not in ISO 4217 today, such as LTL, in alphabetical
	// order: nobody can pay with them.
	Ignored []string
}

// maxListed bounds what a report or an error lists.
const maxListed = 100

// A HeldRate is a quotation that is too far from the rate before it.
type HeldRate struct {
	Quotation
	Previous money.Decimal
}

// A Conflict is a quotation that cannot be stored.
type Conflict struct {
	Quotation
	// Stored is the rate that stands for the same day; zero where it is not a rate that is in
	// the way but a period (Until).
	Stored money.Decimal
	// Overlaps reports that a person's entry is, or will be, in force at the time, until Until;
	// nil until it is withdrawn.
	Overlaps bool
	Until    *time.Time
}

// Import stores what a source says: all of it in one transaction, none of what is stored
// already. It may be repeated: the same quotations again change nothing. actor is who asked
// for it, for the audit. The errors are those of the source, and *invalid.Error where a rate is
// of a day to come.
func (r *Rates) Import(ctx context.Context, source Source, actor string) (Report, error) {
	report, err := r.importFrom(ctx, source, actor)
	outcome := importedUnchanged
	switch {
	case err != nil:
		outcome = importFailed
	case report.Held > 0:
		outcome = importedHeld
	case report.New > 0:
		outcome = importedNew
	}
	r.metrics.countImports(context.WithoutCancel(ctx), 1, outcome)
	return report, err
}

func (r *Rates) importFrom(ctx context.Context, source Source, actor string) (Report, error) {
	quotes, err := source.Fetch(ctx)
	if err != nil {
		return Report{}, err
	}
	now := r.moment()
	quotes, ignored, err := usable(quotes, now)
	if err != nil {
		return Report{}, err
	}
	report := Report{Source: source.Name(), Ignored: ignored}
	if len(quotes) == 0 {
		return report, nil
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		past, err := readPast(ctx, tx, source.Name(), quotes)
		if err != nil {
			return err
		}
		p := planner{rules: r.Config, source: source.Name(), now: now, past: past}
		p.plan(quotes)
		report = p.report
		report.Ignored = ignored
		return p.write(ctx, tx, actor)
	})
	if err != nil {
		return Report{}, fmt.Errorf("import exchange rates: %w", err)
	}
	return report, nil
}

// ahead is how far the publication of a rate may be to come: a source's day ends earlier than
// UTC's in Asia, and in summer the ECB publishes before its rate counts.
const ahead = 24 * time.Hour

// usable sorts quotations by currency and day, without those of currencies that are not known.
func usable(quotes []Quotation, now time.Time) (kept []Quotation, ignored []string, err error) {
	unknown := make(map[string]bool)
	for _, q := range quotes {
		published, err := publishedAt(q.Day)
		if err != nil || published.After(now.Add(ahead)) {
			return nil, nil, invalid.New("exchange rate of "+string(q.Currency), "day", fmt.Sprintf("must be a date that has come, not %s", q.Day))
		}
		if _, err := money.ParseCurrency(string(q.Currency)); err != nil || q.Currency == Euro {
			unknown[string(q.Currency)] = true
			continue
		}
		kept = append(kept, q)
	}
	slices.SortStableFunc(kept, func(a, b Quotation) int {
		return cmp.Or(cmp.Compare(a.Currency, b.Currency), cmp.Compare(a.Day, b.Day))
	})
	return kept, slices.Sorted(maps.Keys(unknown)), nil
}

// rowsPerStatement is how many rates one statement writes.
const rowsPerStatement = 1000

// write queues the rows, the audit and the rules' new version: one round trip, however many.
func (p *planner) write(ctx context.Context, tx pgx.Tx, actor string) error {
	if len(p.rows) == 0 {
		return nil
	}
	var faults invalid.List
	actor = faults.Line("actor", actor, 1, 200)
	if err := faults.Err("import"); err != nil {
		return err
	}
	audit, err := newChange(p.source, actor, fmt.Sprintf("import of %d rates", len(p.rows)), p.now, nil, newImportRecord(p))
	if err != nil {
		return err
	}
	var b database.Batch
	for part := range slices.Chunk(p.rows, rowsPerStatement) {
		// A conflict is another import's, with which this one does not serialize: it runs again.
		queueRates(&b, audit.ID, part, `ON CONFLICT (currency, source, day) DO NOTHING`)
	}
	queueChange(&b, audit)
	return tx.SendBatch(ctx, &b.Batch).Close()
}

// rateRow is a row of fx_rates.
type rateRow struct {
	Currency           money.Currency
	Source, Day, Rate  string
	Status             Status
	ValidFrom, ValidTo *time.Time
	ImportedAt         time.Time
	ChangeID           uuid.UUID
}

// queueRates inserts rates that a change brought; then is what follows the statement.
func queueRates(b *database.Batch, change uuid.UUID, entries []Entry, then ...string) {
	rows := make([]rateRow, len(entries))
	for i, e := range entries {
		rows[i] = rateRow{e.Currency, e.Source, e.Day, e.Rate.String(), e.Status, e.ValidFrom, e.ValidTo, e.ImportedAt, change}
	}
	database.QueueInsert(b, "fx_rates", rows, then...)
}

// importRecord is an import as the audit keeps it.
type importRecord struct {
	Rates int    `json:"rates"`
	Held  int    `json:"held"`
	Late  int    `json:"late"`
	First string `json:"first_day"`
	Last  string `json:"last_day"`
}

func newImportRecord(p *planner) importRecord {
	first, last := p.rows[0].Day, p.rows[0].Day
	for _, row := range p.rows {
		first, last = min(first, row.Day), max(last, row.Day)
	}
	return importRecord{Rates: p.report.New, Held: p.report.Held, Late: p.report.Late, First: first, Last: last}
}
