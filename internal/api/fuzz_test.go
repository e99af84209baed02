package api

import (
	"net/http"
	"testing"

	"meridian/internal/account"
	"meridian/internal/api/apitest"
	"meridian/internal/catalog"
	"meridian/internal/inventory"
)

// hostileWorld is a whole shop on one database, with what belongs to ada in it: an order and a cart.
type hostileWorld struct {
	shop   *orderShop
	ada    buyer
	order  string
	driver apitest.Driver
}

// newHostileWorld opens the shop. Every domain that has routes is in it: one that gets some is set here.
func newHostileWorld(t testing.TB) *hostileWorld {
	t.Helper()
	shop := newOrderShop(t)
	accounts, err := account.New(account.Config{
		DB: shop.db, Regions: shop.regions, Secret: testSecret, Argon2: account.Argon2{MemoryKiB: 8, Passes: 1, Lanes: 1},
	})
	shop.must(err)
	shop.must(accounts.RotateOnce(t.Context()))
	shelves, err := catalog.New(catalog.Config{DB: shop.db, Regions: shop.regions})
	shop.must(err)
	s := newTestServer(t, func(d *Deps, _ *Config) {
		*d = shop.europe.Deps
		d.Catalog = shelves
		d.Accounts = accounts
		d.Inventory = inventory.New(inventory.Config{DB: shop.db, Regions: shop.regions})
	})
	w := &hostileWorld{shop: shop, ada: shop.as("ada")}
	ordered, _ := w.ada.fill(oneMug)
	placed := wantPlaced(t, w.ada.post("/v1/orders", checkoutBody(ordered.ID, "card_success")))
	open, _ := w.ada.fill(oneMug)
	w.order = placed.Order.ID
	w.driver = apitest.Driver{
		Contract: contract(t),
		Handler:  s.Handler(),
		Values: map[string][]string{
			"order": {placed.Order.ID}, "cart": {open.ID}, "sku": {"MUG"}, "provider": {"sandbox"},
			"account": {shop.regions.FormatID("usr", shop.ada.Ref)},
		},
		Skip: map[string]string{
			"getDocs":     "its examples are the tests' customers",
			"getDocument": "its examples are the tests' customers",
		},
	}
	return w
}

// hostileCaller is a caller with a token, who is told nothing of ada.
func hostileCaller(name, token string) apitest.Caller {
	return apitest.Caller{
		Name:    name,
		Header:  http.Header{"Authorization": {"Bearer " + token}},
		Secrets: []string{"Quay Street", "ada@example.com", "Ada Byrne"},
	}
}

// strangers are everyone who has no business with what is ada's.
func strangers() []apitest.Caller {
	return []apitest.Caller{
		hostileCaller("another shopper", "ben"),
		hostileCaller("another region's shopper", "other"),
		hostileCaller("a seller", "seller"),
		hostileCaller("a forger", "forged"),
	}
}

// TestHostileInput drives every operation as everyone who has no business with what is ada's: no 5xx, nothing of hers
// in any answer, and no change to her order.
func TestHostileInput(t *testing.T) {
	w := newHostileWorld(t)
	before := w.ada.get("/v1/orders/" + w.order).Body.String()
	w.driver.Callers = strangers()
	w.driver.Unchanged = func(t testing.TB) {
		if after := w.ada.get("/v1/orders/" + w.order).Body.String(); after != before {
			t.Errorf("ada's order has changed from\n%s\nto\n%s", before, after)
		}
	}
	w.driver.Run(t)
}

// TestHostileInput_Operators drives every operation as an admin, whom most doors are open to: no 5xx.
func TestHostileInput_Operators(t *testing.T) {
	w := newHostileWorld(t)
	w.driver.Callers = []apitest.Caller{{Name: "an admin", Header: http.Header{"Authorization": {"Bearer admin"}}}}
	w.driver.Run(t)
}

func FuzzOperations(f *testing.F) {
	w := newHostileWorld(f)
	w.driver.Callers = strangers()
	w.driver.Fuzz(f)
}
