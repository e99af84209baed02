package shipped

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/testkit"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Read once for all tests; none of them changes a product.
var (
	allGifts = sync.OnceValues(Gifts)
	allFood  = sync.OnceValues(Food)
)

func catalogue(t *testing.T) (gifts, food []Product) {
	t.Helper()
	gifts = testkit.Must(allGifts())(t)
	food = testkit.Must(allFood())(t)
	return gifts, food
}

func categoriesByID(t *testing.T) map[string]Category {
	t.Helper()
	categories := testkit.Must(Categories())(t)
	byID := map[string]Category{}
	for _, c := range categories {
		if parent, ok := byID[c.ParentID]; c.ParentID != "" && (!ok || parent.Level+1 != c.Level) {
			t.Errorf("category %s: parent %q does not stand before it, one level up", c.ID, c.ParentID)
		}
		byID[c.ID] = c
	}
	return byID
}

func TestCatalogueIsWhole(t *testing.T) {
	gifts, food := catalogue(t)
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
	currencies := testkit.Must(Currencies())(t)
	gifts, food := catalogue(t)
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
			checkPrices(t, s, currencies)
		}
	}
}

func checkTexts(t *testing.T, p Product) {
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
func checkOptions(t *testing.T, p Product) {
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

func checkPrices(t *testing.T, s SKU, currencies []string) {
	t.Helper()
	if len(s.Prices) != len(currencies) {
		t.Errorf("SKU %s: prices in %d currencies, want %d", s.Code, len(s.Prices), len(currencies))
	}
	for currency, minor := range s.Prices {
		if minor <= 0 || !slices.Contains(currencies, currency) {
			t.Errorf("SKU %s: price %d %s", s.Code, minor, currency)
		}
	}
}

func TestSameAnswerEveryTime(t *testing.T) {
	gifts, food := catalogue(t)
	againGifts := testkit.Must(Gifts())(t)
	againFood := testkit.Must(Food())(t)
	var first, second strings.Builder
	testkit.NoError(t, NDJSON(&first, slices.Concat(gifts, food)))
	testkit.NoError(t, NDJSON(&second, slices.Concat(againGifts, againFood)))
	if first.String() != second.String() {
		t.Error("two calls gave different catalogues")
	}
}

// TestProductsByCategory holds the outcome of the rules: a change of them shows here as
// products that move.
func TestProductsByCategory(t *testing.T) {
	categories := categoriesByID(t)
	gifts, food := catalogue(t)
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
	gifts, _ := catalogue(t)
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
	gifts, food := catalogue(t)
	var out bytes.Buffer
	testkit.NoError(t, NDJSON(&out, slices.Concat(gifts, food)))
	lines := 0
	for scanner := bufio.NewScanner(&out); scanner.Scan(); lines++ {
		decoder := json.NewDecoder(bytes.NewReader(scanner.Bytes()))
		decoder.DisallowUnknownFields()
		var record importProduct
		if err := decoder.Decode(&record); err != nil {
			t.Fatalf("line %d: %v", lines+1, err)
		}
	}
	if want := len(gifts) + len(food); lines != want {
		t.Errorf("%d lines, want %d", lines, want)
	}
}

func TestNDJSON_OneProduct(t *testing.T) {
	var out strings.Builder
	testkit.NoError(t, NDJSON(&out, []Product{{
		Key: "84673A", Title: "Fly Swat", CategoryID: "hg-10-11-1", TaxCategory: TaxStandard,
		SKUs: []SKU{{Code: "84673A", Options: map[string]string{"colour": "Pink"}, Prices: map[string]int64{"GBP": 65}, UnitsSold: 7}},
	}}))
	want := `{"key":"84673A","title":"Fly Swat","category":"hg-10-11-1","tax_category":"standard","status":"active",` +
		`"skus":[{"sku":"84673A","options":{"colour":"Pink"},"prices":{"GBP":65}}]}` + "\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestStartingStock(t *testing.T) {
	products := []Product{{SKUs: []SKU{{Code: "A", UnitsSold: 331}, {Code: "B", UnitsSold: 0}}}}
	want := []Stock{
		{"A", "use-1", 41}, {"A", "euw-1", 41}, // 331 × 4 / 33 = 40.1
		{"B", "use-1", 10}, {"B", "euw-1", 10},
	}
	if diff := cmp.Diff(want, StartingStock(products, []string{"use-1", "euw-1"})); diff != "" {
		t.Error(diff)
	}
}

// TestAttribution: the README credits the sources in the same words as the program.
func TestAttribution(t *testing.T) {
	readme := testkit.Must(os.ReadFile("README.md"))(t)
	for line := range strings.Lines(Attribution) {
		if !strings.Contains(string(readme), "- "+line) {
			t.Errorf("README.md lacks %q", line)
		}
	}
}
