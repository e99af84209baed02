package finance

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/pricing"
)

// PricesInput is many prices of one list, all or none.
type PricesInput struct {
	By
	List  string
	Lines []Line
	// DryRun tells the effect and changes nothing.
	DryRun bool
}

// Proposal is what became of many prices.
type Proposal struct {
	Effect Effect
	// NeedsApproval says that a second person has, or in a dry run would have, to approve it.
	NeedsApproval bool
	// Change is the audit's entry: applied, or pending where a second person has to approve it;
	// its ID is zero in a dry run, and where the list says all of it already.
	Change Change
}

// SetPrices gives a list many prices, or says what that would do. What is larger than one
// person may change alone waits for Approve. Nothing is applied unless all of it can be. Two
// round trips, and one for each few thousand lines.
//
// Errors: *invalid.Error naming the lines, ErrNotFound, ErrOvertaken, ErrTooSlow, for a repetition
// *idempotency.Replay or idempotency.ErrReused.
func (f *Finance) SetPrices(ctx context.Context, in PricesInput) (Proposal, error) {
	if err := in.validate(); err != nil {
		return Proposal{}, err
	}
	list, err := f.List(ctx, in.List)
	if err != nil {
		return Proposal{}, err
	}
	if list.Kind == pricing.Catalogue {
		return Proposal{}, invalid.New("prices", "list",
			"must not be a seller's catalogue: make a list of kind regular or sale, whose prices come first")
	}
	soon := f.begins(len(in.Lines))
	if err := checkLines(in.Lines, soon); err != nil {
		return Proposal{}, err
	}
	effect, kept, own, err := f.effect(ctx, list, in.Lines, soon)
	if err != nil || in.DryRun || len(kept) == 0 {
		return Proposal{Effect: effect, NeedsApproval: err == nil && len(kept) > 0 && f.needsTwo(effect)}, err
	}
	change, err := f.newPricesChange(in.By, list, effect, len(kept))
	if err != nil {
		return Proposal{}, err
	}
	if change.NeedsApproval {
		err = f.propose(ctx, in.By, change, func(b *database.Batch) { queueLines(b, change.ID, list.Code, kept) })
	} else {
		change, err = f.applyPrices(ctx, in.By, change, list.Code, kept, own)
	}
	if pricing.Overlaps(err) {
		err = ErrOvertaken
	}
	if err != nil {
		return Proposal{}, fmt.Errorf("set prices: %w", err)
	}
	return Proposal{Effect: effect, NeedsApproval: change.NeedsApproval, Change: change}, nil
}

func (in *PricesInput) validate() error {
	if in.DryRun {
		return nil
	}
	var faults invalid.List
	in.check(&faults)
	return faults.Err("prices")
}

func (f *Finance) newPricesChange(by By, list pricing.List, effect Effect, lines int) (Change, error) {
	change, err := f.newChange(KindPrices, list.Code, by, nil, map[string]any{"lines": lines})
	if err != nil {
		return Change{}, err
	}
	if change.Effect, err = json.Marshal(effect); err != nil {
		return Change{}, fmt.Errorf("encode effect: %w", err)
	}
	change.NeedsApproval = f.needsTwo(effect)
	return change, nil
}

// needsTwo reports whether the effect is more than one person may have.
func (f *Finance) needsTwo(e Effect) bool {
	limit := f.ApproveAbove
	return limit.everything() || e.SKUs > limit.SKUs || e.largestBP() > limit.ChangeBP || e.BelowCost > 0 || e.WithoutPrice > 0
}

// propose writes a change that waits.
func (f *Finance) propose(ctx context.Context, by By, c Change, queue func(b *database.Batch)) error {
	err := f.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		by.claim(b, c.PublicID())
		c.Queue(b)
		queue(b)
		return nil
	})
	return f.repeated(ctx, by, err)
}

// applyPrices writes lines, and puts them in force. own is what the list has.
func (f *Finance) applyPrices(ctx context.Context, by By, c Change, list string, lines []Line, own ownPrices) (Change, error) {
	p := plan{change: c.ID, list: list, lines: lines, own: own}
	first := p.begin(f.begins(len(lines)))
	if err := p.settle(); err != nil {
		return Change{}, err
	}
	return f.apply(ctx, by, c, c.PublicID(), first, func(b *database.Batch) {
		queueLines(b, c.ID, list, lines)
		p.queue(b)
	})
}

// perLine is what the writing of a line is allowed to take in a change of many, writeWithin
// what all of it is.
const perLine = time.Millisecond

// begins returns as soon as may be for a change of so many lines: they must all be written before.
func (f *Finance) begins(lines int) time.Time {
	if f.Prices.Lead == 0 {
		return f.soon()
	}
	return f.soon().Add(min(time.Duration(lines)*perLine, writeWithin))
}

// linesAtOnce is what one statement takes.
const linesAtOnce = 5000

// lineRow is a row of price_change_lines.
type lineRow struct {
	ChangeID           uuid.UUID
	LineNo             int64
	List               string
	SKU                string `db:"sku"`
	MinQuantity        int64
	AmountMinor        *int64
	ValidFrom, ValidTo *time.Time
}

// queueLines keeps the lines of a change. It may be repeated.
func queueLines(b *database.Batch, change uuid.UUID, list string, lines []Line) {
	for chunk := range slices.Chunk(lines, linesAtOnce) {
		rows := make([]lineRow, len(chunk))
		for i, l := range chunk {
			rows[i] = lineRow{change, l.No, list, l.SKU, l.MinQuantity, l.AmountMinor, database.NullTime(l.From), database.NullTime(l.To)}
		}
		database.QueueInsert(b, "price_change_lines", rows, `ON CONFLICT (change_id, line_no) DO NOTHING`)
	}
}
