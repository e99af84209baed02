package pricing

import (
	"time"
	"unique"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/catalog/skus"
	"meridian/internal/database"
	"meridian/internal/money"
)

// A PricedSKU is a SKU with what its price depends on.
type PricedSKU struct {
	SKU string
	// BaseCurrency is that of the catalogue price which others are converted from; empty
	// where there is none.
	BaseCurrency money.Currency
	TaxCategory  string
	Category     string // the product's, for promotions
	// Sellable is false when the SKU or its product is no longer sold.
	Sellable bool
	// Entries are its prices in all lists, in force now, to come, or in the window that was
	// asked for; by list, quantity and time.
	Entries []Entry
}

// Entry is what MinQuantity units or more cost each in a list, in minor units of the list's currency.
type Entry struct {
	List        string
	MinQuantity int64
	AmountMinor int64
	Period      Period
}

// LowestWindow is how far back the lowest price is looked for when a reduction is shown:
// 30 days (Directive 98/6/EC, article 6a, of the European Union: "Omnibus").
const LowestWindow = 30 * 24 * time.Hour

// LowestReach is how far before the asked moment the lowest price is looked for at all: a
// reduction that began longer ago is compared with what is left of its window, if anything.
const LowestReach = 335 * 24 * time.Hour

// QueuePricedSKUs adds to a batch the reading of SKUs with their prices in force at since or
// later, as one statement. Unknown SKUs are left out of into.
func QueuePricedSKUs(b *database.Batch, skus []string, since time.Time, into map[string]*PricedSKU) {
	b.Queue(skuQuery+`
WHERE s.sku = ANY($1::text[])`+skuOrder, skus, since).Query(collectSKUs(into))
}

// QueuePricedProducts is QueuePricedSKUs for all SKUs of some products.
func QueuePricedProducts(b *database.Batch, products []uuid.UUID, since time.Time, into map[string]*PricedSKU) {
	b.Queue(skuQuery+`
WHERE s.product_id = ANY($1::uuid[])`+skuOrder, products, since).Query(collectSKUs(into))
}

// QueuePricedAfter is QueuePricedSKUs for at most so many SKUs that are sold, the first by code after one.
func QueuePricedAfter(b *database.Batch, after string, limit int, since time.Time, into map[string]*PricedSKU) {
	// $1 = after, $2 = since, $3 = limit
	b.Queue(skuQuery+`
WHERE s.sku IN (SELECT n.sku FROM `+skus.AllSQL+` n WHERE n.sold AND n.sku > $1 ORDER BY n.sku LIMIT $3::int8)`+skuOrder,
		after, since, limit).Query(collectSKUs(into))
}

// skuQuery is a row for each price of a SKU, and one for a SKU without; $2 is since.
const skuQuery = `
SELECT s.sku, s.base_currency, s.tax_category, s.category_id, s.sold, e.list, e.min_quantity, e.amount_minor, e.valid_from, e.valid_to
FROM ` + skus.AllSQL + ` s
LEFT JOIN price_entries e ON e.sku = s.sku AND (e.valid_to IS NULL OR e.valid_to > $2)`

const skuOrder = `
ORDER BY s.sku, e.list, e.min_quantity, e.valid_from`

func collectSKUs(into map[string]*PricedSKU) func(rows pgx.Rows) error {
	return func(rows pgx.Rows) error {
		clear(into)
		var a PricedSKU
		var list *string
		var minQuantity, amount *int64
		var from, to *time.Time
		var last *PricedSKU
		_, err := pgx.ForEachRow(rows, []any{&a.SKU, &a.BaseCurrency, &a.TaxCategory, &a.Category, &a.Sellable,
			&list, &minQuantity, &amount, &from, &to}, func() error {
			if last == nil || last.SKU != a.SKU {
				last = new(PricedSKU)
				*last = a
				last.BaseCurrency, last.TaxCategory, last.Category = shared(a.BaseCurrency), shared(a.TaxCategory), shared(a.Category)
				into[a.SKU] = last
			}
			if list != nil {
				last.Entries = append(last.Entries, Entry{List: shared(*list), MinQuantity: *minQuantity, AmountMinor: *amount,
					Period: Period{From: *from, To: database.TimeOrZero(to)}})
			}
			return nil
		})
		return err
	}
}

// shared returns the one copy of a text that many SKUs hold: a hundred thousand of them fit the
// processor's caches the better.
func shared[S ~string](text S) S { return unique.Make(text).Value() }
