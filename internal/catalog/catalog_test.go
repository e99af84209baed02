package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/pricing"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

// A shop is a catalogue on a database of its own, with a seller and a few categories.
type shop struct {
	*Catalog
	db     *database.DB
	seller uuid.UUID
}

func newShop(t testing.TB) *shop {
	t.Helper()
	db := databasetest.New(t)
	s := &shop{Catalog: newCatalog(t, db, time.Now), db: db}
	s.seller = s.newSeller(t, "acme")
	testkit.Must(s.UpsertCategories(t.Context(), []CategoryInput{
		{ID: "hg", Name: "Home & Garden"},
		{ID: "hg-11", ParentID: "hg", Name: "Kitchen"},
		{ID: "hg-11-6", ParentID: "hg-11", Name: "Tableware"},
		{ID: "fb", Name: "Food"},
	}))(t)
	return s
}

func newCatalog(t testing.TB, db *database.DB, now func() time.Time) *Catalog {
	t.Helper()
	set := testkit.Must(regions.Shipped())(t)
	c := testkit.Must(New(Config{DB: db, Regions: set, Now: now}))(t)
	return c
}

func (s *shop) newSeller(t testing.TB, slug string) uuid.UUID {
	t.Helper()
	seller := testkit.Must(s.CreateSeller(t.Context(), SellerInput{Slug: slug, Name: strings.ToUpper(slug)}))(t)
	return seller.ID
}

// mug is a good product.
func mug(key string, skus ...string) ProductInput {
	in := ProductInput{
		Key: key, Title: "Mug " + key, Brand: "Acme", CategoryID: "hg-11-6", Status: Active, TaxCategory: TaxStandard,
		Attributes: map[string]any{"material": "china", "pieces": 2.0, "sizes": []any{"S", "L"}},
		Images:     []Image{{URL: "https://example.com/mug.jpg", Alt: "A mug"}, {URL: "/images/mug.png"}},
	}
	for i, code := range skus {
		in.SKUs = append(in.SKUs, SKUInput{Code: code, Barcode: "0123", WeightGrams: 310,
			Options: map[string]string{"size": fmt.Sprint(i)}, Prices: map[money.Currency]int64{"GBP": 295, "JPY": 500}})
	}
	return in
}

func (s *shop) create(t testing.TB, in ProductInput) Product {
	t.Helper()
	p := testkit.Must(s.CreateProduct(t.Context(), CreateInput{Seller: s.seller, Product: in}))(t)
	return p
}

// check proves what holds of the whole catalogue whatever happened.
func (s *shop) check(t testing.TB) {
	t.Helper()
	const wrong = `
WITH due AS (
  SELECT unnest(string_to_array(btrim(c.path, '/'), '/')) AS category_id, p.id AS product_id
  FROM products p JOIN categories c ON c.id = p.category_id
  WHERE p.status = 'active'
), listed AS (
  SELECT category_id, product_id FROM category_products
)
(SELECT 'not listed', category_id, product_id::text FROM (SELECT * FROM due EXCEPT SELECT * FROM listed) a)
UNION ALL
(SELECT 'listed', category_id, product_id::text FROM (SELECT * FROM listed EXCEPT SELECT * FROM due) b)
UNION ALL
(SELECT 'path', c.id, c.path FROM categories c LEFT JOIN categories p ON p.id = c.parent_id
 WHERE c.path <> coalesce(p.path, '/') || c.id || '/' OR c.level <> coalesce(p.level, 0) + 1)`
	faults := testkit.Must(database.List(context.WithoutCancel(t.Context()), s.db, func(row pgx.CollectableRow) (string, error) {
		var what, where, which string
		err := row.Scan(&what, &where, &which)
		return what + " " + where + " " + which, err
	}, wrong))(t)
	for _, fault := range faults {
		t.Errorf("the catalogue is wrong: %s", fault)
	}
}

// contents are the seller's products by key, without what differs between two databases.
func (s *shop) contents(t testing.TB, seller uuid.UUID) map[string]Product {
	t.Helper()
	all := make(map[string]Product)
	for filter := (SellerListFilter{Seller: seller, PageFilter: database.PageFilter[string]{Limit: 100}}); ; {
		page, err := s.ListSellerProducts(t.Context(), filter)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Items {
			all[p.Key] = p
		}
		if filter.After = page.Next; page.Next == nil {
			return all
		}
	}
}

var sameContents = cmp.Options{
	cmpopts.EquateEmpty(),
	cmpopts.IgnoreFields(Product{}, "ID", "SellerID", "Slug", "CreatedAt", "UpdatedAt", "Rules"),
	cmpopts.IgnoreFields(pricing.Entry{}, "Period"),
}

// entries are catalogue prices as a SKU has them.
func entries(prices map[money.Currency]int64) []pricing.Entry {
	var entries []pricing.Entry
	for _, currency := range slices.Sorted(maps.Keys(prices)) {
		entries = append(entries, pricing.Entry{List: pricing.CatalogueList(currency), MinQuantity: 1, AmountMinor: prices[currency]})
	}
	return entries
}
