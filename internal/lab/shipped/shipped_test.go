package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"meridian/internal/catalog/shipped"
	"meridian/internal/money"
	"meridian/internal/testkit"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Read once for all tests; none of them changes a product.
var (
	allGifts = sync.OnceValues(makeGifts)
	allFood  = sync.OnceValues(makeFood)
)

func products(t *testing.T) (gifts, food []shipped.Product) {
	t.Helper()
	gifts = testkit.Must(allGifts())(t)
	food = testkit.Must(allFood())(t)
	return gifts, food
}

func categoriesByID(t *testing.T) map[string]shipped.Category {
	t.Helper()
	categories := testkit.Must(shipped.Categories())(t)
	byID := map[string]shipped.Category{}
	for _, c := range categories {
		if parent, ok := byID[c.ParentID]; c.ParentID != "" && (!ok || parent.Level+1 != c.Level) {
			t.Errorf("category %s: parent %q does not stand before it, one level up", c.ID, c.ParentID)
		}
		byID[c.ID] = c
	}
	return byID
}

func TestCatalogueIsWhole(t *testing.T) {
	gifts, food := products(t)
	skus := 0
	for _, p := range gifts {
		skus += len(p.SKUs)
	}
	if skus != 3451 || len(food) != 978 {
		t.Errorf("got %d gift SKUs and %d foods, want all 3451 and 978 of the sources", skus, len(food))
	}
}

func TestEveryProductIsSound(t *testing.T) {
	categories := categoriesByID(t)
	rates := testkit.Must(readFX())(t)
	gifts, food := products(t)
	keys, codes := map[string]bool{}, map[string]bool{}
	for _, p := range slices.Concat(gifts, food) {
		if keys[p.Key] {
			t.Errorf("product key %s twice", p.Key)
		}
		keys[p.Key] = true
		if _, ok := categories[p.CategoryID]; !ok {
			t.Errorf("product %s: no category %q", p.Key, p.CategoryID)
		}
		if len(p.SKUs) == 0 || p.Key != p.SKUs[0].Code {
			t.Errorf("product %s is not named after its first SKU", p.Key)
		}
		checkTexts(t, p)
		checkOptions(t, p)
		for _, s := range p.SKUs {
			if codes[s.Code] {
				t.Errorf("SKU %s twice", s.Code)
			}
			codes[s.Code] = true
			checkPrices(t, s, rates)
		}
	}
}

func checkTexts(t *testing.T, p shipped.Product) {
	t.Helper()
	if p.Title == "" || strings.Contains(p.Title, "  ") {
		t.Errorf("product %s: title %q", p.Key, p.Title)
	}
	for _, text := range []string{p.Title, p.Brand, p.Description} {
		if !utf8.ValidString(text) || text != strings.TrimSpace(text) || strings.ContainsFunc(text, unicode.IsControl) {
			t.Errorf("product %s: text %q is not clean", p.Key, text)
		}
	}
	for name, value := range p.Attributes {
		switch value.(type) {
		case string, int, []string:
		default:
			t.Errorf("product %s: attribute %s is a %T", p.Key, name, value)
		}
	}
}

// checkOptions: SKUs of one product have the same options, and no two the same values.
func checkOptions(t *testing.T, p shipped.Product) {
	t.Helper()
	seen := map[string]bool{}
	for _, s := range p.SKUs {
		if len(p.SKUs) == 1 && s.Options != nil {
			t.Errorf("SKU %s: options %v with no sibling", s.Code, s.Options)
		}
		for name, value := range s.Options {
			if _, ok := p.SKUs[0].Options[name]; !ok || value == "" {
				t.Errorf("SKU %s: option %s=%q, unlike its siblings", s.Code, name, value)
			}
		}
		values := fmt.Sprint(s.Options)
		if seen[values] {
			t.Errorf("SKU %s: options %v, like a sibling", s.Code, values)
		}
		seen[values] = true
	}
}

func checkPrices(t *testing.T, s shipped.SKU, rates fxRates) {
	t.Helper()
	if len(s.Prices) != len(rates) {
		t.Errorf("SKU %s: prices in %d currencies, want %d", s.Code, len(s.Prices), len(rates))
	}
	for currency, minor := range s.Prices {
		if minor <= 0 || rates[money.Currency(currency)] == nil {
			t.Errorf("SKU %s: price %d %s", s.Code, minor, currency)
		}
	}
}

func TestSameAnswerEveryTime(t *testing.T) {
	gifts, food := products(t)
	againGifts := testkit.Must(makeGifts())(t)
	againFood := testkit.Must(makeFood())(t)
	var first, second strings.Builder
	testkit.NoError(t, shipped.NDJSON(&first, slices.Concat(gifts, food)))
	testkit.NoError(t, shipped.NDJSON(&second, slices.Concat(againGifts, againFood)))
	if first.String() != second.String() {
		t.Error("two calls gave different catalogues")
	}
}

// TestProductsByCategory holds the outcome of the rules: a change of them shows here as
// products that move.
func TestProductsByCategory(t *testing.T) {
	categories := categoriesByID(t)
	gifts, food := products(t)
	counts := map[string]int{}
	for _, p := range slices.Concat(gifts, food) {
		counts[categories[p.CategoryID].Path]++
	}
	var lines []string
	for path, n := range counts {
		lines = append(lines, fmt.Sprintf("%s: %d", path, n))
	}
	slices.Sort(lines)
	golden(t, "testdata/products_by_category.golden", strings.Join(lines, "\n")+"\n")
}

// TestVariants holds which SKUs are variants of one product, and what tells them apart.
func TestVariants(t *testing.T) {
	gifts, _ := products(t)
	var b strings.Builder
	for _, p := range gifts {
		if len(p.SKUs) == 1 {
			continue
		}
		fmt.Fprintln(&b, p.Title)
		for _, s := range p.SKUs {
			fmt.Fprintf(&b, "  %s %v\n", s.Code, s.Options)
		}
	}
	golden(t, "testdata/variants.golden", b.String())
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		testkit.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want := testkit.Must(os.ReadFile(path))(t)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (go test -update writes it anew):\n%s", path, diff)
	}
}

func TestNDJSON(t *testing.T) {
	gifts, food := products(t)
	var out bytes.Buffer
	testkit.NoError(t, shipped.NDJSON(&out, slices.Concat(gifts, food)))
	lines := 0
	for scanner := bufio.NewScanner(&out); scanner.Scan(); lines++ {
		decoder := json.NewDecoder(bytes.NewReader(scanner.Bytes()))
		decoder.DisallowUnknownFields()
		var record shipped.Product
		if err := decoder.Decode(&record); err != nil {
			t.Fatalf("line %d: %v", lines+1, err)
		}
	}
	if want := len(gifts) + len(food); lines != want {
		t.Errorf("%d lines, want %d", lines, want)
	}
}

func TestStartingUnits(t *testing.T) {
	for sold, want := range map[int64]int64{331: 41, 0: 10} { // 331 × 4 / 33 = 40.1
		if got := startingUnits(sold); got != want {
			t.Errorf("%d units for %d sold, want %d", got, sold, want)
		}
	}
}

// TestCatalogue: the checked-in files are what the sources give.
func TestCatalogue(t *testing.T) {
	files := testkit.Must(catalogue())(t)
	for name, want := range files {
		got := testkit.Must(os.ReadFile(filepath.Join(catalogueDir, name)))(t)
		if !bytes.Equal(want, got) {
			t.Errorf("%s differs from its sources: run go generate ./internal/lab/shipped", name)
		}
	}
	gifts, food := products(t)
	for name, read := range map[string]func() ([]shipped.Product, error){"gifts": shipped.Gifts, "food": shipped.Food} {
		want := map[string][]shipped.Product{"gifts": gifts, "food": food}[name]
		got := testkit.Must(read())(t)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s as the shop reads them (-want +got):\n%.2000s", name, diff)
		}
	}
}
