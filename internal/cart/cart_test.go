package cart_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"meridian/internal/cart"
	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/order"
	"meridian/internal/pricing"
	"meridian/internal/shipping"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/testkit/seed"
	"meridian/regions"
)

// shop is the carts of a database that sells a few things.
type shop struct {
	*cart.Carts
	db    *database.DB
	clock *testkit.Clock
}

// What the shop sells; see seedCatalogue. Each has 40 units in eu-west and 2 in us-east.
const (
	mug      = "MUG-1"   // 12.50 EUR, 11.00 GBP, standard tax
	book     = "BOOK-1"  // 20.00 EUR, reduced tax
	lamp     = "LAMP-1"  // 99.99 EUR, no stock
	archived = "OLD-SKU" // its product is active, the SKU is archived
	draft    = "DRAFT-1" // its product is a draft
	unknown  = "NOTHING"
)

func newShop(t testing.TB, configure ...func(*cart.Config)) *shop {
	t.Helper()
	db := databasetest.New(t)
	seedCatalogue(t, db)
	s := &shop{db: db, clock: testkit.ClockOfToday()}
	config := cart.Config{
		DB:       db,
		Regions:  testkit.Must(regions.Shipped())(t),
		Prices:   testkit.Must(pricing.New(pricing.Config{DB: db, Key: bytes.Repeat([]byte("k"), 32), Lead: -1}))(t),
		Shipping: testkit.Must(shipping.Shipped())(t),
		Now:      s.clock.Now,

		OrderedSQL: order.OrderedSQL,
	}
	for _, f := range configure {
		f(&config)
	}
	s.Carts = cart.New(config)
	return s
}

func seedCatalogue(t testing.TB, db *database.DB) {
	t.Helper()
	seed.Products(t, db,
		seed.Product{Slug: "mug", Images: []string{"https://img.example/mug.jpg", "https://img.example/2.jpg"}, SKUs: []seed.SKU{
			{Code: mug, Options: map[string]string{"colour": "red"}, Prices: map[string]int64{"EUR": 1250, "GBP": 1100}},
			{Code: archived, Status: "archived"},
		}},
		seed.Product{Slug: "book", TaxCategory: "reduced", SKUs: []seed.SKU{{Code: book, Prices: map[string]int64{"EUR": 2000}}}},
		seed.Product{Slug: "lamp", SKUs: []seed.SKU{{Code: lamp, Prices: map[string]int64{"EUR": 9999}}}},
		seed.Product{Slug: "draft", Status: "draft", SKUs: []seed.SKU{{Code: draft}}},
	)
	databasetest.Exec(t, db, `
INSERT INTO warehouses (code, region, title, country, latitude, longitude, active)
VALUES ('euw-8', 'eu-west', 'Test', 'IE', 1, 1, true), ('use-8', 'us-east', 'Test', 'US', 1, 1, true),
  ('use-9', 'us-east', 'Closed', 'US', 1, 1, false)`)
	databasetest.Exec(t, db, `
INSERT INTO stock (region, sku, warehouse, on_hand, reserved, allocated)
SELECT w.region, s.sku, w.code, CASE w.code WHEN 'euw-8' THEN 50 WHEN 'use-8' THEN 2 ELSE 1000 END,
  CASE w.code WHEN 'euw-8' THEN 7 ELSE 0 END, CASE w.code WHEN 'euw-8' THEN 3 ELSE 0 END
FROM skus s, warehouses w
WHERE s.sku IN ('MUG-1', 'BOOK-1') AND w.code IN ('euw-8', 'use-8', 'use-9')`)
}

// guestCart makes a guest's cart, in euro, with these lines.
func (s *shop) guestCart(t testing.TB, lines ...cart.Change) cart.Cart {
	t.Helper()
	return testkit.Must(s.Create(t.Context(), cart.CreateInput{Country: "IE", Lines: lines}))(t)
}

// customerCart makes or opens a customer's cart and adds these lines.
func (s *shop) customerCart(t testing.TB, account regions.Ref, lines ...cart.Change) cart.Cart {
	t.Helper()
	return testkit.Must(s.Create(t.Context(), cart.CreateInput{Account: &account, Country: "IE", Lines: lines}))(t)
}

// wantLines compares the quantities of the cart that is stored.
func (s *shop) wantLines(t testing.TB, c cart.Cart, want map[string]int64) {
	t.Helper()
	got := testkit.Must(s.Get(t.Context(), c.Ref, c.Account))(t)
	if diff := cmp.Diff(want, quantities(got), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("lines of the cart (-want +got):\n%s", diff)
	}
}

func quantities(c cart.Cart) map[string]int64 {
	lines := make(map[string]int64)
	for _, line := range c.Lines {
		lines[line.SKU] = line.Quantity
	}
	return lines
}

func add(sku string, n int64) cart.Change { return cart.Change{Op: cart.OpAdd, SKU: sku, Quantity: n} }
func set(sku string, n int64) cart.Change { return cart.Change{Op: cart.OpSet, SKU: sku, Quantity: n} }
func remove(sku string) cart.Change       { return cart.Change{Op: cart.OpRemove, SKU: sku} }

func newAccount(region string) regions.Ref { return regions.Ref{Region: region, ID: uuid.New()} }

func key(text, request string) idempotency.Key {
	return idempotency.Key{Key: text, Fingerprint: []byte(request)}
}

// inEuro is a seller's price as seedCatalogue has it.
func inEuro(minor int64) pricing.Entry {
	return pricing.Entry{List: "catalogue-EUR", MinQuantity: 1, AmountMinor: minor,
		Period: pricing.Period{From: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)}}
}

func TestGet(t *testing.T) {
	s := newShop(t)
	made := s.guestCart(t, add(mug, 3), add(book, 1), add(lamp, 2))
	var got cart.Cart
	databasetest.WantTrips(t, "Get", 1, func(ctx context.Context) { got = testkit.Must(s.Get(ctx, made.Ref, nil))(t) })
	line := func(sku, title, slug, tax string, quantity, price, available int64) cart.Line {
		article := pricing.PricedSKU{SKU: sku, BaseCurrency: "EUR", TaxCategory: tax, Category: "hg", Sellable: true,
			Entries: []pricing.Entry{inEuro(price)}}
		return cart.Line{SKU: sku, ProductID: seed.ProductID(slug), Title: title, Slug: slug, Options: map[string]string{},
			Quantity: quantity, Article: article, Sellable: true, Available: available}
	}
	wantMug := line(mug, "Mug", "mug", "standard", 3, 1250, 42)
	wantMug.Options, wantMug.ImageURL = map[string]string{"colour": "red"}, "https://img.example/mug.jpg"
	want := cart.Cart{
		Ref: made.Ref, Currency: "EUR", Country: "IE", Coupons: []string{}, Status: cart.StatusOpen, Version: 1,
		CreatedAt: s.clock.Now(), UpdatedAt: s.clock.Now(), ExpiresAt: s.clock.Now().Add(30 * 24 * time.Hour),
		Lines: []cart.Line{
			line(book, "Book", "book", "reduced", 1, 2000, 42),
			line(lamp, "Lamp", "lamp", "standard", 2, 9999, 0),
			wantMug,
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(cart.Line{}, "AddedAt"), cmpopts.IgnoreUnexported(cart.Cart{})); diff != "" {
		t.Errorf("cart (-want +got):\n%s", diff)
	}
	if got.Ref.Region != "eu-west" {
		t.Errorf("a guest's cart is in %s, want the region where it was made", got.Ref.Region)
	}
}

func TestGet_Fresh(t *testing.T) {
	s := newShop(t)
	c := s.guestCart(t, add(mug, 1), add(book, 1))
	s.reprice(t, mug, 999)
	databasetest.Exec(t, s.db, `UPDATE stock SET reserved = on_hand - allocated WHERE sku = 'MUG-1'`)
	databasetest.Exec(t, s.db, `UPDATE products SET status = 'archived' WHERE slug = 'book'`)
	got := testkit.Must(s.Get(t.Context(), c.Ref, nil))(t)
	quote := s.quote(t, got)
	for _, line := range got.Lines {
		switch line.SKU {
		case mug:
			if price := quote.Line(mug).UnitPriceMinor; price != 999 || line.Available != 0 || line.Availability() != cart.OutOfStock {
				t.Errorf("mug costs %d, %d available (%s); want the price and stock of now", price, line.Available, line.Availability())
			}
		case book:
			if line.Sellable || line.Availability() != cart.OutOfStock || quote.Line(book) != nil {
				t.Errorf("an archived product is sellable: %t, %s", line.Sellable, line.Availability())
			}
		}
	}
}

// TestGet_Currencies: in another currency a line has its own price, else the converted one, else none.
func TestGet_Currencies(t *testing.T) {
	s := newShop(t)
	c := s.guestCart(t, add(mug, 1), add(book, 1))
	pounds := testkit.Must(s.Change(t.Context(), cart.ChangeInput{Cart: c.Ref, Currency: "GBP", Country: "GB"}))(t)
	if pounds.Currency != "GBP" || pounds.Country != "GB" {
		t.Errorf("cart is in %s for %s, want GBP for GB", pounds.Currency, pounds.Country)
	}
	quote := s.quote(t, pounds)
	if line := quote.Line(mug); line == nil || line.UnitPriceMinor != 1100 {
		t.Errorf("the mug in pounds: %+v, want 1100", line)
	}
	if diff := cmp.Diff([]string{book}, quote.Unpriced); diff != "" || quote.Line(book) != nil {
		t.Errorf("without a rate (-want +got unpriced):\n%s", diff)
	}
	databasetest.Exec(t, s.db, `INSERT INTO fx_rates (currency, source, day, rate, status, valid_from) VALUES ('GBP', 'ecb', '2020-01-01', '0.85', 'in_force', '2020-01-01')`)
	s.changeRules(t)
	quote = s.quote(t, testkit.Must(s.Get(t.Context(), c.Ref, nil))(t))
	if line := quote.Line(book); line == nil || line.UnitPriceMinor != 1700 || quote.Unpriced != nil {
		t.Errorf("the book in pounds: %+v, want 1700; unpriced %v", line, quote.Unpriced)
	}
}

func TestGet_Owner(t *testing.T) {
	s := newShop(t)
	alice, bob := newAccount("eu-west"), newAccount("eu-west")
	elsewhere := regions.Ref{Region: "us-east", ID: alice.ID}
	guest, customer := s.guestCart(t), s.customerCart(t, alice)
	tests := []struct {
		name    string
		ref     regions.Ref
		account *regions.Ref
		want    error
	}{
		{name: "guest", ref: guest.Ref},
		{name: "customer", ref: customer.Ref, account: &alice},
		{name: "a guest's cart as a customer", ref: guest.Ref, account: &alice, want: cart.ErrNotFound},
		{name: "a customer's cart as a guest", ref: customer.Ref, want: cart.ErrNotFound},
		{name: "another customer's cart", ref: customer.Ref, account: &bob, want: cart.ErrNotFound},
		{name: "the same id in another region", ref: customer.Ref, account: &elsewhere, want: cart.ErrNotFound},
		{name: "in another region", ref: regions.Ref{Region: "us-east", ID: guest.Ref.ID}, want: cart.ErrNotFound},
		{name: "nowhere", ref: regions.Ref{Region: "eu-west", ID: uuid.New()}, want: cart.ErrNotFound},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := s.Get(t.Context(), test.ref, test.account)
			if !errorIs(err, test.want) {
				t.Errorf("get: %v, want %v", err, test.want)
			}
			_, err = s.Add(t.Context(), cart.ChangeInput{Cart: test.ref, Account: test.account}, mug, 1)
			if !errorIs(err, test.want) {
				t.Errorf("add: %v, want %v", err, test.want)
			}
			_, err = s.Remove(t.Context(), cart.ChangeInput{Cart: test.ref, Account: test.account}, mug)
			if !errorIs(err, test.want) {
				t.Errorf("remove: %v, want %v", err, test.want)
			}
		})
	}
	s.wantLines(t, guest, nil)
	s.wantLines(t, customer, nil)
}

func TestGet_Expired(t *testing.T) {
	s := newShop(t)
	c := s.guestCart(t, add(mug, 1))
	s.clock.Set(c.ExpiresAt)
	if _, err := s.Get(t.Context(), c.Ref, nil); !errorIs(err, cart.ErrNotFound) {
		t.Errorf("get: %v, want not found", err)
	}
	if _, err := s.Add(t.Context(), cart.ChangeInput{Cart: c.Ref}, mug, 1); !errorIs(err, cart.ErrNotFound) {
		t.Errorf("add: %v, want not found", err)
	}
}

func TestAvailability(t *testing.T) {
	tests := []struct {
		name string
		line cart.Line
		want cart.Availability
	}{
		{"enough", cart.Line{Sellable: true, Quantity: 3, Available: 100}, cart.InStock},
		{"fewer than wanted", cart.Line{Sellable: true, Quantity: 101, Available: 100}, cart.LowStock},
		{"few", cart.Line{Sellable: true, Quantity: 1, Available: 5}, cart.LowStock},
		{"none", cart.Line{Sellable: true, Quantity: 1}, cart.OutOfStock},
		{"no longer sold", cart.Line{Quantity: 1, Available: 100}, cart.OutOfStock},
	}
	for _, test := range tests {
		if got := test.line.Availability(); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestSweepOnce(t *testing.T) {
	s := newShop(t)
	old := []cart.Cart{s.guestCart(t, add(mug, 1)), s.guestCart(t), s.guestCart(t)}
	s.clock.Set(old[0].ExpiresAt)
	fresh := s.guestCart(t, add(mug, 2))
	for _, want := range []int{2, 1, 0} {
		if n := testkit.Must(s.SweepOnce(t.Context(), 2))(t); n != want {
			t.Errorf("swept %d carts, want %d", n, want)
		}
	}
	s.wantLines(t, fresh, map[string]int64{mug: 2})
}

func TestQueueCheckout(t *testing.T) {
	s := newShop(t)
	c := s.guestCart(t, add(mug, 1))
	checkout := func(version int64) error {
		return s.db.Write(t.Context(), func(b *database.Batch) error {
			cart.QueueCheckout(b, cart.Checkout{Cart: c.Ref, Version: version})
			return nil
		})
	}
	if err := checkout(c.Version - 1); !database.Violates(err, "carts_version_current") {
		t.Errorf("checkout of an old version: %v, want carts_version_current", err)
	}
	testkit.NoError(t, checkout(c.Version))
	if err := checkout(c.Version + 1); !database.Violates(err, "carts_version_current") {
		t.Errorf("second checkout: %v, want carts_version_current", err)
	}
	got := testkit.Must(s.Get(t.Context(), c.Ref, nil))(t)
	if got.Status != cart.StatusOrdered || got.Version != c.Version+1 {
		t.Errorf("the cart is %s at version %d", got.Status, got.Version)
	}
	if _, err := s.Add(t.Context(), cart.ChangeInput{Cart: c.Ref}, mug, 1); !errorIs(err, cart.ErrNotOpen) {
		t.Errorf("add to an ordered cart: %v, want not open", err)
	}
}

// errorIs is errors.Is, where want may be nil.
func errorIs(err, want error) bool {
	if want == nil {
		return err == nil
	}
	return errors.Is(err, want)
}
