package replay

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"meridian/internal/testkit"
	"meridian/regions"
)

// choiceFor is a whole file for the shipped regions.
func choiceFor(t testing.TB) Config {
	t.Helper()
	set := testkit.Must(regions.Shipped())(t)
	return Config{File: "orders.csv", Regions: set, Seed: "1"}
}

// row is a line of the file: its minute of a day, and what matters of the rest.
func row(invoice, kind string, minute int, customer, sku string, quantity int) string {
	return fmt.Sprintf("%s,1,%s,2010-12-01T%02d:%02d:00,%s,United Kingdom,GB,%s,product,%d,2.50\n",
		invoice, kind, minute/60, minute%60, customer, sku, quantity)
}

// invoicesOf reads a file's invoices as text.
func invoicesOf(t *testing.T, choice Config, rows ...string) []string {
	t.Helper()
	var all []string
	err := choice.eachOf(strings.NewReader(header+strings.Join(rows, "")), func(line, error) {}, func(in invoice, _ *atlas) error {
		all = append(all, fmt.Sprintf("%s %s %s %v", in.name, in.kind, in.customer, in.goods))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestStream_Groups(t *testing.T) {
	tests := []struct {
		name string
		rows []string
		want []string
	}{
		{"units of a SKU together",
			[]string{row("1", "order", 0, "7", "A", 2), row("1", "order", 0, "7", "B", 1), row("1", "order", 0, "7", "A", 3)},
			[]string{"1 order 7 [{A 5} {B 1}]"}},
		{"invoices that overlap",
			[]string{row("1", "order", 0, "7", "A", 1), row("2", "order", 1, "8", "A", 1), row("1", "order", 1, "7", "B", 1)},
			[]string{"1 order 7 [{A 1} {B 1}]", "2 order 8 [{A 1}]"}},
		{"a number that comes back",
			[]string{row("1", "order", 0, "7", "A", 1), row("2", "order", 30, "8", "A", 1), row("1", "order", 60, "7", "B", 1)},
			[]string{"1 order 7 [{A 1}]", "2 order 8 [{A 1}]", "1~2 order 7 [{B 1}]"}},
		{"a number of two kinds", []string{row("1", "order", 0, "7", "A", 1), row("1", "stock_adjustment", 0, "7", "A", -4)},
			[]string{"1 order 7 [{A 1}]", "1~2 stock_adjustment 7 [{A 4}]"}},
		{"no goods", []string{strings.Replace(row("1", "order", 0, "7", "POST", 1), "product", "carriage", 1)}, []string{"1 order 7 []"}},
		{"bookkeeping", []string{row("A1", "adjustment", 0, "", "B", 1)}, nil},
		{"more than anybody buys", []string{row("1", "order", 0, "7", "A", 900_000), row("1", "order", 0, "7", "A", 900_000)},
			[]string{"1 order 7 [{A 900000}]"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, invoicesOf(t, choiceFor(t), test.rows...)); diff != "" {
				t.Errorf("invoices (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStream_Selection(t *testing.T) {
	var rows []string
	for i := range 10 {
		rows = append(rows, row(fmt.Sprint(i), "order", 60*i, "", "A", 1))
	}
	choice := choiceFor(t)
	choice.From, _ = timeOf("2010-12-01T03:00")
	choice.Until, _ = timeOf("2010-12-01T08:00")
	choice.Limit = 3
	want := []string{"3 order  [{A 1}]", "4 order  [{A 1}]", "5 order  [{A 1}]"}
	if diff := cmp.Diff(want, invoicesOf(t, choice, rows...)); diff != "" {
		t.Errorf("invoices (-want +got):\n%s", diff)
	}
}

func TestStream_OpenIsBounded(t *testing.T) {
	var rows []string
	for i := range 5 * maxOpen { // all in one minute
		rows = append(rows, row(fmt.Sprint(i), "order", 0, "", "A", 1))
	}
	world := choiceFor(t)
	lines := testkit.Must(newLineReader(strings.NewReader(header + strings.Join(rows, ""))))(t)
	s := &stream{lines: lines, atlas: newAtlas(world.Regions, "1", false), onLine: func(line, error) {}, seen: make(map[string]int), limit: -1}
	for range 5 * maxOpen {
		testkit.Must(s.next())(t)
		if len(s.open) > maxOpen+1 {
			t.Fatalf("%d invoices are open", len(s.open))
		}
	}
}

// TestCarts: whatever an invoice holds fits into its carts, no more and no less, in as few
// as the limits allow.
func TestCarts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 350).Draw(t, "SKUs")
		all := make([]goods, n)
		want, most := make(map[string]int64), int64(0)
		for i := range all {
			all[i] = goods{SKU: fmt.Sprint("S", i), Units: rapid.Int64Range(1, 45_000).Draw(t, "units")}
			want[all[i].SKU] = all[i].Units
			most = max(most, all[i].Units)
		}
		parts := carts(all)
		got := make(map[string]int64)
		for _, part := range parts {
			seen := make(map[string]bool)
			for _, g := range part {
				if g.Units < 1 || g.Units > maxCartUnits || seen[g.SKU] {
					t.Fatalf("a cart has %d of %s, or twice", g.Units, g.SKU)
				}
				seen[g.SKU] = true
				got[g.SKU] += g.Units
			}
			if len(part) == 0 || len(part) > maxCartLines {
				t.Fatalf("a cart has %d lines", len(part))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("units (-want +got):\n%s", diff)
		}
		lines := int64(0)
		for _, units := range want {
			lines += (units + maxCartUnits - 1) / maxCartUnits
		}
		least := max((lines+maxCartLines-1)/maxCartLines, (most+maxCartUnits-1)/maxCartUnits)
		if int64(len(parts)) < least || int64(len(parts)) > least+(most/maxCartUnits) {
			t.Fatalf("%d carts where %d would do", len(parts), least)
		}
	})
}

func TestAtlas(t *testing.T) {
	set := choiceFor(t).Regions
	world, again := newAtlas(set, "1", false), newAtlas(set, "1", false)
	other := newAtlas(set, "2", false)
	const n = 20_000
	byRegion := make(map[string]int)
	moved := 0
	for i := range n {
		customer := fmt.Sprint(10_000 + i)
		country := world.country(customer, "1", homeCountry)
		byRegion[world.region(country).Name]++
		if got := again.country(customer, "another", ""); got != country {
			t.Fatalf("customer %s lives in %s and in %s", customer, country, got)
		}
		if other.country(customer, "1", homeCountry) != country {
			moved++
		}
	}
	for _, region := range set.All() {
		share := float64(byRegion[region.Name]) / n
		if want := float64(region.TrafficShareBP) / 10_000; math.Abs(share-want) > 0.02 {
			t.Errorf("%s has %.3f of the customers, want %.3f", region.Name, share, want)
		}
	}
	if moved < n/2 {
		t.Errorf("another seed moves %d of %d customers only", moved, n)
	}
}

func TestAtlas_Keeps(t *testing.T) {
	set := choiceFor(t).Regions
	drawn, asIs := newAtlas(set, "1", false), newAtlas(set, "1", true)
	if got := drawn.country("1", "", "AU"); got != "AU" {
		t.Errorf("a customer from Australia lives in %s", got)
	}
	if got := drawn.country("1", "", "FR"); got != "AU" {
		t.Errorf("the same customer moved to %s", got)
	}
	if got := asIs.country("2", "", homeCountry); got != homeCountry {
		t.Errorf("as it is, a British customer lives in %s", got)
	}
	if got := asIs.country("3", "", ""); got != homeCountry {
		t.Errorf("as it is, a customer from nowhere lives in %s", got)
	}
	if got := drawn.country("", "1", ""); set.CurrencyOf(got) == "" {
		t.Errorf("a guest from nowhere lives in %q", got)
	}
}
