package promotion_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/invalid"
	"meridian/internal/money"
	"meridian/internal/promotion"
	"meridian/internal/testkit"
)

// basket is two mugs at 10.00, a plate at 5.50 and three spoons at 0.99, and 4.90 of shipping.
func basket(coupons ...string) promotion.Basket {
	return promotion.Basket{
		Currency: "EUR", Market: "eu", ShippingMinor: 490, At: noon, Coupons: coupons,
		Lines: []promotion.Line{
			{SKU: "MUG", Category: "hg-1-2", Quantity: 2, UnitPriceMinor: 1000},
			{SKU: "PLATE", Category: "hg-1", Quantity: 1, UnitPriceMinor: 550},
			{SKU: "SPOON", Category: "hg-12", Quantity: 3, UnitPriceMinor: 99},
		},
	}
}

// gave is what a promotion took off: lines, then shipping.
type gave struct {
	id       string
	lines    [3]int64
	shipping int64
}

func TestApply(t *testing.T) {
	type promotions = []promotion.Promotion
	only := func(c promotion.Conditions) func(p *promotion.Promotion) {
		return func(p *promotion.Promotion) { p.Conditions = c }
	}
	tests := []struct {
		name       string
		promotions promotions
		coupons    []string
		want       []gave
	}{
		{"none", nil, nil, nil},
		{"percentage, half to even", promotions{percent("p", 500)}, nil, []gave{{"p", [3]int64{100, 28, 15}, 0}}}, // 27.5 and 14.85
		{"everything", promotions{percent("p", 10_000)}, nil, []gave{{"p", [3]int64{2000, 550, 297}, 0}}},
		{"amount, over all lines", promotions{amount("a", 1000)}, nil, []gave{{"a", [3]int64{703, 193, 104}, 0}}},
		{"amount of more than there is", promotions{amount("a", 5000)}, nil, []gave{{"a", [3]int64{2000, 550, 297}, 0}}},
		{"free shipping", promotions{shipping("s")}, nil, []gave{{"s", [3]int64{}, 490}}},
		{"the cheapest units are given", promotions{offer("o", 2, 1)}, nil, []gave{{"o", [3]int64{0, 0, 198}, 0}}},
		{"units given on several lines", promotions{offer("o", 1, 1)}, nil, []gave{{"o", [3]int64{0, 0, 297}, 0}}},
		{"given at a part of the price", promotions{with(offer("o", 1, 1), func(p *promotion.Promotion) { p.GetPercentBP = 5000 })}, nil,
			[]gave{{"o", [3]int64{0, 0, 148}, 0}}}, // half of 2.97, to even
		{"a unit counts in one offer only", promotions{offer("a", 2, 1), offer("b", 1, 1)}, nil, []gave{{"a", [3]int64{0, 0, 198}, 0}}},
		{"what an offer leaves is for the next", promotions{offer("a", 3, 1), offer("b", 1, 1)}, nil, []gave{
			{"a", [3]int64{0, 0, 99}, 0}, {"b", [3]int64{0, 0, 99}, 0},
		}},
		{"stacking order", promotions{shipping("a"), amount("b", 100), percent("c", 1000), offer("d", 5, 1)}, nil, []gave{
			{"d", [3]int64{0, 0, 99}, 0}, {"c", [3]int64{200, 55, 20}, 0}, {"b", [3]int64{73, 20, 7}, 0}, {"a", [3]int64{}, 490},
		}},
		{"percentages of what is left, by priority and id", promotions{
			percent("a", 1000), percent("b", 5000), with(percent("c", 2000), func(p *promotion.Promotion) { p.Priority = 1 }),
		}, nil, []gave{
			{"c", [3]int64{400, 110, 59}, 0}, {"a", [3]int64{160, 44, 24}, 0}, {"b", [3]int64{720, 198, 107}, 0},
		}},
		{"nothing left to give", promotions{percent("a", 10_000), amount("b", 100), offer("c", 5, 5), shipping("d"), shipping("e")}, nil, []gave{
			{"a", [3]int64{2000, 550, 297}, 0}, {"d", [3]int64{}, 490},
		}},
		{"a category and those below it", promotions{with(percent("p", 1000), only(promotion.Conditions{Categories: []string{"hg-1"}}))}, nil,
			[]gave{{"p", [3]int64{200, 55, 0}, 0}}},
		{"a category or a SKU", promotions{with(amount("a", 100), only(promotion.Conditions{Categories: []string{"hg-1-2"},
			SKUs: []string{"SPOON"}}))}, nil,
			[]gave{{"a", [3]int64{87, 0, 13}, 0}}},
		{"an offer of some goods", promotions{with(offer("o", 1, 1), only(promotion.Conditions{SKUs: []string{"MUG"}}))}, nil,
			[]gave{{"o", [3]int64{1000, 0, 0}, 0}}},
		{"coupon not entered", promotions{with(percent("p", 500), code("FIVE"))}, nil, nil},
		{"coupon in any case, twice", promotions{with(percent("p", 10_000), code("ALL"))}, []string{" all ", "", "ALL"},
			[]gave{{"p", [3]int64{2000, 550, 297}, 0}}},
		{"a code of two promotions", promotions{with(percent("p", 1000), code("BOTH")), with(shipping("s"), code("BOTH"))}, []string{"BOTH"},
			[]gave{{"p", [3]int64{200, 55, 30}, 0}, {"s", [3]int64{}, 490}}},
		{"exclusive gives more", promotions{with(percent("x", 3000), exclusive), percent("p", 1000), shipping("s")}, nil,
			[]gave{{"x", [3]int64{600, 165, 89}, 0}}},
		{"exclusive gives less than the others together", promotions{with(percent("x", 2000), exclusive), percent("p", 1000), shipping("s")}, nil,
			[]gave{{"p", [3]int64{200, 55, 30}, 0}, {"s", [3]int64{}, 490}}},
		{"exclusive gives as much", promotions{with(percent("a", 1000), exclusive), percent("b", 1000)}, nil,
			[]gave{{"b", [3]int64{200, 55, 30}, 0}}},
		{"the best of the exclusive ones", promotions{with(percent("a", 1000), exclusive), with(amount("b", 1000), exclusive),
			with(shipping("c"), exclusive)}, nil,
			[]gave{{"b", [3]int64{703, 193, 104}, 0}}},
		{"the first of equal exclusive ones", promotions{with(percent("b", 1000), exclusive), with(percent("a", 1000), exclusive)}, nil,
			[]gave{{"a", [3]int64{200, 55, 30}, 0}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out := testkit.Must(promotion.NewSet(test.promotions).Apply(basket(test.coupons...)))(t)
			var got []gave
			for _, a := range out.Applied {
				got = append(got, gave{a.Promotion, [3]int64(a.LineMinor), a.ShippingMinor})
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(gave{})); diff != "" {
				t.Errorf("gave (-want +got):\n%s", diff)
			}
			if out.Refused != nil {
				t.Errorf("refused %v", out.Refused)
			}
		})
	}
}

func TestApply_SaysWhatItGave(t *testing.T) {
	coupon := with(percent("p", 1000), code("TEN"))
	coupon.TotalLimit, coupon.CustomerLimit = 50, 1
	got := testkit.Must(promotion.NewSet([]promotion.Promotion{coupon, shipping("s")}).Apply(basket("ten")))(t)
	want := promotion.Outcome{
		Applied: []promotion.Applied{
			{Promotion: "p", Title: "P", Coupon: "TEN", LineMinor: []int64{200, 55, 30}, TotalLimit: 50, CustomerLimit: 1},
			{Promotion: "s", Title: "S", LineMinor: []int64{0, 0, 0}, ShippingMinor: 490},
		},
		LineDiscounts: []int64{200, 55, 30}, ShippingDiscountMinor: 490,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
}

// What cannot be divided goes by SKU, category and quantity, wherever the lines stand.
func TestApply_TiesDoNotDependOnOrder(t *testing.T) {
	type lines = []promotion.Line
	tests := []struct {
		name  string
		p     promotion.Promotion
		first promotion.Line // gets what there is, other nothing
		other promotion.Line
	}{
		{"a cent, by SKU", amount("a", 1), promotion.Line{SKU: "A", Quantity: 1, UnitPriceMinor: 10},
			promotion.Line{SKU: "B", Quantity: 1, UnitPriceMinor: 10}},
		{"a unit, by SKU", offer("o", 1, 1), promotion.Line{SKU: "A", Quantity: 1, UnitPriceMinor: 10},
			promotion.Line{SKU: "B", Quantity: 1, UnitPriceMinor: 10}},
		{"a unit, by category", offer("o", 1, 1), promotion.Line{Category: "a", Quantity: 1, UnitPriceMinor: 10},
			promotion.Line{Category: "b", Quantity: 1, UnitPriceMinor: 10}},
		{"a unit, by quantity", offer("o", 2, 1), promotion.Line{Quantity: 1, UnitPriceMinor: 10},
			promotion.Line{Quantity: 2, UnitPriceMinor: 10}},
		{"a unit, the cheapest", offer("o", 1, 1), promotion.Line{SKU: "B", Quantity: 1, UnitPriceMinor: 9},
			promotion.Line{SKU: "A", Quantity: 1, UnitPriceMinor: 10}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			set := promotion.NewSet([]promotion.Promotion{test.p})
			for at, order := range []lines{{test.first, test.other}, {test.other, test.first}} {
				out := testkit.Must(set.Apply(promotion.Basket{Currency: "EUR", At: noon, Lines: order}))(t)
				if out.LineDiscounts[at] == 0 || out.LineDiscounts[1-at] != 0 {
					t.Errorf("%+v: %v off", order, out.LineDiscounts)
				}
			}
		})
	}
}

func TestApply_Refuses(t *testing.T) {
	used := func(promotion.Basket) *promotion.Used { return nil }
	usedUp := func(b promotion.Basket) *promotion.Used {
		u := usedNever(t)
		u.Take(b.Customer, promotion.Applied{Promotion: "p"})
		return u
	}
	tests := []struct {
		name   string
		change func(p *promotion.Promotion)
		others []promotion.Promotion
		used   func(b promotion.Basket) *promotion.Used
		want   promotion.Reason
	}{
		{name: "unknown", change: func(p *promotion.Promotion) { p.Coupon = "OTHER" }, want: promotion.ReasonUnknown},
		{name: "expired", change: func(p *promotion.Promotion) { p.ValidFrom, p.ValidTo = noon.Add(-time.Hour), &noon },
			want: promotion.ReasonExpired},
		{name: "not yet", change: func(p *promotion.Promotion) { p.ValidFrom = noon.Add(1) }, want: promotion.ReasonNotYet},
		{name: "market", change: func(p *promotion.Promotion) { p.Conditions.Markets = []string{"us"} }, want: promotion.ReasonMarket},
		{name: "currency", change: func(p *promotion.Promotion) { p.Conditions.Currencies = []money.Currency{"USD"} },
			want: promotion.ReasonCurrency},
		{name: "no amount in the currency", change: func(p *promotion.Promotion) {
			p.Spec = promotion.Spec{Kind: promotion.AmountOff, Amounts: map[money.Currency]int64{"USD": 100}}
		}, want: promotion.ReasonCurrency},
		{name: "no minimum in the currency", change: func(p *promotion.Promotion) { p.Conditions.MinSubtotals = map[money.Currency]int64{"USD": 100} }, want: promotion.ReasonCurrency},
		{name: "group", change: func(p *promotion.Promotion) { p.Conditions.Groups = []string{"trade"} }, want: promotion.ReasonGroup},
		{name: "first order", change: func(p *promotion.Promotion) { p.Conditions.FirstOrder = true }, want: promotion.ReasonFirstOrder},
		{name: "goods", change: func(p *promotion.Promotion) { p.Conditions.SKUs = []string{"FORK"} }, want: promotion.ReasonGoods},
		{name: "quantity of its goods", change: func(p *promotion.Promotion) {
			p.Conditions.SKUs, p.Conditions.MinQuantity = []string{"MUG"}, 3
		}, want: promotion.ReasonMinQuantity},
		{name: "too few for an offer", change: func(p *promotion.Promotion) {
			p.Spec = promotion.Spec{Kind: promotion.BuyXGetY, Buy: 5, Get: 2}
		}, want: promotion.ReasonMinQuantity},
		{name: "subtotal of its goods", change: func(p *promotion.Promotion) {
			p.Conditions.SKUs, p.Conditions.MinSubtotals = []string{"MUG"}, map[money.Currency]int64{"EUR": 2001}
		}, want: promotion.ReasonMinSubtotal},
		{name: "used up in total", change: func(p *promotion.Promotion) { p.TotalLimit = 1 }, used: usedUp, want: promotion.ReasonUsedUp},
		{name: "used up by the customer", change: func(p *promotion.Promotion) { p.CustomerLimit = 1 }, used: usedUp,
			want: promotion.ReasonUsedUp},
		{name: "stacks with nothing", change: exclusive, others: []promotion.Promotion{percent("better", 2000)}, want: promotion.ReasonExclusive},
		{name: "nothing stacks with another", others: []promotion.Promotion{with(percent("better", 2000), exclusive)},
			want: promotion.ReasonExclusive},
		{name: "nothing left", change: func(p *promotion.Promotion) { p.Priority = -1 }, others: []promotion.Promotion{percent("all", 10_000)},
			want: promotion.ReasonNothing},
		{name: "exclusive, with nothing to give", change: func(p *promotion.Promotion) {
			p.Spec = promotion.Spec{Kind: promotion.BuyXGetY, Buy: 1, Get: 1, GetPercentBP: 1, Exclusive: true}
			p.Conditions.SKUs = []string{"SPOON"}
		}, want: promotion.ReasonNothing},
		{name: "the nearest of two", change: func(p *promotion.Promotion) { p.Conditions.Groups = []string{"trade"} },
			others: []promotion.Promotion{with(percent("a", 1), func(p *promotion.Promotion) {
				p.Coupon, p.ValidFrom = "CODE",
					noon.Add(time.Hour)
			})},
			want: promotion.ReasonGroup},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := with(percent("p", 1000), code("CODE"))
			if test.change != nil {
				test.change(&p)
			}
			b := basket("CODE")
			b.Customer = by([]byte("ann"))
			if test.used == nil {
				test.used = used
			}
			b.Used = test.used(b)
			out := testkit.Must(promotion.NewSet(append(test.others, p)).Apply(b))(t)
			if diff := cmp.Diff([]promotion.Refusal{{Coupon: "CODE", Reason: test.want}}, out.Refused); diff != "" {
				t.Errorf("refused (-want +got):\n%s", diff)
			}
		})
	}
}

// The conditions of TestApply_Refuses, met.
func TestApply_ConditionsMet(t *testing.T) {
	p := with(percent("p", 1000), code("CODE"))
	p.TotalLimit, p.CustomerLimit = 2, 2
	p.Conditions = promotion.Conditions{
		Markets: []string{"us", "eu"}, Currencies: []money.Currency{"USD", "EUR"}, Groups: []string{"", "trade"}, FirstOrder: true,
		SKUs: []string{"MUG"}, MinQuantity: 2, MinSubtotals: map[money.Currency]int64{"EUR": 2000},
	}
	b := basket("code")
	b.FirstOrder, b.Customer, b.Used = true, by([]byte("ann")), usedNever(t)
	b.Used.Take(by([]byte("ann")), promotion.Applied{Promotion: "p"})
	out := testkit.Must(promotion.NewSet([]promotion.Promotion{p}).Apply(b))(t)
	if diff := cmp.Diff([]int64{200, 0, 0}, out.LineDiscounts); diff != "" {
		t.Errorf("discounts (-want +got):\n%s", diff)
	}
}

func TestApply_VersionInForce(t *testing.T) {
	later := noon.Add(time.Hour)
	end := noon.Add(2 * time.Hour)
	second := with(percent("p", 2000), func(p *promotion.Promotion) { p.ValidFrom, p.ValidTo = later, &end })
	set := promotion.NewSet([]promotion.Promotion{second, percent("p", 1000)}) // the first has no end of its own
	for name, test := range map[string]struct {
		at   time.Time
		want int64
	}{
		"before":             {noon.Add(-1), 0},
		"first":              {noon, 200},
		"just before second": {later.Add(-1), 200},
		"second":             {later, 400},
		"after":              {end, 0},
	} {
		b := basket()
		b.At = test.at
		out, err := set.Apply(b)
		if err != nil || out.LineDiscounts[0] != test.want {
			t.Errorf("%s: %v off, %v; want %d", name, out.LineDiscounts, err, test.want)
		}
	}
}

func TestApply_WrongBaskets(t *testing.T) {
	set := promotion.NewSet([]promotion.Promotion{percent("p", 1000), amount("a", 100), offer("o", 1, 1), shipping("s")})
	tests := []struct {
		name   string
		change func(b *promotion.Basket)
		field  string // "" for an overflow
	}{
		{"too many codes", func(b *promotion.Basket) { b.Coupons = strings.Fields(strings.Repeat("A ", 21)) }, "coupons"},
		{"negative quantity", func(b *promotion.Basket) { b.Lines[1].Quantity = -1 }, "lines[1]"},
		{"negative price", func(b *promotion.Basket) { b.Lines[2].UnitPriceMinor = -1 }, "lines[2]"},
		{"negative shipping", func(b *promotion.Basket) { b.ShippingMinor = -1 }, "shipping_minor"},
		{"line too large", func(b *promotion.Basket) { b.Lines[0].UnitPriceMinor = math.MaxInt64 }, ""},
		{"sum too large", func(b *promotion.Basket) { b.Lines[1].UnitPriceMinor = math.MaxInt64 }, ""},
		{"too many units", func(b *promotion.Basket) { b.Lines[1] = promotion.Line{Quantity: math.MaxInt64} }, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := basket()
			test.change(&b)
			_, err := set.Apply(b)
			var wrong *invalid.Error
			if test.field == "" && !errors.Is(err, money.ErrOverflow) {
				t.Errorf("got %v, want an overflow", err)
			}
			if test.field != "" && (!errors.As(err, &wrong) || wrong.Fields[0].Name != test.field) {
				t.Errorf("got %v, want a fault of %s", err, test.field)
			}
		})
	}
}

func TestApply_CostsNothingWithoutPromotions(t *testing.T) {
	set, b := promotion.NewSet([]promotion.Promotion{with(percent("p", 1000), code("TEN"))}), basket()
	if !set.Empty() || promotion.NewSet([]promotion.Promotion{percent("p", 1000)}).Empty() {
		t.Error("Empty is wrong about what applies by itself")
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = set.Apply(b) }); n > 1 {
		t.Errorf("%v allocations, want the line discounts alone", n)
	}
}
