package shipped

import (
	"encoding/json"
	"fmt"
	"io"
)

// importProduct is one line of a product import.
type importProduct struct {
	Key         string         `json:"key"`
	Title       string         `json:"title"`
	Description string         `json:"description,omitempty"`
	Brand       string         `json:"brand,omitempty"`
	Category    string         `json:"category"`
	TaxCategory string         `json:"tax_category"`
	Status      string         `json:"status"`
	Attributes  map[string]any `json:"attributes,omitempty"`
	Images      []string       `json:"images,omitempty"`
	SKUs        []importSKU    `json:"skus"`
}

type importSKU struct {
	SKU         string            `json:"sku"`
	Barcode     string            `json:"barcode,omitempty"`
	Options     map[string]string `json:"options,omitempty"`
	WeightGrams int64             `json:"weight_grams,omitempty"`
	Prices      map[string]int64  `json:"prices"`
}

// NDJSON writes the products as `meridian import products` takes them: one JSON object
// a line, status active. Its errors are those of w.
func NDJSON(w io.Writer, products []Product) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for _, p := range products {
		if err := encoder.Encode(newImportProduct(p)); err != nil {
			return fmt.Errorf("writing product %s: %w", p.Key, err)
		}
	}
	return nil
}

func newImportProduct(p Product) importProduct {
	skus := make([]importSKU, len(p.SKUs))
	for i, s := range p.SKUs {
		skus[i] = importSKU{
			SKU: s.Code, Barcode: s.Barcode, Options: s.Options,
			WeightGrams: s.WeightGrams, Prices: s.Prices,
		}
	}
	return importProduct{
		Key: p.Key, Title: p.Title, Description: p.Description, Brand: p.Brand,
		Category: p.CategoryID, TaxCategory: p.TaxCategory, Status: "active",
		Attributes: p.Attributes, Images: p.Images, SKUs: skus,
	}
}
