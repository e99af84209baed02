package shipped

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/testkit"
)

func TestNDJSON_OneProduct(t *testing.T) {
	var out strings.Builder
	err := NDJSON(&out, []Product{{
		Key: "84673A", Title: "Fly Swat", CategoryID: "hg-10-11-1", TaxCategory: TaxStandard, Status: "active",
		SKUs: []SKU{{Code: "84673A", Options: map[string]string{"colour": "Pink"}, Prices: map[string]int64{"GBP": 65}, Units: 7}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"key":"84673A","title":"Fly Swat","category":"hg-10-11-1","tax_category":"standard","status":"active",` +
		`"skus":[{"sku":"84673A","options":{"colour":"Pink"},"prices":{"GBP":65}}]}` + "\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestStartingStock(t *testing.T) {
	products := []Product{{SKUs: []SKU{{Code: "A", Units: 41}, {Code: "B", Units: 10}}}}
	want := []Stock{
		{"A", "use-1", 41}, {"A", "euw-1", 41},
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

// TestEverySKUHasStock: the starting stock names the SKUs of the catalogue, and no others.
func TestEverySKUHasStock(t *testing.T) {
	units, err := readUnits()
	if err != nil {
		t.Fatal(err)
	}
	for _, read := range []func() ([]Product, error){Gifts, Food} {
		products, err := read()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range products {
			for _, s := range p.SKUs {
				if s.Units < 10 {
					t.Errorf("SKU %s starts with %d units", s.Code, s.Units)
				}
				delete(units, s.Code)
			}
		}
	}
	if len(units) > 0 {
		t.Errorf("stock of SKUs that are not there: %v", units)
	}
}
