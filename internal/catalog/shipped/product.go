package shipped

import (
	"encoding/json"
	"fmt"
	"io"
)

// Category is a node of the category tree.
type Category struct {
	ID       string // of the Shopify taxonomy, for example hg-3-57
	ParentID string // empty at a root
	Name     string
	Path     string // the names from the root down, joined by " > "
	Level    int    // 1 is a root
}

// Product is one thing on sale, as one or several SKUs. Its JSON is a line of a product import.
type Product struct {
	Key         string         `json:"key"` // the seller's own key: the code of the first SKU
	Title       string         `json:"title"`
	Description string         `json:"description,omitempty"` // empty if the source has no text
	Brand       string         `json:"brand,omitempty"`       // empty for gifts
	CategoryID  string         `json:"category"`
	TaxCategory string         `json:"tax_category"` // TaxStandard or TaxReduced
	Status      string         `json:"status"`
	Attributes  map[string]any `json:"attributes,omitempty"` // values are string, int or []string
	Images      []string       `json:"images,omitempty"`     // none in the sources
	SKUs        []SKU          `json:"skus"`                 // at least one, sorted by code
}

// The tax categories of the shipped products.
const (
	TaxStandard = "standard"
	TaxReduced  = "reduced" // food and drink
)

// SKU is one variant of a product.
type SKU struct {
	Code        string            `json:"sku"`
	Barcode     string            `json:"barcode,omitempty"`      // empty for gifts
	Options     map[string]string `json:"options,omitempty"`      // tells it from its siblings: {"colour": "Red"}; nil for a lone SKU
	WeightGrams int64             `json:"weight_grams,omitempty"` // 0 if unknown; neither source has weights
	Prices      map[string]int64  `json:"prices"`                 // minor units by currency
	Units       int64             `json:"-"`                      // the starting stock of each warehouse
}

// NDJSON writes products as `meridian import products` reads them, one JSON object a line. It
// returns the errors of w.
func NDJSON(w io.Writer, products []Product) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for _, p := range products {
		if err := encoder.Encode(p); err != nil {
			return fmt.Errorf("write product %s: %w", p.Key, err)
		}
	}
	return nil
}

// Stock is the starting stock of a SKU in a warehouse.
type Stock struct {
	SKU       string
	Warehouse string
	Units     int64
}

// StartingStock returns the starting stock of the products: for each SKU in turn, a row for
// each of the warehouses.
func StartingStock(products []Product, warehouses []string) []Stock {
	var all []Stock
	for _, p := range products {
		for _, s := range p.SKUs {
			for _, w := range warehouses {
				all = append(all, Stock{SKU: s.Code, Warehouse: w, Units: s.Units})
			}
		}
	}
	return all
}
