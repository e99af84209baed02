package shipped

// Category is a node of the category tree.
type Category struct {
	ID       string // of the Shopify taxonomy, for example hg-3-57
	ParentID string // empty at a root
	Name     string
	Path     string // the names from the root down, joined by " > "
	Level    int    // 1 is a root
}

// Product is what a shopper sees on one page: one thing, sold as one or several SKUs.
type Product struct {
	Key         string // the seller's own key: the code of the first SKU
	Title       string
	Description string // empty where the source has no text
	Brand       string // empty for gifts
	CategoryID  string
	Attributes  map[string]any // values are string, int or []string
	Images      []string       // none in the sources
	TaxCategory string         // TaxStandard or TaxReduced
	SKUs        []SKU          // at least one, by code
}

// The tax categories of the shipped products.
const (
	TaxStandard = "standard"
	TaxReduced  = "reduced" // food and drink
)

// SKU is one variant of a product.
type SKU struct {
	Code        string
	Barcode     string            // empty for gifts
	Options     map[string]string // what tells it from its siblings: {"colour": "Red"}; nil for a lone SKU
	WeightGrams int64             // 0: not known; neither source has weights
	Prices      map[string]int64  // currency to minor units, one entry for each of Currencies
	UnitsSold   int64             // in the 33 weeks of the source; 0 for food, where it is not known
}
