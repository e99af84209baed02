package fx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/money"
	"meridian/internal/pricing/changes"
)

// A Decision is what somebody of finance decides about a stored rate.
type Decision struct {
	// Currency, Source and Day name the rate, as List shows them.
	Currency money.Currency
	Source   string
	Day      string
	// Actor is who decides, as a public account id.
	Actor string
	// Reason is one line, 1 to 500 characters.
	Reason string
}

func (d Decision) validate() (Decision, error) {
	var faults invalid.List
	checkCurrency(&faults, "currency", d.Currency)
	d.Actor, d.Reason = checkWhy(&faults, d.Actor, d.Reason)
	return d, faults.Err("decision")
}

// Confirm puts a held rate in force: from its publication or Lead after now, whichever is later.
// Where one of a later day is in force by then, it is recorded but never in force: the entry it
// returns says so. The errors are ErrNotFound, ErrNotHeld and *invalid.Error.
func (r *Rates) Confirm(ctx context.Context, d Decision) (Entry, error) {
	return r.decide(ctx, "confirm", d, func(ctx context.Context, tx pgx.Tx, e *Entry) error {
		if e.Status != Held {
			return ErrNotHeld
		}
		from := startOf(e.Day, r.moment(), r.Lead, false)
		e.Status, e.ValidFrom = InForce, &from
		later, err := supersededBetween(ctx, tx, *e, time.Time{}, from)
		if later {
			e.ValidTo = &from
		}
		return err
	})
}

// supersededBetween reports whether a rate of a later day came into force after one moment and
// not after another.
func supersededBetween(ctx context.Context, tx pgx.Tx, e Entry, after, until time.Time) (superseded bool, err error) {
	err = tx.QueryRow(ctx, `
SELECT EXISTS (
  SELECT 1 FROM fx_rates
  WHERE currency = $1 AND source = $2 AND day > $3 AND status = 'in_force' AND valid_from > $4 AND valid_from <= $5
    AND (valid_to IS NULL OR valid_to > valid_from))`, e.Currency, e.Source, e.Day, after, until).Scan(&superseded)
	return superseded, err
}

// Reject says that a held rate is wrong: it never comes into force, and the next one is
// compared with the one before it. The errors are ErrNotFound, ErrNotHeld and *invalid.Error.
func (r *Rates) Reject(ctx context.Context, d Decision) (Entry, error) {
	return r.decide(ctx, "reject", d, func(_ context.Context, _ pgx.Tx, e *Entry) error {
		if e.Status != Held {
			return ErrNotHeld
		}
		e.Status = Rejected
		return nil
	})
}

// WithdrawManual ends a manual rate Lead after now, or before it begins. The currency's next
// lesser source is in force from then on. The errors are ErrNotFound, ErrOver and *invalid.Error;
// Decision.Source may be left out.
func (r *Rates) WithdrawManual(ctx context.Context, d Decision) (Entry, error) {
	d.Source = SourceManual
	return r.decide(ctx, "withdraw", d, func(ctx context.Context, tx pgx.Tx, e *Entry) error {
		end := r.moment().Add(r.Lead)
		if e.Status != InForce || (e.ValidTo != nil && !e.ValidTo.After(end)) {
			return ErrOver
		}
		if over, err := supersededBetween(ctx, tx, *e, *e.ValidFrom, end); over || err != nil {
			return cmp.Or(err, ErrOver)
		}
		if e.ValidFrom.After(end) {
			end = *e.ValidFrom
		}
		e.ValidTo = &end
		return nil
	})
}

// decide changes one stored rate in a transaction that also tells who did it, and why.
func (r *Rates) decide(
	ctx context.Context, verb string, d Decision, change func(ctx context.Context, tx pgx.Tx, e *Entry) error,
) (Entry, error) {
	d, err := d.validate()
	if err != nil {
		return Entry{}, err
	}
	var after Entry
	err = r.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		before, err := find(ctx, tx, d)
		if err != nil {
			return err
		}
		after = before
		if err := change(ctx, tx, &after); err != nil {
			return err
		}
		return writeDecision(ctx, tx, d, before, after, r.moment())
	})
	if err != nil {
		return Entry{}, fmt.Errorf("%s the rate of %s for %s: %w", verb, d.Currency, d.Day, err)
	}
	return after, nil
}

func find(ctx context.Context, tx pgx.Tx, d Decision) (Entry, error) {
	rows, err := tx.Query(ctx, `
SELECT `+entryColumns+`
FROM fx_rates
WHERE currency = $1 AND source = $2 AND day = $3
FOR UPDATE`, d.Currency, d.Source, d.Day)
	if err != nil {
		return Entry{}, err
	}
	entry, err := pgx.CollectExactlyOneRow(rows, scanEntry)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	return entry, err
}

func writeDecision(ctx context.Context, tx pgx.Tx, d Decision, before, after Entry, now time.Time) error {
	audit, err := newChange(string(d.Currency), d.Actor, d.Reason, now, newRateRecord(before), newRateRecord(after))
	if err != nil {
		return err
	}
	if after.Status == Rejected {
		audit.Status = changes.Rejected
	}
	var b database.Batch
	b.QueueArgs(`
UPDATE fx_rates
SET status = @status, valid_from = @valid_from, valid_to = @valid_to, change_id = @change
WHERE currency = @currency AND source = @source AND day = @day`, database.Args{
		"currency": d.Currency, "source": d.Source, "day": d.Day,
		"status": string(after.Status), "valid_from": after.ValidFrom, "valid_to": after.ValidTo, "change": audit.ID,
	})
	queueChange(&b, audit)
	return tx.SendBatch(ctx, &b.Batch).Close()
}
