package indexer

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/money"
	"meridian/internal/pricing"
	"meridian/internal/search"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/testkit/shoptest"
)

// shop is a catalogue with stock in every region, and the database that all of it is in.
type shop struct {
	kit     *shoptest.Shop
	db      *database.DB
	catalog *catalog.Catalog
	stock   *inventory.Stock
	seller  uuid.UUID
	// products are those made so far, active or not, at the version last seen.
	products []catalog.Product

	mu     sync.Mutex
	opened map[string]*database.DB // by region
}

// open is the database as seen from a region.
func (s *shop) open(t testing.TB, region string) *database.DB {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opened[region] == nil {
		s.opened[region] = databasetest.Open(t, s.kit.URL, region)
	}
	return s.opened[region]
}

func newShop(t testing.TB) *shop {
	t.Helper()
	kit := shoptest.New(t, shoptest.Config{Clock: testkit.RunningClock()})
	s := &shop{kit: kit, db: kit.DB, catalog: kit.Catalog, stock: kit.Stock, opened: map[string]*database.DB{"eu-west": kit.DB}}
	s.seller = testkit.Must(s.catalog.CreateSeller(t.Context(), catalog.SellerInput{Slug: "acme", Name: "Acme"}))(t).ID
	s.categories(t, "Tableware")
	return s
}

// categories makes the tree, or gives its leaf another name.
func (s *shop) categories(t testing.TB, leaf string) {
	t.Helper()
	testkit.Must(s.catalog.UpsertCategories(t.Context(), []catalog.CategoryInput{
		{ID: "hg", Name: "Home & Garden"}, {ID: "hg-11", ParentID: "hg", Name: "Kitchen"},
		{ID: "hg-11-6", ParentID: "hg-11", Name: leaf}, {ID: "fb", Name: "Food"},
	}))(t)
}

// mug is a good product.
func mug(n int) catalog.ProductInput {
	key := fmt.Sprintf("MUG-%04d", n)
	return catalog.ProductInput{
		Key: key, Title: "Mug " + key, Brand: "Acme", Description: "For tea.", CategoryID: "hg-11-6", Status: catalog.Active,
		Attributes: map[string]any{"Material": "china", "pieces": 2.0, "dishwasher": true, "occasion": []any{"Easter", "Birthday"},
			"size": map[string]any{"cm": 9.5}},
		Images: []catalog.Image{{URL: "https://example.com/mug.jpg"}},
		SKUs: []catalog.SKUInput{
			{Code: key + "-R", Barcode: "0123" + key[4:], Options: map[string]string{"colour": "red"},
				Prices: map[money.Currency]int64{"EUR": 1295, "USD": 1395}},
			{Code: key + "-B", Options: map[string]string{"colour": "blue"}, Prices: map[money.Currency]int64{"EUR": 1195}},
		},
	}
}

func (s *shop) create(t testing.TB, in catalog.ProductInput) catalog.Product {
	t.Helper()
	p := testkit.Must(s.catalog.CreateProduct(t.Context(), catalog.CreateInput{Seller: s.seller, Product: in}))(t)
	s.products = append(s.products, p)
	return p
}

// fill makes n products.
func (s *shop) fill(t testing.TB, n int) {
	t.Helper()
	for range n {
		s.create(t, mug(len(s.products)))
	}
}

// edit changes the i-th product.
func (s *shop) edit(t testing.TB, i int, change func(in *catalog.ProductInput)) {
	t.Helper()
	in := mug(i)
	change(&in)
	p := s.products[i]
	s.products[i] = testkit.Must(s.catalog.UpdateProduct(t.Context(),
		catalog.UpdateInput{Seller: s.seller, ID: p.ID, Version: p.Version, Product: in}))(t)
}

// age has all that was done so far be long ago.
func (s *shop) age(t testing.TB) {
	t.Helper()
	databasetest.Exec(t, s.db, `UPDATE products SET updated_at = updated_at - INTERVAL '1 hour'`)
}

func (s *shop) archive(t testing.TB, i int) {
	t.Helper()
	p := s.products[i]
	s.products[i] = testkit.Must(s.catalog.ArchiveProduct(t.Context(), s.seller, p.ID, p.Version))(t)
}

// receive puts units of a SKU into a warehouse, adjust changes them.
func (s *shop) receive(t testing.TB, warehouse, sku string, units int64) {
	t.Helper()
	s.kit.Receive(t, warehouse, sku, units)
}

func (s *shop) adjust(t testing.TB, warehouse, sku string, delta int64) {
	t.Helper()
	testkit.Must(s.stock.Adjust(t.Context(), inventory.Adjustment{SKU: sku, Warehouse: warehouse, Delta: delta,
		Operation: shoptest.By("a test")}))(t)
}

func (s *shop) rate(t testing.TB, i int, stars int64) {
	t.Helper()
	databasetest.Exec(t, s.db, `
INSERT INTO product_ratings AS r (product_id, stars_sum, ratings) VALUES ($1, $2, 1)
ON CONFLICT (product_id) DO UPDATE SET stars_sum = r.stars_sum + excluded.stars_sum, ratings = r.ratings + 1, updated_at = now()`, s.products[i].ID, stars)
}

func (s *shop) popular(t testing.TB, region string, i int, popularity int64) {
	t.Helper()
	databasetest.Exec(t, s.db, `
INSERT INTO product_popularity (region, product_id, category_id, score, popularity) VALUES ($1, $2, 'hg', 1, $3)
ON CONFLICT (region, product_id) DO UPDATE SET popularity = excluded.popularity, changed_at = now()`, region, s.products[i].ID, popularity)
}

// reprice sets a price, in force after a while, as finance does.
func (s *shop) reprice(t testing.TB, sku string, minor int64, lead time.Duration) {
	t.Helper()
	testkit.NoError(t, s.db.Write(t.Context(), func(b *database.Batch) error {
		pricing.QueueSet(b, []pricing.Price{{SKU: sku, Currency: "EUR", AmountMinor: minor}}, lead)
		catalog.QueueTouch(b, []string{sku})
		return nil
	}))
	for i, p := range s.products {
		if slices.ContainsFunc(p.SKUs, func(k catalog.SKU) bool { return k.Code == sku }) {
			s.products[i].Version++
		}
	}
}

// branch is one region's index with its feed.
type branch struct {
	*Indexer
	*shop
	store *memory
}

// in is the region's index. Everything that waits in a feed waits hardly at all.
func (s *shop) in(t testing.TB, region string, changes ...func(c *Config)) *branch {
	t.Helper()
	b := &branch{shop: s, store: newMemory()}
	b.start(t, region, changes...)
	return b
}

// start begins a feed that knows nothing but what is in the index, as after a kill.
func (b *branch) start(t testing.TB, region string, changes ...func(c *Config)) {
	t.Helper()
	db := b.open(t, region)
	config := Config{
		DB: db, Prices: testkit.Must(pricing.New(pricing.Config{DB: db, Key: shoptest.Key, Lead: -1}))(t),
		Store: b.store, Replica: "memory-" + region, Exclusive: true, Page: 7, Poll: time.Millisecond, SlowPoll: time.Nanosecond, StateEvery: time.Nanosecond,
		Retry: time.Millisecond, RetryMost: 4 * time.Millisecond, Log: quiet,
	}
	for _, change := range changes {
		change(&config)
	}
	b.Indexer = testkit.Must(New(config))(t)
}

// round does what the two loops of Run do once.
func (b *branch) round(ctx context.Context) (busy bool, err error) {
	if busy, err = b.RoundOnce(ctx); err != nil {
		return false, err
	}
	working, err := b.JobOnce(ctx)
	return busy || working, err
}

// settle does rounds until there is nothing left to do.
func (b *branch) settle(t testing.TB) {
	t.Helper()
	idle := 0
	for rounds := 0; idle < 2; rounds++ {
		if rounds == 2000 {
			t.Fatal("the feed does not come to rest")
		}
		busy := testkit.Must(b.round(context.WithoutCancel(t.Context())))(t)
		if idle++; busy {
			idle = 0
		}
	}
}

// wantSame fails the test unless the index is what the database says, found out in another way than the feed's.
func (b *branch) wantSame(t testing.TB) {
	t.Helper()
	got := b.store.documents()
	for id, d := range got {
		if !d.GoodUntil.After(b.Prices.Moment()) {
			t.Errorf("%s was good until %s", id, d.GoodUntil)
		}
	}
	if diff := cmp.Diff(b.want(t), got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(search.Document{}, "GoodUntil")); diff != "" {
		t.Fatalf("%s: the index is not what the database says (-database +index):\n%s", b.DB.Region(), diff)
	}
}

// want are the documents of all active products, one by one and with plain statements.
func (b *branch) want(t testing.TB) map[uuid.UUID]search.Document {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	tree := testkit.Must(b.catalog.Categories(ctx))(t)
	want := make(map[uuid.UUID]search.Document)
	for _, p := range b.shop.products {
		shown, err := b.catalog.GetProduct(ctx, p.PublicID())
		if err != nil {
			continue // it is not for everyone to see
		}
		d := search.Document{ID: p.ID, Version: shown.Version, Slug: shown.Slug, Title: shown.Title, Brand: shown.Brand,
			Description: shown.Description,
			Image:       shown.Images[0].URL, Stock: search.StockOut, Attributes: map[string][]string{
				"material": {"china"}, "pieces": {"2"}, "dishwasher": {"yes"}, "occasion": {"Birthday", "Easter"}, "size cm": {"9.5"}},
			ListedAt: databasetest.One[time.Time](t, b.db, `SELECT min(listed_at) FROM category_products WHERE product_id = $1`, p.ID).UTC()}
		for _, c := range tree.Ancestors(shown.CategoryID) {
			d.CategoryIDs, d.CategoryNames = append(d.CategoryIDs, c.ID), append(d.CategoryNames, c.Name)
		}
		for _, sku := range shown.SKUs {
			d.Codes = append(d.Codes, sku.Code)
			if sku.Barcode != "" {
				d.Codes = append(d.Codes, sku.Barcode)
			}
			d.Attributes["colour"] = append(d.Attributes["colour"], sku.Options["colour"])
		}
		slices.Sort(d.Attributes["colour"])
		b.wantPrices(t, &d, shown)
		b.wantSignals(t, &d)
		want[p.ID] = d
	}
	return want
}

func (b *branch) wantPrices(t testing.TB, d *search.Document, p catalog.Product) {
	t.Helper()
	at := b.Prices.Moment()
	rules := testkit.Must(b.Prices.RulesOf(context.WithoutCancel(t.Context()), p.Rules, at))(t)
	d.Prices = make(map[string]int64)
	for _, code := range strings.Fields("au ca ch eu jp mx sg uk us world") {
		m := testkit.Must(rules.Market(code, at))(t)
		var amounts []int64
		for _, sku := range p.SKUs {
			if unit, err := rules.Unit(p.PricedSKU(sku), pricing.Ask{Market: m, Currency: m.Currency, At: at}, 1); err == nil {
				amounts = append(amounts, unit.AmountMinor)
			}
		}
		if len(amounts) > 0 {
			d.Prices[code] = slices.Min(amounts)
			d.PriceBands = append(d.PriceBands, search.PriceBand(code, m.Currency, d.Prices[code]))
		}
	}
}

func (b *branch) wantSignals(t testing.TB, d *search.Document) {
	t.Helper()
	region := b.DB.Region()
	most := databasetest.One[int64](t, b.db, `
SELECT coalesce(max(s.on_hand - s.reserved - s.allocated), 0) FROM stock s JOIN skus k ON k.sku = s.sku JOIN warehouses w ON w.code = s.warehouse
WHERE s.region = $1 AND k.product_id = $2 AND k.status = 'active' AND w.active`, region, d.ID)
	if most > 5 {
		d.Stock = search.StockIn
	} else if most > 0 {
		d.Stock = search.StockLow
	}
	d.Popularity = databasetest.One[int64](t, b.db, `SELECT coalesce(max(popularity), 0) FROM product_popularity WHERE region = $1 AND product_id = $2`, region, d.ID)
	d.Ratings = databasetest.One[int64](t, b.db, `SELECT coalesce(max(ratings), 0) FROM product_ratings WHERE product_id = $1`, d.ID)
	d.RatingMilli = databasetest.One[int64](t, b.db, `SELECT coalesce(max(round(1000.0 * stars_sum / nullif(ratings, 0))), 0)::int8 FROM product_ratings WHERE product_id = $1`, d.ID)
}

// dice are a test's random numbers; a failure tells their seed.
func dice(t testing.TB) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// quiet is a log that nobody reads.
var quiet = slog.New(slog.DiscardHandler)
