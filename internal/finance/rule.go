package finance

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/pricing"
	"meridian/internal/pricing/changes"
)

// A rule is one version of a market, a rounding rule, a tax or a promotion as a person wants
// it: what the audit keeps of it is all that it takes to apply it, now or once it is approved.
type rule interface {
	// kind and subject name it in the audit.
	kind() string
	subject() string
	// check reports what is wrong with it, given the rules of now, and brings its texts into form.
	check(f *invalid.List, rules *pricing.Rules, at time.Time)
	// old is the version before, for the audit, nil for none, and whether the step from it needs
	// two people.
	old(rules *pricing.Rules, at time.Time, limit ApproveAbove) (old any, needsTwo bool)
	// queue adds to a batch what puts it in force at an instant, and tells every pod.
	queue(b *database.Batch, from time.Time, change uuid.UUID) error
}

// SetRule puts a new version of a rule in force: a *MarketRule, *RoundingRule, *TaxRule or
// *PromotionRule. from is when, zero as soon as may be; versions that were to begin later never
// do. A step that is larger than one person may take waits for Approve. Four round trips, and
// one more for a promotion that names goods.
//
// Errors: *invalid.Error, ErrOvertaken, for a repetition *idempotency.Replay or idempotency.ErrReused.
func (f *Finance) SetRule(ctx context.Context, r rule, from time.Time, by By) (Change, error) {
	return f.setRule(ctx, r, from, by, nil)
}

// setRule is SetRule with what the change's effect is, as JSON; nil where none is told.
func (f *Finance) setRule(ctx context.Context, r rule, from time.Time, by By, effect jsontext.Value) (Change, error) {
	var change Change
	from = database.Moment(from)
	err := f.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rules, err := f.rulesIn(ctx, tx)
		if err != nil {
			return err
		}
		soon := f.soon()
		at := database.Later(from, soon)
		var faults invalid.List
		by.check(&faults)
		if !from.IsZero() && from.Before(soon) {
			faults.Add("valid_from", "%s", tooEarly(soon))
		}
		r.check(&faults, rules, at)
		if p, ok := r.(*PromotionRule); ok {
			if err := p.checkGoods(ctx, tx, &faults); err != nil {
				return err
			}
		}
		if err := faults.Err(r.kind()); err != nil {
			return err
		}
		old, needsTwo := r.old(rules, at, f.ApproveAbove)
		if change, err = f.newChange(r.kind(), r.subject(), by, old, wanted{From: database.NullTime(from), Rule: r}); err != nil {
			return err
		}
		if effect != nil {
			change.Effect = effect
		}
		change.NeedsApproval = needsTwo || f.ApproveAbove.everything()
		return f.writeRule(ctx, tx, r, by, at, &change)
	})
	if err := f.repeated(ctx, by, untimely(err)); err != nil {
		return Change{}, fmt.Errorf("set %s: %w", r.kind(), err)
	}
	return change, nil
}

// writeRule writes the change of a rule, and unless it has to wait its effect.
func (f *Finance) writeRule(ctx context.Context, tx pgx.Tx, r rule, by By, at time.Time, change *Change) error {
	var b database.Batch
	by.claim(&b, change.PublicID())
	change.Queue(&b)
	if !change.NeedsApproval {
		if err := r.queue(&b, at, change.ID); err != nil {
			return err
		}
		var n int64
		*change = change.Decided(changes.Applied, "", f.moment())
		change.QueueDecision(&b, f.latest(at), f.within, &n)
	}
	return tx.SendBatch(ctx, &b.Batch).Close()
}

// wanted is a rule as the audit keeps it; From nil is as soon as may be.
type wanted struct {
	From *time.Time `json:"valid_from,omitzero"`
	Rule any        `json:"rule"`
}

// ruleOf returns the rule that a pending change wants, and when it is to begin: zero as soon as may be.
func ruleOf(c Change) (r rule, from time.Time, err error) {
	switch c.Kind {
	case KindMarket:
		r = new(MarketRule)
	case KindStrategy:
		r = new(StrategyRule)
	case KindRounding:
		r = new(RoundingRule)
	case KindTax:
		r = new(TaxRule)
	case KindPromotion:
		r = new(PromotionRule)
	default:
		return nil, time.Time{}, fmt.Errorf("a change of kind %q is no rule", c.Kind)
	}
	w := wanted{Rule: r}
	if err := json.Unmarshal(c.New, &w); err != nil {
		return nil, time.Time{}, fmt.Errorf("read the wanted %s: %w", c.Kind, err)
	}
	return r, database.TimeOrZero(w.From), nil
}
