package finance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/pricing"
	"meridian/internal/promotion"
)

// PromotionRule is a version of a promotion, or, with End, its end.
type PromotionRule struct {
	ID            string     `json:"id"`
	Title         string     `json:"title,omitzero"`
	Coupon        string     `json:"coupon,omitzero"`
	Priority      int64      `json:"priority,omitzero"`
	ValidTo       *time.Time `json:"valid_to,omitzero"`
	TotalLimit    int64      `json:"total_limit,omitzero"`
	CustomerLimit int64      `json:"customer_limit,omitzero"`
	// Spec is what it gives and on what conditions, as promotion.ParseSpec reads it.
	Spec jsontext.Value `json:"spec,omitzero"`
	End  bool           `json:"end,omitzero"`
}

func (p *PromotionRule) kind() string    { return KindPromotion }
func (p *PromotionRule) subject() string { return p.ID }

// EndPromotion ends a promotion; versions that were to begin later never do. from is when, zero
// as soon as may be. Five round trips.
//
// Errors: ErrNotFound, and those of SetRule.
func (f *Finance) EndPromotion(ctx context.Context, id string, from time.Time, by By) (Change, error) {
	versions, err := f.Promotions.Versions(ctx, id, f.Now().AddDate(1000, 0, 0), 1)
	if err != nil {
		return Change{}, err
	}
	if len(versions) == 0 {
		return Change{}, ErrNotFound
	}
	return f.SetRule(ctx, &PromotionRule{ID: id, End: true}, from, by)
}

// promotion returns the rule as the promotions know it. It fails where Spec cannot be read, and returns
// what it read of one that is not valid.
func (p *PromotionRule) promotion() (promotion.Promotion, error) {
	spec, err := promotion.ParseSpec(p.Spec)
	return promotion.Promotion{ID: p.ID, Title: p.Title, Coupon: promotion.NormalizeCoupon(p.Coupon), Priority: p.Priority, ValidTo: p.ValidTo,
		TotalLimit: p.TotalLimit, CustomerLimit: p.CustomerLimit, Spec: spec}, err
}

func (p *PromotionRule) check(f *invalid.List, rules *pricing.Rules, at time.Time) {
	if p.End {
		return
	}
	if p.ValidTo != nil && !p.ValidTo.After(at) {
		f.Add("valid_to", "must be after it begins, at %s", at.Format(time.RFC3339))
	}
	var invalid *invalid.Error
	full, err := p.promotion()
	if err != nil && !errors.As(err, &invalid) {
		f.Add("spec", "must be an object with the kind and what is told of it in the documentation, and nothing else")
		return
	}
	if errors.As(full.Validate(), &invalid) {
		*f = append(*f, invalid.Fields...)
	}
	checkMarkets(f, full.Conditions.Markets, rules, at)
	p.Coupon = full.Coupon
}

// checkMarkets adds the markets that are not in force at a moment.
func checkMarkets(f *invalid.List, codes []string, rules *pricing.Rules, at time.Time) {
	var unknown *pricing.UnknownMarketError
	for i, code := range codes {
		if _, err := rules.Market(code, at); errors.As(err, &unknown) {
			f.Add(fmt.Sprintf("spec.conditions.markets[%d]", i), "must be a market that is in force by then: one of %s",
				strings.Join(unknown.Known, ", "))
		}
	}
}

// checkGoods wants SKUs and categories that there are: a condition that names no goods would never be met. One round trip
// where it names some.
func (p *PromotionRule) checkGoods(ctx context.Context, tx pgx.Tx, f *invalid.List) error {
	full, err := p.promotion()
	named := full.Conditions
	if p.End || err != nil || len(named.SKUs)+len(named.Categories) == 0 {
		return nil
	}
	var unknown catalog.Goods
	var b database.Batch
	catalog.QueueUnknown(&b, catalog.Goods{SKUs: named.SKUs, Categories: named.Categories}, &unknown)
	if err := tx.SendBatch(ctx, &b.Batch).Close(); err != nil {
		return fmt.Errorf("look for the goods of a promotion: %w", err)
	}
	for i, code := range named.Categories {
		if slices.Contains(unknown.Categories, code) {
			f.Add(fmt.Sprintf("spec.conditions.categories[%d]", i), "must be the id of a category: there is no %q", code)
		}
	}
	for i, code := range named.SKUs {
		if slices.Contains(unknown.SKUs, code) && len(*f) < maxLineFaults {
			f.Add(fmt.Sprintf("spec.conditions.skus[%d]", i), "must be a SKU of the catalogue: there is no %q", code)
		}
	}
	return nil
}

func (p *PromotionRule) old(rules *pricing.Rules, at time.Time, limit ApproveAbove) (any, bool) {
	needsTwo := !p.End && p.largestBP() > limit.ChangeBP
	before, ok := rules.Promotions.Version(p.ID, at)
	if !ok {
		return nil, needsTwo
	}
	record := PromotionRule{ID: before.ID, Title: before.Title, Coupon: before.Coupon, Priority: before.Priority, ValidTo: before.ValidTo,
		TotalLimit: before.TotalLimit, CustomerLimit: before.CustomerLimit}
	if spec, err := before.Spec.Encode(); err == nil {
		record.Spec = jsontext.Value(spec)
	}
	return record, needsTwo
}

// largestBP returns the most that it can take off goods, in basis points.
func (p *PromotionRule) largestBP() int64 {
	full, err := p.promotion()
	if err != nil {
		return whole
	}
	switch full.Kind {
	case promotion.Percentage:
		return full.PercentBP
	case promotion.FreeShipping:
		return 0
	case promotion.BuyXGetY:
		off := full.GetPercentBP
		if off == 0 {
			off = whole
		}
		return (full.Get*off + full.Buy + full.Get - 1) / (full.Buy + full.Get)
	}
	return largestAmountBP(full.Spec)
}

// largestAmountBP returns the most that an amount takes off the least that has to be bought; where
// no least is said it may be all.
func largestAmountBP(s promotion.Spec) int64 {
	var shares []int64
	for currency, amount := range s.Amounts {
		least := s.Conditions.MinSubtotals[currency]
		if least <= amount {
			return whole
		}
		shares = append(shares, -changeBP(least, least-amount))
	}
	return slices.Max(append(shares, 0))
}

func (p *PromotionRule) queue(b *database.Batch, from time.Time, change uuid.UUID) error {
	if p.End {
		promotion.QueueEnd(b, p.ID, from)
		return nil
	}
	full, err := p.promotion()
	if err != nil {
		return err
	}
	return promotion.QueuePut(b, full, change, from)
}
