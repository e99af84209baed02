package fx

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/money"
)

// ManualInput is a rate that finance enters for a time.
type ManualInput struct {
	Currency money.Currency
	// Rate is units of Currency for one euro.
	Rate money.Decimal
	// ValidFrom is when it comes into force, at least Lead from now; the zero time for as soon
	// as that.
	ValidFrom time.Time
	// ValidTo is when it ends; nil for when it is withdrawn.
	ValidTo *time.Time
	// AcceptJump confirms that the rate may be further than MaxJumpBP from the published one.
	AcceptJump bool
	// Actor is who enters it, as a public account id.
	Actor string
	// Reason is one line, 1 to 500 characters.
	Reason string
}

// dayOfEntry is how a person's entry is dated: by its moment.
const dayOfEntry = "2006-01-02T15:04:05.000000Z"

// SetManual has a rate in force before any other of its currency, for a time. It returns
// *invalid.Error: for valid_from where another manual rate is in force in that time (withdraw it
// first), and for rate where it is too far from the published rate of that time and AcceptJump
// does not say that this is meant.
func (r *Rates) SetManual(ctx context.Context, in ManualInput) (Entry, error) {
	now := r.moment()
	in, err := in.validate(now.Add(r.Lead))
	if err != nil {
		return Entry{}, err
	}
	entry := Entry{
		Currency: in.Currency, Source: SourceManual, Day: now.Format(dayOfEntry), Rate: in.Rate, Status: InForce,
		ValidFrom: &in.ValidFrom, ValidTo: in.ValidTo, ImportedAt: now,
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := checkOverlap(ctx, tx, entry); err != nil {
			return err
		}
		before, err := r.checkJump(ctx, tx, entry, in.AcceptJump)
		if err != nil {
			return err
		}
		return writeManual(ctx, tx, in, entry, before)
	})
	if database.Violates(err, "fx_rates_pkey") {
		err = invalid.New("manual rate", "currency", "must not be entered twice at the same moment")
	}
	if err != nil {
		return Entry{}, fmt.Errorf("set the rate of %s: %w", in.Currency, err)
	}
	return entry, nil
}

// validate wants a period that begins at soonest or later, to the microsecond.
func (in ManualInput) validate(soonest time.Time) (ManualInput, error) {
	var faults invalid.List
	checkCurrency(&faults, "currency", in.Currency)
	if wrong := checkRate(in.Rate); wrong != "" {
		faults.Add("rate", "%s", wrong)
	}
	if in.ValidFrom.IsZero() {
		in.ValidFrom = soonest
	}
	in.ValidFrom = in.ValidFrom.UTC().Truncate(time.Microsecond)
	if in.ValidFrom.Before(soonest) {
		faults.Add("valid_from", "must be %s or later: leave it out for as soon as may be", soonest.Format(time.RFC3339))
	}
	if in.ValidTo != nil {
		end := in.ValidTo.UTC().Truncate(time.Microsecond)
		in.ValidTo = &end
		if !end.After(in.ValidFrom) {
			faults.Add("valid_to", "must be after valid_from")
		}
	}
	in.Actor, in.Reason = checkWhy(&faults, in.Actor, in.Reason)
	return in, faults.Err("manual rate")
}

// checkOverlap refuses a period that another manual rate of the currency has a part of.
func checkOverlap(ctx context.Context, tx pgx.Tx, e Entry) error {
	var day string
	var from time.Time
	err := tx.QueryRow(ctx, `
SELECT m.day, m.valid_from
FROM (
  SELECT day, valid_from,
    coalesce(valid_to, lead(valid_from) OVER (ORDER BY valid_from, day)) AS ends -- one of a series ends with the next
  FROM fx_rates
  WHERE currency = $1 AND source = 'manual' AND status = 'in_force' AND (valid_to IS NULL OR valid_to > valid_from)
) m
WHERE (m.ends IS NULL OR m.ends > $2) AND ($3::timestamptz IS NULL OR m.valid_from < $3::timestamptz)
ORDER BY m.valid_from
LIMIT 1`, e.Currency, e.ValidFrom, e.ValidTo).Scan(&day, &from)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return invalid.New("manual rate", "valid_from", fmt.Sprintf(
		"must not be in the time of the manual rate of %s, in force from %s: withdraw that first", day, from.UTC().Format(time.RFC3339)))
}

// checkJump compares the rate with the published one that is in force when it comes to be, and
// returns that; it has no Source where there is none.
func (r *Rates) checkJump(ctx context.Context, tx pgx.Tx, e Entry, accepted bool) (Entry, error) {
	rows, err := tx.Query(ctx, `
SELECT `+entryColumns+`
FROM fx_rates
WHERE currency = $1 AND source <> 'manual' AND status = 'in_force' AND valid_from <= $2
  AND (valid_to IS NULL OR valid_to > $2)
ORDER BY valid_from DESC, day DESC
LIMIT 1`, e.Currency, e.ValidFrom)
	if err != nil {
		return Entry{}, err
	}
	before, err := pgx.CollectExactlyOneRow(rows, scanEntry)
	if errors.Is(err, pgx.ErrNoRows) {
		return Entry{}, nil
	}
	if err == nil && !accepted && jumps(before.Rate, e.Rate, r.MaxJumpBP) {
		err = invalid.New("manual rate", "rate", fmt.Sprintf(
			"must be within %d.%02d %% of %s, the %s rate of %s, or be confirmed as a jump",
			r.MaxJumpBP/100, r.MaxJumpBP%100, before.Rate, before.Source, before.Day))
	}
	return before, err
}

func writeManual(ctx context.Context, tx pgx.Tx, in ManualInput, e, before Entry) error {
	var old any
	if before.Source != "" {
		old = newRateRecord(before)
	}
	audit, err := newChange(string(e.Currency), in.Actor, in.Reason, e.ImportedAt, old, newRateRecord(e))
	if err != nil {
		return err
	}
	var b database.Batch
	queueRates(&b, audit.ID, []Entry{e})
	queueChange(&b, audit)
	return tx.SendBatch(ctx, &b.Batch).Close()
}
