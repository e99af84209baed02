// Package shoptest opens a shop over a database of the test's own: the domain packages from the catalogue to orders,
// wired as a pod wires them, by a clock that the test moves. Tests outside these packages (package x_test, or a package
// above them) use it; what a lower package needs is in seed and databasetest.
package shoptest

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"

	"meridian/internal/cart"
	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/inventory"
	"meridian/internal/money"
	"meridian/internal/order"
	"meridian/internal/payment"
	"meridian/internal/pricing"
	"meridian/internal/shipping"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

// Shop holds one region's part of a shop.
type Shop struct {
	Config
	URL     string // of the database
	DB      *database.DB
	Regions *regions.Set
	Catalog *catalog.Catalog
	Prices  *pricing.Pricer
	Carts   *cart.Carts
	Stock   *inventory.Stock
	Orders  *order.Orders
}

// Config holds what a test may choose about a shop. The zero Config opens a shop of eu-west without payment providers,
// whose clock stands at the present instant.
type Config struct {
	Region    string // eu-west unless set
	Clock     *testkit.Clock
	Providers map[string]payment.Provider
	Order     func(*order.Config) // changes the orders' configuration; nil changes nothing
}

// Key signs quotes, cursors and tokens.
var Key = bytes.Repeat([]byte("k"), 32)

// New opens a shop with the shipped warehouses, which hold nothing. It sells nothing either: see package seed.
func New(t testing.TB, c Config) *Shop {
	t.Helper()
	if c.Clock == nil {
		c.Clock = testkit.ClockOfToday()
	}
	if c.Region == "" {
		c.Region = "eu-west"
	}
	s := (&Shop{Config: c, URL: databasetest.URL(t), Regions: testkit.Must(regions.Shipped())(t)}).In(t, c.Region)
	testkit.NoError(t, inventory.SyncWarehouses(t.Context(), s.DB, s.Regions))
	return s
}

// In opens the part of the same shop in another region.
func (s *Shop) In(t testing.TB, region string) *Shop {
	t.Helper()
	there := *s
	there.Region, there.DB = region, databasetest.Open(t, s.URL, region)
	there.Catalog = testkit.Must(catalog.New(catalog.Config{DB: there.DB, Regions: s.Regions}))(t)
	there.Prices = testkit.Must(pricing.New(pricing.Config{DB: there.DB, Key: Key, Lead: -1, Now: s.Clock.Now}))(t)
	there.Stock = inventory.New(inventory.Config{DB: there.DB, Regions: s.Regions, Now: s.Clock.Now})
	together := database.GroupLimits{Timeout: there.DB.GroupTimeout()}
	there.Carts = cart.New(cart.Config{
		DB: there.DB, Regions: s.Regions, Prices: there.Prices, Shipping: testkit.Must(shipping.Shipped())(t), Now: s.Clock.Now,
		OrderedSQL: order.OrderedSQL, Together: together,
	})
	orders := order.Config{
		DB: there.DB, Regions: s.Regions, Carts: there.Carts, CustomerKey: Key, Providers: s.Providers, Now: s.Clock.Now,
		Together: together,
	}
	if s.Config.Order != nil {
		s.Config.Order(&orders)
	}
	there.Orders = order.New(orders)
	return &there
}

// By returns an operator's operation on stock.
func By(reason string) inventory.Operation {
	return inventory.Operation{Actor: "usr_euw_test", Reason: reason}
}

// Receive adds units to a warehouse.
func (s *Shop) Receive(t testing.TB, warehouse, sku string, units int64) {
	t.Helper()
	in := inventory.Receipt{SKU: sku, Warehouse: warehouse, Quantity: units, Operation: By("delivery")}
	testkit.Must(s.Stock.Receive(t.Context(), in))(t)
}

// Counters returns a stock row's counters as on_hand/reserved/allocated.
func (s *Shop) Counters(t testing.TB, warehouse, sku string) string {
	t.Helper()
	l := testkit.Must(s.Stock.Get(context.WithoutCancel(t.Context()), warehouse, sku))(t)
	return fmt.Sprintf("%d/%d/%d", l.OnHand, l.Reserved, l.Allocated)
}

// Units returns the change that adds units of a SKU to a cart.
func Units(sku string, n int64) cart.Change {
	return cart.Change{Op: cart.OpAdd, SKU: sku, Quantity: n}
}

// GuestCart makes a guest's cart for Ireland.
func (s *Shop) GuestCart(t testing.TB, lines ...cart.Change) cart.Cart {
	t.Helper()
	return testkit.Must(s.Carts.Create(context.WithoutCancel(t.Context()), cart.CreateInput{Country: "IE", Lines: lines}))(t)
}

// Checkout returns the input that orders a cart to a country, under an idempotency key of its own. The caller sets the
// provider and the method of payment.
func (s *Shop) Checkout(c cart.Cart, country string) order.PlaceInput {
	return order.PlaceInput{
		Cart: c.Ref, CartVersion: c.Version, Account: c.Account, Email: "ann@example.com",
		ShipTo:      order.Address{Name: "Ann", Line1: "1 Main Street", City: "Town", Country: country},
		Idempotency: s.IdempotencyKey(c, uuid.NewString()),
	}
}

// IdempotencyKey returns a key of the cart's scope.
func (s *Shop) IdempotencyKey(c cart.Cart, text string) idempotency.Key {
	return idempotency.Key{
		Region: c.Ref.Region, Scope: s.Regions.FormatID(regions.CartPrefix, c.Ref), Key: text, Fingerprint: []byte("the request"),
	}
}

// Outcome returns the outcome of an order's payment with that status, captured in full where it succeeded.
func Outcome(o order.Order, status payment.Status) payment.Outcome {
	outcome := payment.Outcome{Status: status, ProviderRef: "ref", Amount: money.New(o.TotalMinor, o.Currency)}
	if status == payment.StatusSucceeded {
		outcome.CapturedMinor = o.TotalMinor
	}
	return outcome
}

// Settle tells the shop what became of an order's payment.
func (s *Shop) Settle(t testing.TB, o order.Order, outcome payment.Outcome) {
	t.Helper()
	testkit.NoError(t, s.Orders.Settle(context.WithoutCancel(t.Context()), o.Ref, outcome))
}
