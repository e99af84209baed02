package pricing

import (
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"meridian/internal/money"
)

func shippedTables(t testing.TB) *Tables {
	t.Helper()
	tables, err := Shipped()
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

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
		{"the first reduced rate", Destination{Country: "AT"}, TaxReduced, 1100, Line{TaxRate: 1000, TaxMinor: 100, TotalMinor: 1100}, true},
		{"no reduced rate is known", Destination{Country: "AU"}, TaxReduced, 1100, Line{TaxRate: 1000, TaxMinor: 100, TotalMinor: 1100}, true},
		{"zero", Destination{Country: "GB"}, TaxZero, 1000, Line{TotalMinor: 1000}, true},
		{"a part of a country", Destination{Country: "ES", State: "CE"}, TaxStandard, 1000, Line{TotalMinor: 1000}, true},
		{"an unknown part", Destination{Country: "ES", State: "XX"}, TaxStandard, 1210, Line{TaxRate: 2100, TaxMinor: 210, TotalMinor: 1210}, true},
		{"an unknown country", Destination{Country: "AQ"}, TaxStandard, 1000, Line{TotalMinor: 1000}, true},
		{"sales tax is added", Destination{Country: "US", State: "TX"}, TaxStandard, 1000, Line{TaxRate: 625, TaxMinor: 62, TotalMinor: 1062}, false},
		{"no state", Destination{Country: "US"}, TaxStandard, 1000, Line{TotalMinor: 1000}, false},
		{"GST of Canada", Destination{Country: "CA", State: "AB"}, TaxStandard, 1000, Line{TaxRate: 500, TaxMinor: 50, TotalMinor: 1050}, false},
		{"HST", Destination{Country: "CA", State: "ON"}, TaxStandard, 1000, Line{TaxRate: 1300, TaxMinor: 130, TotalMinor: 1130}, false},
		{"a state as people write it", Destination{Country: "CA", State: " ca-on"}, TaxStandard, 1000, Line{TaxRate: 1300, TaxMinor: 130, TotalMinor: 1130}, false},
		{"finer than basis points", Destination{Country: "US", State: "MN"}, TaxStandard, 100_000_00, Line{TaxRate: 688, TaxMinor: 6875_00, TotalMinor: 106_875_00}, false},
		{"finer still", Destination{Country: "CA", State: "QC"}, TaxStandard, 100_000_00, Line{TaxRate: 1498, TaxMinor: 14_975_00, TotalMinor: 114_975_00}, false},
	}
	tables := shippedTables(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			item := Item{SKU: "A", Quantity: 1, UnitPriceMinor: test.price, TaxCategory: test.category}
			quote, err := tables.Quote(test.dest, "EUR", []Item{item}, 0)
			if err != nil {
				t.Fatal(err)
			}
			want := test.want
			want.SKU, want.Quantity, want.UnitPriceMinor, want.SubtotalMinor = "A", 1, test.price, test.price
			if diff := cmp.Diff([]Line{want}, quote.Lines); diff != "" {
				t.Errorf("line (-want +got):\n%s", diff)
			}
			if quote.PricesIncludeTax != test.includes {
				t.Errorf("prices include tax: %t", quote.PricesIncludeTax)
			}
		})
	}
}

func TestQuote_Sums(t *testing.T) {
	items := []Item{
		{SKU: "A", Quantity: 3, UnitPriceMinor: 999, TaxCategory: TaxStandard},
		{SKU: "B", Quantity: 1, UnitPriceMinor: 0, TaxCategory: TaxZero},
		{SKU: "A", Quantity: 1, UnitPriceMinor: 1, TaxCategory: TaxReduced},
	}
	got, err := shippedTables(t).Quote(Destination{Country: "CA", State: "ON"}, "CAD", items, 700)
	if err != nil {
		t.Fatal(err)
	}
	want := Quote{
		Currency: "CAD",
		Lines: []Line{
			{SKU: "A", Quantity: 3, UnitPriceMinor: 999, SubtotalMinor: 2997, TaxRate: 1300, TaxMinor: 390, TotalMinor: 3387},
			{SKU: "B", Quantity: 1},
			{SKU: "A", Quantity: 1, UnitPriceMinor: 1, SubtotalMinor: 1, TaxRate: 1300, TotalMinor: 1},
		},
		SubtotalMinor: 2998, ShippingMinor: 700, TaxMinor: 390, TotalMinor: 4088,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("quote (-want +got):\n%s", diff)
	}
}

func TestQuote_Refused(t *testing.T) {
	good := Item{SKU: "A", Quantity: 1, UnitPriceMinor: 100, TaxCategory: TaxStandard}
	with := func(change func(*Item)) []Item {
		item := good
		change(&item)
		return []Item{item}
	}
	huge := Item{SKU: "A", Quantity: 1, UnitPriceMinor: math.MaxInt64, TaxCategory: TaxStandard}
	tests := []struct {
		name     string
		items    []Item
		shipping int64
		overflow bool
	}{
		{"no units", with(func(i *Item) { i.Quantity = 0 }), 0, false},
		{"negative units", with(func(i *Item) { i.Quantity = -1 }), 0, false},
		{"a negative price", with(func(i *Item) { i.UnitPriceMinor = -1 }), 0, false},
		{"an unknown tax category", with(func(i *Item) { i.TaxCategory = "" }), 0, false},
		{"negative shipping", []Item{good}, -1, false},
		{"a line that does not fit", with(func(i *Item) { i.UnitPriceMinor, i.Quantity = math.MaxInt64, 2 }), 0, true},
		{"lines that do not fit", []Item{huge, good}, 0, true},
		{"shipping that does not fit", []Item{huge}, 1, true},
		{"tax that does not fit", []Item{huge}, 0, true},
	}
	tables := shippedTables(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := tables.Quote(Destination{Country: "CA"}, "CAD", test.items, test.shipping)
			if err == nil || errors.Is(err, money.ErrOverflow) != test.overflow {
				t.Errorf("%v, want an error, overflow %t", err, test.overflow)
			}
		})
	}
}

func TestQuote_Properties(t *testing.T) {
	tables := shippedTables(t)
	var places []place
	for where := range tables.rates {
		places = append(places, where)
	}
	item := rapid.Custom(func(rt *rapid.T) Item {
		return Item{
			SKU:            rapid.StringMatching(`[A-Z]{3}`).Draw(rt, "sku"),
			Quantity:       rapid.Int64Range(1, 10_000).Draw(rt, "quantity"),
			UnitPriceMinor: rapid.Int64Range(0, 1e12).Draw(rt, "price"),
			TaxCategory:    rapid.SampledFrom([]string{TaxStandard, TaxReduced, TaxZero}).Draw(rt, "category"),
		}
	})
	rapid.Check(t, func(rt *rapid.T) {
		where := places[rapid.IntRange(0, len(places)-1).Draw(rt, "place")]
		dest := Destination{Country: where.country, State: where.state}
		items := rapid.SliceOfN(item, 0, 20).Draw(rt, "items")
		shipping := rapid.Int64Range(0, 1e9).Draw(rt, "shipping")
		q, err := tables.Quote(dest, "USD", items, shipping)
		if err != nil {
			rt.Fatal(err)
		}
		var subtotal, tax, total int64
		for i, line := range q.Lines {
			checkLine(rt, tables, dest, items[i], line, q.PricesIncludeTax)
			subtotal, tax, total = subtotal+line.SubtotalMinor, tax+line.TaxMinor, total+line.TotalMinor
		}
		want := q.SubtotalMinor + q.ShippingMinor
		if !q.PricesIncludeTax {
			want += q.TaxMinor
		}
		if len(q.Lines) != len(items) || q.SubtotalMinor != subtotal || q.TaxMinor != tax || q.TotalMinor != want || total+shipping != want {
			rt.Fatalf("sums of %+v: subtotal %d, tax %d, lines %d, total %d", q, subtotal, tax, total, want)
		}
	})
}

// checkLine holds a line against exact rational arithmetic.
func checkLine(rt *rapid.T, tables *Tables, dest Destination, item Item, line Line, included bool) {
	rate, err := tables.rateFor(dest, item.TaxCategory)
	if err != nil {
		rt.Fatal(err)
	}
	if line.SKU != item.SKU || line.SubtotalMinor != item.Quantity*item.UnitPriceMinor {
		rt.Fatalf("line %+v of item %+v", line, item)
	}
	of, total := int64(whole), line.SubtotalMinor+line.TaxMinor
	if included {
		of, total = whole+int64(rate), line.SubtotalMinor
	}
	exact := new(big.Rat).Mul(big.NewRat(line.SubtotalMinor, 1), big.NewRat(int64(rate), of))
	off := exact.Sub(exact, big.NewRat(line.TaxMinor, 1))
	if off.Abs(off).Cmp(big.NewRat(1, 2)) > 0 || line.TotalMinor != total {
		rt.Fatalf("line %+v: tax is %s off, total should be %d", line, off.FloatString(3), total)
	}
}

func TestParsePercent(t *testing.T) {
	tests := []struct {
		text string
		want rate
		bp   money.BasisPoints
	}{
		{"0", 0, 0}, {"7", 7000, 700}, {"8.1", 8100, 810}, {"14.94", 14940, 1494}, {"100", 100_000, 10_000},
		{"6.875", 6875, 688}, {"4.225", 4225, 422}, {"14.975", 14975, 1498}, {"0.006", 6, 1},
	}
	for _, test := range tests {
		got, err := parsePercent(test.text)
		if err != nil || got != test.want || got.basisPoints() != test.bp {
			t.Errorf("%s: %d (%d basis points), %v; want %d (%d)", test.text, got, got.basisPoints(), err, test.want, test.bp)
		}
	}
	for _, text := range []string{"", ".", ".5", "-1", "+1", "100.001", "1.2345", "1e1", "1,5", "1.-5", " 1", "99999999999"} {
		if got, err := parsePercent(text); err == nil {
			t.Errorf("%q was read as %d", text, got)
		}
	}
}

func TestRate_RoundsHalfToEven(t *testing.T) {
	const tenPercent rate = 10_000
	for minor, want := range map[int64]int64{4: 0, 5: 0, 6: 1, 14: 1, 15: 2, 16: 2, 25: 2, 35: 4} {
		if got, err := tenPercent.on(minor); err != nil || got != want {
			t.Errorf("10%% on %d is %d, %v; want %d", minor, got, err, want)
		}
	}
	if got, err := rate(whole).on(math.MaxInt64); err != nil || got != math.MaxInt64 {
		t.Errorf("100%% on the largest amount is %d, %v", got, err)
	}
}

func TestLoad_Faults(t *testing.T) {
	const header = "country_iso2,state,total_pct,reduced_pct\n"
	tests := []struct {
		name, table string
		want        []string
	}{
		{"empty", "", []string{"empty"}},
		{"a column is missing", "country_iso2,state,total_pct\n", []string{"reduced_pct"}},
		{"all at once", header + "IRL,,23,\nIE,,x,\nIE,,23,9\nIE,,23,9\n", []string{"line 2", "line 3", "line 5", "listed twice"}},
		{"no CSV", header + "IE,\"", []string{"read tax rates"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := load(strings.NewReader(test.table))
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v, want it to tell of %q", err, want)
				}
			}
		})
	}
}
