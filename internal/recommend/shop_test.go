package recommend

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

// shop is a catalogue of two categories with a recommender of eu-west. Its clock stands still unless a test moves it on.
type shop struct {
	t       testing.TB
	db      *database.DB
	catalog *catalog.Catalog
	seller  catalog.Seller
	r       *Recommender
	clock   *testkit.Clock
	// products are by their titles.
	products map[string]catalog.Product
}

func newShop(t testing.TB, products ...string) *shop {
	t.Helper()
	s := &shop{t: t, db: databasetest.New(t), clock: testkit.NewClock(time.Now()), products: make(map[string]catalog.Product)}
	s.catalog = testkit.Must(catalog.New(catalog.Config{DB: s.db, Regions: testkit.Must(regions.Shipped())(t)}))(t)
	testkit.Must(s.catalog.UpsertCategories(t.Context(), []catalog.CategoryInput{{ID: "kitchen", Name: "Kitchen"},
		{ID: "garden", Name: "Garden"}}))(t)
	s.seller = testkit.Must(s.catalog.CreateSeller(t.Context(), catalog.SellerInput{Slug: "acme", Name: "Acme"}))(s.t)
	for _, title := range products {
		s.list("kitchen", title)
	}
	s.r = s.recommender(Config{})
	testkit.NoError(s.t, s.catalog.PollOnce(t.Context())) // from here on memory may answer
	return s
}

// list puts a product on sale.
func (s *shop) list(category, title string) {
	s.t.Helper()
	p := testkit.Must(s.catalog.CreateProduct(s.t.Context(), catalog.CreateInput{Seller: s.seller.ID, Product: catalog.ProductInput{
		Title: title, CategoryID: category, Status: catalog.Active,
		SKUs: []catalog.SKUInput{{Code: "SKU-" + title, Prices: map[money.Currency]int64{"EUR": 1000}}},
	}}))(s.t)
	s.products[title] = p
}

// recommender is another one over the same shop, as that of another pod.
func (s *shop) recommender(c Config) *Recommender {
	s.t.Helper()
	if c.DB == nil {
		c.DB = s.db
	}
	c.Catalog, c.Now, c.Log = s.catalog, s.clock.Now, slog.New(slog.DiscardHandler)
	if c.Timeout == 0 {
		c.Timeout = time.Minute // so that a busy machine fails no test
	}
	r := testkit.Must(New(c))(s.t)
	return r
}

func (s *shop) id(title string) uuid.UUID {
	s.t.Helper()
	p, ok := s.products[title]
	if !ok {
		s.t.Fatalf("there is no product %q", title)
	}
	return p.ID
}

// order counts orders of the same products.
func (s *shop) order(times int, titles ...string) {
	s.t.Helper()
	products := make([]uuid.UUID, len(titles))
	for i, title := range titles {
		products[i] = s.id(title)
	}
	for range times {
		s.r.Ordered(products)
	}
}

// view counts views of a product.
func (s *shop) view(times int, title string) {
	for range times {
		s.r.Viewed(s.id(title), false)
	}
}

func (s *shop) write() {
	s.t.Helper()
	testkit.Must(s.r.WriteOnce(s.t.Context()))(s.t)
}

// picked is what was recommended: each product's title and the reason.
func picked(picks []Pick) []string {
	texts := []string{}
	for _, p := range picks {
		texts = append(texts, fmt.Sprintf("%s: %s", p.Product.Title, p.Reason))
	}
	return texts
}

// titles are those of the products, whatever their reasons, sorted.
func titles(picks []Pick) []string {
	texts := []string{}
	for _, p := range picks {
		texts = append(texts, p.Product.Title)
	}
	slices.Sort(texts)
	return texts
}
