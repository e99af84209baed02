package pricing

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"meridian/internal/money"
	"meridian/internal/promotion"
	"meridian/internal/testkit"
)

// itemOf is units of an article by the price of one that the rules give.
func itemOf(t testing.TB, r *Rules, ask Ask, a *PricedSKU, quantity int64) Item {
	t.Helper()
	return Item{Priced: a, Quantity: quantity, Unit: testkit.Must(r.Unit(a, ask, quantity))(t)}
}

// priced is an item whose unit has a price, whatever the rules.
func priced(sku, tax string, quantity, minor int64) Item {
	a := &PricedSKU{SKU: sku, TaxCategory: tax}
	return Item{Priced: a, Quantity: quantity, Unit: Unit{AmountMinor: minor, Entry: &Entry{AmountMinor: minor}, List: &List{Kind: Regular}}}
}

// visible is what a line shows.
var visible = cmpopts.IgnoreUnexported(Line{})

// TestQuote_Tax: one unit to a place, by its tax there.
func TestQuote_Tax(t *testing.T) {
	tests := []struct {
		name     string
		dest     Destination
		category string
		price    int64
		want     Line
		includes bool
	}{
		{"VAT is included", Destination{Country: "IE"}, TaxStandard, 1230, Line{TaxRate: 2300, TaxMinor: 230, TotalMinor: 1230}, true},
		{"a rate with a decimal", Destination{Country: "FI"}, TaxStandard, 12550, Line{TaxRate: 2550, TaxMinor: 2550, TotalMinor: 12550}, true},
		{"the reduced rate", Destination{Country: "DE"}, TaxReduced, 1070, Line{TaxRate: 700, TaxMinor: 70, TotalMinor: 1070}, true},
		{"zero", Destination{Country: "DE"}, TaxZero, 1000, Line{TotalMinor: 1000}, true},
		{"a part of a country", Destination{Country: "ES", State: "CE"}, TaxStandard, 1000, Line{TotalMinor: 1000}, true},
		{"an unknown part", Destination{Country: "ES", State: "XX"}, TaxStandard, 1210, Line{TaxRate: 2100, TaxMinor: 210, TotalMinor: 1210},
			true},
		{"an unknown country", Destination{Country: "AQ"}, TaxStandard, 1000, Line{TotalMinor: 1000}, true},
		{"sales tax is added", Destination{Country: "US", State: "TX"}, TaxStandard, 1000, Line{TaxRate: 625, TaxMinor: 62, TotalMinor: 1062},
			false},
		{"no state", Destination{Country: "US"}, TaxStandard, 1000, Line{TotalMinor: 1000}, false},
		{"a state as people write it", Destination{Country: "CA", State: " ca-on"}, TaxStandard, 1000,
			Line{TaxRate: 1300, TaxMinor: 130, TotalMinor: 1130}, false},
		{"finer than basis points", Destination{Country: "US", State: "MN"}, TaxStandard, 100_000_00,
			Line{TaxRate: 688, TaxMinor: 6875_00, TotalMinor: 106_875_00}, false},
		{"finer still", Destination{Country: "CA", State: "QC"}, TaxStandard, 100_000_00,
			Line{TaxRate: 1498, TaxMinor: 14_975_00, TotalMinor: 114_975_00}, false},
	}
	rules := rulesWith()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ask := Ask{Market: testkit.Must(rules.MarketOf(test.dest.Country, noon(today)))(t), Currency: "EUR", At: noon(today)}
			quote := testkit.Must(rules.Quote(QuoteInput{Dest: test.dest, Ask: ask, Items: []Item{priced("A", test.category, 1, test.price)}}))(t)
			want := test.want
			want.SKU, want.Quantity, want.UnitPriceMinor, want.SubtotalMinor = "A", 1, test.price, test.price
			if diff := cmp.Diff([]Line{want}, quote.Lines, visible); diff != "" {
				t.Errorf("line (-want +got):\n%s", diff)
			}
			if quote.PricesIncludeTax != test.includes {
				t.Errorf("prices include tax: %t", quote.PricesIncludeTax)
			}
		})
	}
}

// TestQuote_TaxOfTheTime: a tax counts while it is in force, and a market's custom too.
func TestQuote_TaxOfTheTime(t *testing.T) {
	rules := rulesWith(func(rows *RuleRows) {
		for _, rate := range rows.taxes {
			if rate.Country == "DE" && rate.Category == TaxStandard {
				rate.Period = between("2021-01-01", "2026-07-01")
			}
		}
		rows.taxes = append(rows.taxes,
			&TaxRate{Country: "DE", Category: TaxStandard, Period: between("2020-07-01", "2021-01-01"), RateMPct: 16_000},
			&TaxRate{Country: "DE", Category: TaxStandard, Period: from("2026-07-01"), RateMPct: 20_000})
	})
	for day, want := range map[string]int64{"2020-06-30": 0, "2020-07-01": 1600, "2020-12-31": 1600, "2021-01-01": 1900, today: 1900,
		"2026-07-01": 2000} {
		ask := askingAt(t, rules, "us", "EUR", noon(day)) // where tax is added, which is easier to read
		quote := testkit.Must(rules.Quote(QuoteInput{Dest: Destination{Country: "DE"}, Ask: ask,
			Items: []Item{priced("A", TaxStandard, 1, 10_000)}}))(t)
		if quote.TaxMinor != want {
			t.Errorf("on %s the tax on 100.00 is %d, want %d", day, quote.TaxMinor, want)
		}
	}
}

func TestQuote_Sums(t *testing.T) {
	rules := rulesWith()
	ask := asking(t, rules, "us", "CAD")
	got := testkit.Must(rules.Quote(QuoteInput{
		Dest: Destination{Country: "CA", State: "ON"}, Ask: ask,
		Items:    []Item{priced("A", TaxStandard, 3, 999), priced("B", TaxZero, 1, 0), priced("A", TaxReduced, 1, 1)},
		Shipping: func(subtotal int64) (int64, error) { return subtotal - 2298, nil },
	}))(t)
	want := Quote{
		Ask: ask, Dest: Destination{Country: "CA", State: "ON"}, Currency: "CAD",
		Lines: []Line{
			{SKU: "A", Quantity: 3, UnitPriceMinor: 999, SubtotalMinor: 2997, TaxRate: 1300, TaxMinor: 390, TotalMinor: 3387},
			{SKU: "B", Quantity: 1},
			{SKU: "A", Quantity: 1, UnitPriceMinor: 1, SubtotalMinor: 1, TaxRate: 1300, TotalMinor: 1},
		},
		SubtotalMinor: 2998, ShippingMinor: 700, TaxMinor: 390, TotalMinor: 4088,
	}
	if diff := cmp.Diff(want, got, visible, cmp.Comparer(func(a, b *Market) bool { return a == b })); diff != "" {
		t.Errorf("quote (-want +got):\n%s", diff)
	}
}

// offer is a promotion in force since 2020.
func offer(id, coupon string, spec promotion.Spec) promotion.Promotion {
	return promotion.Promotion{ID: id, Title: id, Coupon: coupon, ValidFrom: noon("2020-01-01"), Spec: spec}
}

// TestQuote_Promotions: tax is on what promotions leave, and the derivation tells of them.
func TestQuote_Promotions(t *testing.T) {
	rules := rulesWith(func(rows *RuleRows) {
		rows.promotions = []promotion.Promotion{
			offer("ten", "", promotion.Spec{Kind: promotion.Percentage, PercentBP: 1000}),
			offer("five", "FIVE", promotion.Spec{Kind: promotion.AmountOff, Amounts: map[money.Currency]int64{"EUR": 500}}),
			offer("sent", "SENT", promotion.Spec{Kind: promotion.FreeShipping}),
		}
	})
	quote := testkit.Must(rules.Quote(QuoteInput{
		Dest: Destination{Country: "DE"}, Ask: asking(t, rules, "eu", "EUR"), Coupons: []string{"FIVE", "sent", "NOPE"},
		Items:    []Item{priced("A", TaxStandard, 2, 1000), priced("B", TaxReduced, 1, 3000)},
		Shipping: func(int64) (int64, error) { return 490, nil },
	}))(t)
	// 10 % leaves 1800 and 2700; 500 off is 200 and 300
	want := []Line{
		{SKU: "A", Quantity: 2, UnitPriceMinor: 1000, SubtotalMinor: 2000, DiscountMinor: 400, TaxRate: 1900, TaxMinor: 255, TotalMinor: 1600},
		{SKU: "B", Quantity: 1, UnitPriceMinor: 3000, SubtotalMinor: 3000, DiscountMinor: 600, TaxRate: 700, TaxMinor: 157, TotalMinor: 2400},
	}
	if diff := cmp.Diff(want, quote.Lines, visible); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if quote.ShippingMinor != 0 || quote.DiscountMinor != 1000 || quote.TotalMinor != 4000 || quote.TaxMinor != 412 {
		t.Errorf("shipping %d, discount %d, tax %d, total %d; want 0, 1000, 412, 4000", quote.ShippingMinor, quote.DiscountMinor,
			quote.TaxMinor, quote.TotalMinor)
	}
	if diff := cmp.Diff([]promotion.Refusal{{Coupon: "NOPE", Reason: promotion.ReasonUnknown}}, quote.RefusedCoupons); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	steps := quote.Derivation(1, 0).Promotions
	if diff := cmp.Diff([]PromotionStep{{Promotion: "ten", Minor: 300}, {Promotion: "five", Coupon: "FIVE", Minor: 300}}, steps); diff != "" {
		t.Errorf("derivation (-want +got):\n%s", diff)
	}
}

// TestQuote_Sale: a reduced line says what it would cost without, and the lowest price before.
func TestQuote_Sale(t *testing.T) {
	rules := rulesWith(withLists(List{Code: "sale", Kind: Sale, Currency: "EUR", Period: from("2026-03-20")}))
	ask := asking(t, rules, "eu", "EUR")
	a := article(entry("sale", 500), Entry{List: "catalogue-EUR", MinQuantity: 1, AmountMinor: 800,
		Period: between("2020-01-01", "2026-03-01")},
		Entry{List: "catalogue-EUR", MinQuantity: 1, AmountMinor: 1000, Period: from("2026-03-01")})
	quote := testkit.Must(rules.Quote(QuoteInput{Dest: Destination{Country: "DE"}, Ask: ask, Items: []Item{itemOf(t, rules, ask, a, 1)}}))(t)
	line := quote.Lines[0]
	if regular, ok := line.RegularMinor(); !ok || regular != 1000 || line.LowestMinor == nil || *line.LowestMinor != 800 ||
		line.TotalMinor != 500 {
		t.Errorf("it costs %d instead of %d (%t), lowest %v; want 500, 1000, 800", line.TotalMinor, regular, ok, line.LowestMinor)
	}
	steps := quote.Derivation(0, 0).Price
	if steps.Source != "sale" || *steps.RegularMinor != 1000 || steps.Regular.List.List != "catalogue-EUR" || *steps.LowestMinor != 800 {
		t.Errorf("derivation %+v", steps)
	}
}

func TestQuote_Refused(t *testing.T) {
	good := priced("A", TaxStandard, 1, 100)
	huge := priced("A", TaxStandard, 1, math.MaxInt64)
	fails := errors.New("no delivery")
	tests := []struct {
		name     string
		items    []Item
		shipping func(int64) (int64, error)
		want     error // nil is any
	}{
		{"no units", []Item{priced("A", TaxStandard, 0, 100)}, nil, nil},
		{"negative units", []Item{priced("A", TaxStandard, -1, 100)}, nil, nil},
		{"a negative price", []Item{priced("A", TaxStandard, 1, -1)}, nil, nil},
		{"an unknown tax category", []Item{priced("A", "", 1, 100)}, nil, nil},
		{"negative shipping", []Item{good}, func(int64) (int64, error) { return -1, nil }, nil},
		{"shipping that fails", []Item{good}, func(int64) (int64, error) { return 0, fails }, fails},
		{"a line that does not fit", []Item{priced("A", TaxStandard, 2, math.MaxInt64)}, nil, money.ErrOverflow},
		{"lines that do not fit", []Item{huge, good}, nil, money.ErrOverflow},
		{"shipping that does not fit", []Item{huge}, func(int64) (int64, error) { return 1, nil }, money.ErrOverflow},
		{"tax that does not fit", []Item{huge}, nil, money.ErrOverflow},
	}
	rules := rulesWith()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := QuoteInput{Dest: Destination{Country: "CA"}, Ask: asking(t, rules, "us", "CAD"), Items: test.items, Shipping: test.shipping}
			_, err := rules.Quote(in)
			if err == nil || (test.want != nil && !errors.Is(err, test.want)) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
}

func TestTaxRate_RoundsHalfToEven(t *testing.T) {
	tenPercent := &TaxRate{RateMPct: 10_000}
	for minor, want := range map[int64]int64{4: 0, 5: 0, 6: 1, 14: 1, 15: 2, 16: 2, 25: 2, 35: 4} {
		if got, err := tenPercent.on(minor); err != nil || got != want {
			t.Errorf("10%% on %d is %d, %v; want %d", minor, got, err, want)
		}
	}
	if got, err := (&TaxRate{RateMPct: whole}).on(math.MaxInt64); err != nil || got != math.MaxInt64 {
		t.Errorf("100%% on the largest amount is %d, %v", got, err)
	}
	for mpct, want := range map[int64]money.BasisPoints{0: 0, 7000: 700, 6875: 688, 4225: 422, 14_975: 1498, 6: 1, 100_000: 10_000} {
		if got := (&TaxRate{RateMPct: mpct}).BasisPoints(); got != want {
			t.Errorf("%d thousandths of a percent are %d basis points, want %d", mpct, got, want)
		}
	}
}

// drawnRules are rules with promotions and lists that a test draws.
func drawnRules(rt *rapid.T) *Rules {
	return rulesWith(
		withLists(List{Code: "b2b", Kind: Regular, Currency: "EUR", Group: "b2b"}, List{Code: "sale-EUR", Kind: Sale, Currency: "EUR"},
			List{Code: "sale-JPY", Kind: Sale, Currency: "JPY", Period: from("2026-03-20")}, List{Code: "japan", Kind: Regular, Currency: "JPY",
				Market: "jp"}),
		func(rows *RuleRows) {
			rows.promotions = rapid.SliceOfNDistinct(rapid.Custom(drawOffer), 0, 4, func(p promotion.Promotion) string { return p.ID }).Draw(rt,
				"promotions")
		})
}

func drawOffer(rt *rapid.T) promotion.Promotion {
	spec := promotion.Spec{Kind: rapid.SampledFrom([]promotion.Kind{promotion.BuyXGetY, promotion.Percentage, promotion.AmountOff,
		promotion.FreeShipping}).Draw(rt, "kind")}
	switch spec.Kind {
	case promotion.BuyXGetY:
		spec.Buy, spec.Get = rapid.Int64Range(1, 3).Draw(rt, "buy"), rapid.Int64Range(1, 3).Draw(rt, "get")
	case promotion.Percentage:
		spec.PercentBP = rapid.Int64Range(1, 10_000).Draw(rt, "percent")
	case promotion.AmountOff:
		amount := rapid.Int64Range(1, 1e9).Draw(rt, "amount")
		spec.Amounts = map[money.Currency]int64{"EUR": amount, "JPY": amount, "USD": amount}
	}
	return offer(rapid.StringMatching(`[a-z]{3}`).Draw(rt, "id"), rapid.SampledFrom([]string{"", "CODE"}).Draw(rt, "coupon"), spec)
}

// drawArticle has a price in euro, from which others are converted, and perhaps some in lists.
func drawArticle(rt *rapid.T) *PricedSKU {
	price := rapid.Int64Range(0, 1e9)
	a := article(entry("catalogue-EUR", price.Draw(rt, "price")))
	a.SKU = rapid.StringMatching(`[A-Z]{3}`).Draw(rt, "sku")
	a.TaxCategory = rapid.SampledFrom([]string{TaxStandard, TaxReduced, TaxZero}).Draw(rt, "category")
	for _, list := range []string{"b2b", "sale-EUR", "sale-JPY", "japan"} {
		if rapid.Bool().Draw(rt, list) {
			e := entry(list, price.Draw(rt, "listed"))
			e.MinQuantity = rapid.Int64Range(1, 3).Draw(rt, "min_quantity")
			a.Entries = append(a.Entries, e)
		}
	}
	return a
}

// drawQuote prices drawn goods for drawn people.
func drawQuote(rt *rapid.T, rules *Rules) (QuoteInput, Quote) {
	at := noon(today)
	dest := rapid.SampledFrom([]Destination{{Country: "DE"}, {Country: "JP"}, {Country: "CH"}, {Country: "US", State: "MN"},
		{Country: "CA", State: "QC"}, {Country: "BR"}}).Draw(rt, "destination")
	market := testkit.Must(rules.MarketOf(dest.Country, at))(rt)
	in := QuoteInput{
		Dest: dest,
		Ask: Ask{Market: market, At: at, Currency: rapid.SampledFrom([]money.Currency{"EUR", "USD", "JPY", "CHF"}).Draw(rt, "currency"),
			Group: rapid.SampledFrom([]string{"", "b2b"}).Draw(rt, "group")},
		Coupons: rapid.SampledFrom([][]string{nil, {"CODE"}, {"code", "other"}}).Draw(rt, "coupons"),
	}
	for _, a := range rapid.SliceOfN(rapid.Custom(drawArticle), 0, 8).Draw(rt, "articles") {
		quantity := rapid.Int64Range(1, 10_000).Draw(rt, "quantity")
		unit := testkit.Must(rules.Unit(a, in.Ask, quantity))(rt)
		in.Items = append(in.Items, Item{Priced: a, Quantity: quantity, Unit: unit})
	}
	shipping := rapid.Int64Range(0, 1e9).Draw(rt, "shipping")
	in.Shipping = func(int64) (int64, error) { return shipping, nil }
	q := testkit.Must(rules.Quote(in))(rt)
	return in, q
}

// TestQuote_Properties: totals are the sums of the lines, promotions make none of them negative,
// tax is within half a minor unit of what exact arithmetic says, and every line can be worked
// out again from its derivation, as it is stored, and from nothing else.
func TestQuote_Properties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rules := drawnRules(rt)
		in, q := drawQuote(rt, rules)
		checkSums(rt, in, q)
		for i := range q.Lines {
			checkLine(rt, rules, in, q, i)
			checkDerivation(rt, &q, i)
		}
	})
}

func checkSums(rt *rapid.T, in QuoteInput, q Quote) {
	var subtotal, discount, tax, total int64
	for _, line := range q.Lines {
		subtotal, discount, tax, total = subtotal+line.SubtotalMinor, discount+line.DiscountMinor, tax+line.TaxMinor, total+line.TotalMinor
	}
	want := subtotal - discount + q.ShippingMinor
	if !q.PricesIncludeTax {
		want += tax
	}
	full, _ := in.Shipping(0)
	var given int64
	shipping := full
	for _, p := range q.Promotions {
		given, shipping = given+p.DiscountMinor(), shipping-p.ShippingMinor
	}
	switch {
	case len(q.Lines) != len(in.Items), q.SubtotalMinor != subtotal, q.DiscountMinor != discount, q.TaxMinor != tax, q.TotalMinor != want, total+q.ShippingMinor != want:
		rt.Fatalf("sums of %+v: subtotal %d, discount %d, tax %d, lines %d, total %d", q, subtotal, discount, tax, total, want)
	case given != discount, q.ShippingMinor != shipping, shipping < 0:
		rt.Fatalf("promotions gave %d and left %d of the shipping; the quote says %d and %d", given, shipping, discount, q.ShippingMinor)
	}
}

// checkLine holds a line against exact rational arithmetic.
func checkLine(rt *rapid.T, rules *Rules, in QuoteInput, q Quote, i int) {
	item, line := in.Items[i], q.Lines[i]
	if line.SKU != item.Priced.SKU || line.SubtotalMinor != item.Quantity*item.Unit.AmountMinor || line.DiscountMinor < 0 ||
		line.DiscountMinor > line.SubtotalMinor {
		rt.Fatalf("line %+v of item %+v", line, item)
	}
	tax := testkit.Must(rules.tax(in.Dest, item.Priced.TaxCategory, q.Ask.At))(rt)
	rate := int64(0)
	if tax != nil {
		rate = tax.RateMPct
	}
	left := line.SubtotalMinor - line.DiscountMinor
	of, total := int64(whole), left+line.TaxMinor
	if q.PricesIncludeTax {
		of, total = whole+rate, left
	}
	exact := new(big.Rat).Mul(big.NewRat(left, 1), big.NewRat(rate, of))
	off := exact.Sub(exact, big.NewRat(line.TaxMinor, 1))
	if off.Abs(off).Cmp(big.NewRat(1, 2)) > 0 || line.TotalMinor != total {
		rt.Fatalf("line %+v: tax is %s off, total should be %d", line, off.FloatString(3), total)
	}
}

// checkDerivation works the line out again, as it is and with one amount changed.
func checkDerivation(rt *rapid.T, q *Quote, i int) {
	text := testkit.Must(json.Marshal(q.Derivation(i, 0)))(rt)
	stored := func() (d Derivation) {
		testkit.NoError(rt, json.Unmarshal(text, &d))
		return d
	}
	d, line := stored(), q.Lines[i]
	if err := d.Check(); err != nil {
		rt.Fatalf("%s: %v", text, err)
	}
	if d.UnitPriceMinor != line.UnitPriceMinor || d.SubtotalMinor != line.SubtotalMinor || d.DiscountMinor != line.DiscountMinor ||
		d.TaxMinor != line.TaxMinor || d.TotalMinor != line.TotalMinor {
		rt.Fatalf("%s is not of %+v", text, line)
	}
	for what, change := range map[string]func(*Derivation){
		"quantity": func(d *Derivation) { d.Quantity++ },
		"unit":     func(d *Derivation) { d.UnitPriceMinor++ },
		"subtotal": func(d *Derivation) { d.SubtotalMinor-- },
		"discount": func(d *Derivation) { d.DiscountMinor++ },
		"tax":      func(d *Derivation) { d.TaxMinor++ },
		"total":    func(d *Derivation) { d.TotalMinor-- },
		"price":    func(d *Derivation) { d.Price = PriceSteps{} },
		"promotion": func(d *Derivation) {
			d.Promotions = append(d.Promotions, PromotionStep{Promotion: "forged", Minor: 1})
		},
	} {
		d := stored()
		change(&d)
		if d.Quantity != line.Quantity && d.UnitPriceMinor == 0 {
			continue // any number of what is free costs nothing
		}
		if err := d.Check(); !errors.Is(err, ErrNotDerived) && !(what == "promotion" && err != nil) {
			rt.Fatalf("another %s passes: %v", what, err)
		}
	}
}

// TestDerivation_Check: what a derivation says of the price without the sale follows too.
func TestDerivation_Check(t *testing.T) {
	rules := rulesWith(withLists(List{Code: "sale", Kind: Sale, Currency: "CHF"}))
	ask := asking(t, rules, "ch", "CHF")
	a := article(entry("sale", 500), entry("catalogue-EUR", 1000))
	quote := testkit.Must(rules.Quote(QuoteInput{Dest: Destination{Country: "CH"}, Ask: ask, Items: []Item{itemOf(t, rules, ask, a, 1)}}))(t)
	d := quote.Derivation(0, 0)
	if err := d.Check(); err != nil || *d.Price.RegularMinor != 950 {
		t.Fatalf("%v of %+v, want what was 9.50", err, d.Price)
	}
	*d.Price.RegularMinor = 2000
	if err := d.Check(); !errors.Is(err, ErrNotDerived) {
		t.Errorf("a made-up price before the sale passes: %v", err)
	}
}

// TestDerivation_Stale: the age of a rate is told beside it.
func TestDerivation_Stale(t *testing.T) {
	rules := rulesWith()
	ask := asking(t, rules, "world", "USD")
	quote := testkit.Must(rules.Quote(QuoteInput{Dest: Destination{Country: "BR"}, Ask: ask,
		Items: []Item{itemOf(t, rules, ask, article(entry("catalogue-EUR", 1000)), 1)}}))(t)
	for maxAge, want := range map[int]bool{24: true, 96: false} {
		steps := quote.Derivation(0, hours(maxAge)).Price.Conversion
		if steps.To.Stale != want || steps.From.Stale || steps.To.Day != "2026-03-30" || steps.To.Source != "ecb" ||
			steps.Rounding.Name != "exact" {
			t.Errorf("within %d hours %+v", maxAge, steps)
		}
	}
}
