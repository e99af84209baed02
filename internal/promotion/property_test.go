package promotion_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"meridian/internal/money"
	"meridian/internal/promotion"
	"meridian/internal/testkit"
)

// TestApply_Properties: whatever the basket and the promotions, no line and no shipping goes
// below zero, what is said of each promotion adds up, it is no more than the promotion may
// give, and nothing depends on how lines, coupons and promotions are ordered.
func TestApply_Properties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		promotions := rapid.SliceOfNDistinct(rapid.Custom(drawPromotion), 0, 8, promotionID).Draw(t, "promotions")
		b := drawBasket(t)
		out := testkit.Must(promotion.NewSet(promotions).Apply(b))(t)
		checkSums(t, b, out)
		checkShares(t, b, out, promotions)
		checkOrderDoesNotMatter(t, b, out, promotions)
	})
}

func promotionID(p promotion.Promotion) string { return p.ID }

func drawPromotion(t *rapid.T) promotion.Promotion {
	id := rapid.StringMatching(`[a-z]{2}`).Draw(t, "id")
	p := of(id, promotion.Spec{Kind: rapid.SampledFrom([]promotion.Kind{
		promotion.BuyXGetY, promotion.Percentage, promotion.AmountOff, promotion.FreeShipping,
	}).Draw(t, "kind")})
	switch p.Kind {
	case promotion.BuyXGetY:
		p.Buy, p.Get = rapid.Int64Range(1, 4).Draw(t, "buy"), rapid.Int64Range(1, 4).Draw(t, "get")
		p.GetPercentBP = rapid.Int64Range(0, 10_000).Draw(t, "get_percent")
	case promotion.Percentage:
		p.PercentBP = rapid.Int64Range(1, 10_000).Draw(t, "percent")
	case promotion.AmountOff:
		p.Amounts = map[money.Currency]int64{"EUR": rapid.OneOf(rapid.Int64Range(1, 9), rapid.Int64Range(1, 1<<39)).Draw(t, "amount")}
	}
	p.Priority = rapid.Int64Range(-1, 1).Draw(t, "priority")
	p.Exclusive = rapid.IntRange(0, 4).Draw(t, "exclusive") == 0
	p.Coupon = rapid.SampledFrom([]string{"", "", "ONE", "TWO"}).Draw(t, "coupon")
	p.Conditions = promotion.Conditions{
		Categories:  rapid.SampledFrom([][]string{nil, {"hg"}, {"hg-1", "aa"}}).Draw(t, "categories"),
		SKUs:        rapid.SampledFrom([][]string{nil, {"A", "C"}}).Draw(t, "skus"),
		MinQuantity: rapid.Int64Range(0, 3).Draw(t, "min_quantity"),
	}
	testkit.NoError(t, p.Validate())
	return p
}

func drawBasket(t *rapid.T) promotion.Basket {
	return promotion.Basket{
		Currency: "EUR", At: noon, Coupons: []string{"ONE", "TWO", "THREE"},
		ShippingMinor: rapid.Int64Range(0, 1000).Draw(t, "shipping"),
		Lines: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) promotion.Line {
			return promotion.Line{
				SKU:            rapid.SampledFrom([]string{"A", "B", "C", "D"}).Draw(t, "sku"),
				Category:       rapid.SampledFrom([]string{"", "aa", "hg", "hg-1", "hg-12"}).Draw(t, "category"),
				Quantity:       rapid.Int64Range(0, 9).Draw(t, "quantity"),
				UnitPriceMinor: rapid.OneOf(rapid.Just(int64(5)), rapid.Int64Range(0, 1<<55)).Draw(t, "price"),
			}
		}), 0, 9).Draw(t, "lines"),
	}
}

func checkSums(t *rapid.T, b promotion.Basket, out promotion.Outcome) {
	lines, shipping := make([]int64, len(b.Lines)), int64(0)
	for _, a := range out.Applied {
		shipping += a.ShippingMinor
		given := a.ShippingMinor
		for i, minor := range a.LineMinor {
			if minor < 0 {
				t.Fatalf("%s makes line %d dearer", a.Promotion, i)
			}
			lines[i] += minor
			given += minor
		}
		if given != a.DiscountMinor()+a.ShippingMinor || given <= 0 {
			t.Fatalf("%s gave %d", a.Promotion, given)
		}
	}
	if diff := cmp.Diff(lines, out.LineDiscounts); diff != "" || shipping != out.ShippingDiscountMinor {
		t.Fatalf("what promotions gave does not add up, shipping %d (-sum +said):\n%s", shipping, diff)
	}
	for i, line := range b.Lines {
		if lines[i] > line.Quantity*line.UnitPriceMinor {
			t.Fatalf("%d is off line %d, which costs less", lines[i], i)
		}
	}
	if shipping > b.ShippingMinor {
		t.Fatalf("%d is off the shipping, which costs less", shipping)
	}
}

// checkShares follows the promotions in the order in which they were taken: an amount gives
// all that it may, and no promotion more than its kind allows.
func checkShares(t *rapid.T, b promotion.Basket, out promotion.Outcome, promotions []promotion.Promotion) {
	left := make([]int64, len(b.Lines))
	for i, line := range b.Lines {
		left[i] = line.Quantity * line.UnitPriceMinor
	}
	for _, a := range out.Applied {
		p := promotions[slices.IndexFunc(promotions, func(p promotion.Promotion) bool { return p.ID == a.Promotion })]
		if p.Exclusive && len(out.Applied) > 1 {
			t.Fatalf("%s is exclusive and stacks", p.ID)
		}
		var of int64 // what is left of the lines that it is meant for
		for i, minor := range a.LineMinor {
			meant := means(p, b.Lines[i])
			if meant {
				of += left[i]
			}
			want, _ := money.BasisPoints(p.PercentBP).Of(left[i])
			switch {
			case !meant && minor != 0:
				t.Fatalf("%s is not meant for line %d", p.ID, i)
			case meant && p.Kind == promotion.Percentage && minor != want:
				t.Fatalf("%s took %d off line %d, want %d", p.ID, minor, i, want)
			}
			left[i] -= minor
		}
		if want := min(of, p.Amounts["EUR"]); p.Kind == promotion.AmountOff && a.DiscountMinor() != want {
			t.Fatalf("%s gave %d, want %d", p.ID, a.DiscountMinor(), want)
		}
	}
}

func means(p promotion.Promotion, l promotion.Line) bool {
	c := p.Conditions
	below := func(category string) bool {
		return l.Category == category || len(l.Category) > len(category) && l.Category[:len(category)+1] == category+"-"
	}
	return c.Categories == nil && c.SKUs == nil || slices.Contains(c.SKUs, l.SKU) || slices.ContainsFunc(c.Categories, below)
}

func checkOrderDoesNotMatter(t *rapid.T, b promotion.Basket, out promotion.Outcome, promotions []promotion.Promotion) {
	shuffled := b
	places := rapid.Permutation(slices.Collect(indexes(len(b.Lines)))).Draw(t, "places")
	shuffled.Lines = make([]promotion.Line, len(b.Lines))
	for i, from := range places {
		shuffled.Lines[i] = b.Lines[from]
	}
	shuffled.Coupons = rapid.Permutation(b.Coupons).Draw(t, "coupons")
	again := testkit.Must(promotion.NewSet(rapid.Permutation(promotions).Draw(t, "shuffled")).Apply(shuffled))(t)
	if diff := cmp.Diff(perLine(b, out), perLine(shuffled, again)); diff != "" {
		t.Fatalf("another order gives something else (-before +after):\n%s", diff)
	}
	same, _ := promotion.NewSet(promotions).Apply(b)
	if diff := cmp.Diff(out, same); diff != "" {
		t.Fatalf("the same again gives something else:\n%s", diff)
	}
}

func indexes(n int) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// perLine is what each promotion took off lines of each kind: lines that are equal in all may
// change places.
func perLine(b promotion.Basket, out promotion.Outcome) map[string]map[promotion.Line][]int64 {
	all := make(map[string]map[promotion.Line][]int64)
	for _, a := range out.Applied {
		lines := map[promotion.Line][]int64{{SKU: "shipping"}: {a.ShippingMinor}}
		for i, minor := range a.LineMinor {
			lines[b.Lines[i]] = append(lines[b.Lines[i]], minor)
		}
		for _, minors := range lines {
			slices.Sort(minors)
		}
		all[a.Promotion] = lines
	}
	for _, r := range out.Refused {
		all["refused "+r.Coupon+" "+string(r.Reason)] = nil
	}
	return all
}
