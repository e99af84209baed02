package finance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/pricing"
	"meridian/internal/pricing/changes"
)

// Approve applies a pending change, as its second person. Three round trips, and four for a rule.
//
// Errors: ErrNotFound, ErrOwnChange, ErrDecided, ErrOvertaken, ErrTooSlow, and *invalid.Error for a
// rule that is no longer valid.
func (f *Finance) Approve(ctx context.Context, id uuid.UUID, actor string) (Change, error) {
	c, err := f.pending(ctx, id, actor)
	if err != nil {
		return Change{}, err
	}
	if c.RequestedBy == actor {
		return Change{}, ErrOwnChange
	}
	approve := f.approveRule
	if c.Kind == KindPrices {
		approve = f.approvePrices
	}
	c = c.Decided(changes.Applied, actor, f.moment())
	if err := decisionError(approve(ctx, c)); err != nil {
		return Change{}, err
	}
	return c, nil
}

// Reject ends a pending change; who asked for it may take it back so. Two round trips.
//
// Errors: ErrNotFound, ErrDecided.
func (f *Finance) Reject(ctx context.Context, id uuid.UUID, actor string) (Change, error) {
	c, err := f.pending(ctx, id, actor)
	if err != nil {
		return Change{}, err
	}
	c = c.Decided(changes.Rejected, actor, f.moment())
	var n int64
	err = f.DB.Write(ctx, func(b *database.Batch) error {
		c.QueueDecision(b, nil, f.within, &n)
		return nil
	})
	if err := decisionError(orDecided(n, err)); err != nil {
		return Change{}, err
	}
	return c, nil
}

// pending returns a change that waits for a decision, else ErrDecided.
func (f *Finance) pending(ctx context.Context, id uuid.UUID, actor string) (Change, error) {
	var faults invalid.List
	faults.Line("actor", actor, 1, 200)
	if err := faults.Err("decision"); err != nil {
		return Change{}, err
	}
	c, err := f.Change(ctx, id)
	if err == nil && c.Status != StatusPending {
		err = ErrDecided
	}
	return c, err
}

// orDecided returns ErrDecided for a decision that found nothing to decide.
func orDecided(n int64, err error) error {
	if err == nil && n == 0 {
		return ErrDecided
	}
	return err
}

func decisionError(err error) error {
	var invalid *invalid.Error
	switch err = untimely(err); {
	case err == nil, errors.Is(err, ErrDecided), errors.Is(err, ErrOvertaken), errors.Is(err, ErrTooSlow), errors.As(err, &invalid):
		return err
	case pricing.Overlaps(err):
		return ErrOvertaken
	case changes.OwnApproval(err):
		return ErrOwnChange
	}
	return fmt.Errorf("decide about a change of prices: %w", err)
}

func (f *Finance) approvePrices(ctx context.Context, c Change) error {
	p := plan{change: c.ID, list: c.Subject, own: make(ownPrices)}
	var err error
	if p.lines, err = f.lines(ctx, c.ID); err != nil {
		return err
	}
	begins := f.begins(len(p.lines))
	first := p.begin(begins)
	if first.Before(f.moment().Add(f.notice())) {
		return ErrOvertaken
	}
	if err := f.readOwn(ctx, &p); err != nil {
		return err
	}
	// What comes after this look overlaps what was planned on it, and is refused for that.
	if changed, err := f.pricesChangedSince(ctx, c, p.lines); err != nil || changed {
		return errors.Join(err, overtakenIf(changed))
	}
	if err := p.settle(); err != nil {
		return err
	}
	var n int64
	err = f.DB.Write(ctx, func(b *database.Batch) error {
		b.QueueArgs(`
UPDATE price_change_lines
SET valid_from = @begins
WHERE change_id = @change AND valid_from IS NULL AND `+changes.PendingSQL, database.Args{"change": c.ID, "begins": begins})
		p.queue(b)
		c.QueueDecision(b, f.latest(first), f.within, &n)
		return nil
	})
	return orDecided(n, err)
}

func overtakenIf(changed bool) error {
	if changed {
		return ErrOvertaken
	}
	return nil
}

// pricesChangedSince reports whether another change of any of the lines' prices was applied
// since this one was proposed, or, in a seller's list, whether the seller has set one since: its
// effect is then no longer what the second person sees.
func (f *Finance) pricesChangedSince(ctx context.Context, c Change, lines []Line) (bool, error) {
	// What a seller sets begins the lead after it was written (pricing.QueueSet).
	var sellers *time.Time
	if list, err := f.List(ctx, c.Subject); err != nil {
		return false, err
	} else if list.Kind == pricing.Catalogue {
		sellers = new(c.RequestedAt.Add(f.Prices.Lead))
	}
	for some := range slices.Chunk(lines, linesAtOnce) {
		skus := make([]string, len(some))
		for i, l := range some {
			skus[i] = l.SKU
		}
		changed, err := database.One(ctx, f.DB, pgx.RowTo[bool], `
SELECT EXISTS (
  SELECT 1
  FROM `+changes.AppliedSQL+` n
  JOIN price_change_lines l ON l.change_id = n.id
  WHERE n.kind = $1 AND n.subject = $2 AND n.decided_at > $3 AND l.sku = ANY($4::text[]))
  OR EXISTS (
  SELECT 1
  FROM `+pricing.EntriesSQL+` e
  WHERE e.list = $2 AND e.sku = ANY($4::text[]) AND e.valid_from > $5::timestamptz)`,
			c.Kind, c.Subject, c.RequestedAt, skus, sellers)
		if err != nil || changed {
			return changed, err
		}
	}
	return false, nil
}

// lines returns all lines of a bulk change.
func (f *Finance) lines(ctx context.Context, change uuid.UUID) ([]Line, error) {
	lines, err := database.List(ctx, f.DB, func(row pgx.CollectableRow) (Line, error) {
		var l Line
		var from, to *time.Time
		err := row.Scan(&l.No, &l.SKU, &l.MinQuantity, &l.AmountMinor, &from, &to)
		l.From, l.To = database.TimeOrZero(from), database.TimeOrZero(to)
		return l, err
	}, `
SELECT line_no, sku, min_quantity, amount_minor, valid_from, valid_to
FROM price_change_lines
WHERE change_id = $1
ORDER BY line_no
LIMIT $2::int8`, change, MaxLines)
	if err != nil {
		return nil, fmt.Errorf("read the lines of a change: %w", err)
	}
	return lines, nil
}

// readOwn reads what the list of a plan has.
func (f *Finance) readOwn(ctx context.Context, p *plan) error {
	for some := range slices.Chunk(p.lines, linesAtOnce) {
		priced, err := f.pricedSKUs(ctx, some, f.moment(), nil)
		if err != nil {
			return err
		}
		for _, l := range some {
			if a := priced[l.SKU]; a != nil {
				p.own[l.key()] = ownEntries(a, p.list, l.MinQuantity)
			}
		}
	}
	return nil
}

func (f *Finance) approveRule(ctx context.Context, c Change) error {
	r, from, err := ruleOf(c)
	if err != nil {
		return err
	}
	return f.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if !from.IsZero() && from.Before(f.moment().Add(f.notice())) {
			return ErrOvertaken
		}
		at := from
		if from.IsZero() {
			at = f.soon()
		}
		rules, err := f.rulesIn(ctx, tx)
		if err != nil {
			return err
		}
		// What was right when it was proposed may have come to clash with others.
		var faults invalid.List
		r.check(&faults, rules, at)
		if err := faults.Err(r.kind()); err != nil {
			return err
		}
		var changed bool
		kinds, subjects := alike(r)
		err = tx.QueryRow(ctx, `
SELECT EXISTS (
  SELECT 1
  FROM unnest($1::text[], $2::text[]) AS a (kind, subject)
  JOIN `+changes.AppliedSQL+` n ON n.kind = a.kind AND n.subject = a.subject
  WHERE n.decided_at > $3)`, kinds, subjects, c.RequestedAt).Scan(&changed)
		if err != nil || changed {
			return errors.Join(err, overtakenIf(changed))
		}
		var n int64
		var b database.Batch
		if err := r.queue(&b, at, c.ID); err != nil {
			return err
		}
		c.QueueDecision(&b, f.latest(at), f.within, &n)
		err = tx.SendBatch(ctx, &b.Batch).Close()
		return orDecided(n, err) // which undoes the batch
	})
}
