package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"meridian/internal/cart"
	"meridian/internal/database"
	"meridian/internal/order"
	"meridian/internal/pricing"
	"meridian/internal/shipping"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/testkit/seed"
)

// withCarts lets a test's server keep carts in the database.
func withCarts(t testing.TB, db *database.DB) func(*Deps, *Config) {
	t.Helper()
	prices := testPrices(t, pricing.Config{DB: db, Lead: -1})
	rates := testkit.Must(shipping.Shipped())(t)
	return func(d *Deps, _ *Config) {
		d.Prices, d.Shipping = prices, rates
		d.Carts = cart.New(cart.Config{DB: db, Regions: d.Regions, Prices: prices, Shipping: rates, OrderedSQL: order.OrderedSQL})
	}
}

// testPrices are prices whose rules are in memory already, as they are in a pod that has begun to work.
func testPrices(t testing.TB, config pricing.Config) *pricing.Pricer {
	t.Helper()
	config.Key = testSecret
	prices := testkit.Must(pricing.New(config))(t)
	testkit.NoError(t, prices.PollOnce(t.Context()))
	return prices
}

// cartShop is a server on a database that sells a mug (12.50 EUR), a book (20.00 EUR, reduced tax) and a lamp that
// has no price in any currency.
type cartShop struct {
	*Server
	handler http.Handler
}

func newCartShop(t *testing.T) *cartShop {
	t.Helper()
	db := databasetest.New(t)
	seed.Products(t, db,
		seed.Product{Slug: "mug", SKUs: []seed.SKU{{Code: "MUG", Prices: map[string]int64{"EUR": 1250}}}},
		seed.Product{Slug: "book", TaxCategory: "reduced", SKUs: []seed.SKU{{Code: "BOOK", Prices: map[string]int64{"EUR": 2000}}}},
		seed.Product{Slug: "lamp", SKUs: []seed.SKU{{Code: "LAMP"}}},
	)
	testkit.NoError(t, db.Write(t.Context(), func(b *database.Batch) error {
		b.Queue(`
INSERT INTO warehouses (code, region, title, country, latitude, longitude)
VALUES ('euw-8', 'eu-west', 'Test', 'IE', 1, 1)`)
		b.Queue(`
INSERT INTO stock (region, sku, warehouse, on_hand)
VALUES ('eu-west', 'MUG', 'euw-8', 50), ('eu-west', 'BOOK', 'euw-8', 3)`)
		return nil
	}))
	s := newTestServer(t, withCarts(t, db))
	return &cartShop{Server: s, handler: validated(t, s.Handler())}
}

// A shopper asks with the same headers every time, and a new idempotency key.
type cartShopper struct {
	shop    *cartShop
	headers []string
}

func (s *cartShop) as(headers ...string) cartShopper { return cartShopper{shop: s, headers: headers} }

func (c cartShopper) ask(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	return ask(c.shop.handler, method, target, body,
		append(append([]string{"Idempotency-Key", uuid.NewString()}, c.headers...), headers...)...)
}

// create makes a cart and returns it with the shopper who may open it.
func (c cartShopper) create(t *testing.T, body string, headers ...string) (cartResponse, cartShopper) {
	t.Helper()
	made := wantCart(t, c.ask("POST", "/v1/carts", body, headers...), http.StatusCreated)
	if made.GuestToken != "" {
		return made, c.shop.as(append(c.headers, guestTokenHeader, made.GuestToken)...)
	}
	return made, c
}

func wantCart(t *testing.T, w *httptest.ResponseRecorder, status int) cartResponse {
	t.Helper()
	var c cartResponse
	if err := json.Unmarshal(w.Body.Bytes(), &c); err != nil || w.Code != status {
		t.Fatalf("answered %d, want %d: %v\n%s", w.Code, status, err, w.Body)
	}
	if got, want := w.Header().Get("ETag"), versionETag(c.Version); got != want {
		t.Errorf("ETag %s, want %s", got, want)
	}
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
	return c
}

func wantQuantities(t *testing.T, c cartResponse, want map[string]int64) {
	t.Helper()
	got := make(map[string]int64)
	for _, line := range c.Lines {
		got[line.SKU] = line.Quantity
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestCart(t *testing.T) {
	shop := newCartShop(t)
	made, guest := shop.as().create(t, `{"country":"IE"}`)
	path := "/v1/carts/" + made.ID
	add := guest.ask("POST", path+"/lines", `{"sku":"MUG","quantity":2}`)
	wantTrips(t, add, 1)
	wantQuantities(t, wantCart(t, add, http.StatusOK), map[string]int64{"MUG": 2})
	set := guest.ask("PUT", path+"/lines/BOOK", `{"quantity":4}`)
	wantTrips(t, set, 1)
	wantCart(t, set, http.StatusOK)
	wantCart(t, guest.ask("POST", path+"/lines", `{"sku":"LAMP","quantity":1}`), http.StatusOK)

	read := guest.ask("GET", path, "")
	wantTrips(t, read, 1)
	got := wantCart(t, read, http.StatusOK)
	want := cartResponse{
		ID: made.ID, Status: "open", Version: 4, Currency: "EUR", Country: "IE", Market: "eu",
		Lines: []cartLineResponse{
			{SKU: "MUG", Title: "Mug", Slug: "mug", Quantity: 2, UnitPriceMinor: ptr[int64](1250), SubtotalMinor: ptr[int64](2500), Buyable: true,
				Availability: "in_stock"},
			{SKU: "BOOK", Title: "Book", Slug: "book", Quantity: 4, UnitPriceMinor: ptr[int64](2000), SubtotalMinor: ptr[int64](8000),
				Buyable: true, Availability: "low"},
			{SKU: "LAMP", Title: "Lamp", Slug: "lamp", Quantity: 1, Availability: "out"},
		},
		Estimate: cartEstimateResponse{SubtotalMinor: 10500, TaxMinor: 467 + 661, TotalMinor: 10500, PricesIncludeTax: true,
			Delivery: &cartDeliveryResponse{Service: "standard", MinDays: 2, MaxDays: 6}},
	}
	ignored := cmpopts.IgnoreFields(cartResponse{}, "CreatedAt", "UpdatedAt", "ExpiresAt")
	if diff := cmp.Diff(want, got, ignored, cmpopts.IgnoreFields(cartLineResponse{}, "ProductID", "Options")); diff != "" {
		t.Errorf("cart (-want +got):\n%s", diff)
	}

	changed := guest.ask("PATCH", path, `{"country":"US","changes":[{"op":"add","sku":"MUG","quantity":1},{"op":"remove","sku":"LAMP"},{"op":"set","sku":"BOOK","quantity":1}]}`)
	wantTrips(t, changed, 1)
	after := wantCart(t, changed, http.StatusOK)
	wantQuantities(t, after, map[string]int64{"MUG": 3, "BOOK": 1})
	if after.Country != "US" || after.Estimate.PricesIncludeTax {
		t.Errorf("after moving to the US: %s, prices include tax %t", after.Country, after.Estimate.PricesIncludeTax)
	}
	removed := guest.ask("DELETE", path+"/lines/BOOK", "")
	wantTrips(t, removed, 1)
	wantQuantities(t, wantCart(t, removed, http.StatusOK), map[string]int64{"MUG": 3})
}

func ptr[T any](value T) *T { return &value }

func TestCreateCart(t *testing.T) {
	shop := newCartShop(t)
	t.Run("a guest's, from the edge's country", func(t *testing.T) {
		made, _ := shop.as(countryHeader, "CH").create(t, `{}`)
		if made.Country != "CH" || made.Currency != "CHF" || made.GuestToken == "" || !strings.HasPrefix(made.ID, "crt_euw_") {
			t.Errorf("made %+v", made)
		}
	})
	t.Run("a country nobody knows", func(t *testing.T) {
		made, _ := shop.as(countryHeader, "T1").create(t, `{}`)
		if made.Country != "IE" {
			t.Errorf("made in %s, want the country of the region's first warehouse", made.Country)
		}
	})
	t.Run("with lines", func(t *testing.T) {
		w := shop.as().ask("POST", "/v1/carts", `{"country":"IE","lines":[{"sku":"MUG","quantity":2}]}`)
		wantTrips(t, w, 2)
		made := wantCart(t, w, http.StatusCreated)
		wantQuantities(t, made, map[string]int64{"MUG": 2})
		if w.Header().Get("Location") != "/v1/carts/"+made.ID {
			t.Errorf("Location %q", w.Header().Get("Location"))
		}
	})
	t.Run("repeated", func(t *testing.T) {
		key := []string{"Idempotency-Key", uuid.NewString()}
		body := `{"country":"IE","lines":[{"sku":"MUG","quantity":2}]}`
		first := wantCart(t, ask(shop.handler, "POST", "/v1/carts", body, key...), http.StatusCreated)
		again := wantCart(t, ask(shop.handler, "POST", "/v1/carts", body, key...), http.StatusCreated)
		if diff := cmp.Diff(first, again); diff != "" {
			t.Errorf("first (-) and repeated (+) answer differ:\n%s", diff)
		}
		wantProblem(t, ask(shop.handler, "POST", "/v1/carts", `{"country":"FR"}`, key...), 422, "idempotency_key_reused")
	})
	t.Run("a guest's key that others may guess", func(t *testing.T) {
		wantProblem(t, ask(shop.handler, "POST", "/v1/carts", `{}`, "Idempotency-Key", "1"), 400, "idempotency_key_invalid")
	})
	t.Run("a customer's", func(t *testing.T) {
		customer := shop.as("Authorization", "Bearer other")
		made, _ := customer.create(t, `{"country":"US"}`)
		if made.GuestToken != "" || !strings.HasPrefix(made.ID, "crt_use_") {
			t.Errorf("made %+v, want a cart at home and no token", made)
		}
		again, _ := customer.create(t, `{"country":"IE","lines":[{"sku":"MUG","quantity":1}]}`)
		if again.ID != made.ID || again.Currency != "USD" {
			t.Errorf("made %+v, want the open cart as it was", again)
		}
		open := wantCart(t, customer.ask("GET", "/v1/account/cart", ""), http.StatusOK)
		if diff := cmp.Diff(again, open); diff != "" {
			t.Errorf("the open cart (-want +got):\n%s", diff)
		}
	})
}

func TestCart_Refused(t *testing.T) {
	shop := newCartShop(t)
	made, guest := shop.as().create(t, `{"country":"IE","lines":[{"sku":"MUG","quantity":9999}]}`)
	path := "/v1/carts/" + made.ID
	tests := []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		code, field              string
		extra                    map[string]any
	}{
		{name: "an unknown SKU", method: "POST", path: path + "/lines", body: `{"sku":"X","quantity":1}`, status: 422, code: "sku_not_sold",
			extra: map[string]any{"skus": []any{"X"}}},
		{name: "too many units", method: "POST", path: path + "/lines", body: `{"sku":"MUG","quantity":2}`, status: 422, code: "too_many_units",
			extra: map[string]any{"sku": "MUG", "max_quantity": 10000.0}},
		{name: "no units", method: "POST", path: path + "/lines", body: `{"sku":"MUG","quantity":0}`, status: 400, code: "bad_request",
			field: "quantity"},
		{name: "no SKU", method: "POST", path: path + "/lines", body: `{"quantity":1}`, status: 400, code: "bad_request", field: "sku"},
		{name: "negative units", method: "PUT", path: path + "/lines/MUG", body: `{"quantity":-1}`, status: 400, code: "bad_request",
			field: "quantity"},
		{name: "a huge SKU", method: "DELETE", path: path + "/lines/" + strings.Repeat("x", 65), status: 400, code: "bad_request", field: "sku"},
		{name: "a field of several", method: "PATCH", path: path, body: `{"changes":[{"op":"remove","sku":"A"},{"op":"double","sku":"MUG"}]}`,
			status: 400, code: "bad_request", field: "changes[1].op"},
		{name: "nothing", method: "PATCH", path: path, body: `{}`, status: 400, code: "bad_request", field: "changes"},
		{name: "an unknown currency", method: "PATCH", path: path, body: `{"currency":"XXX"}`, status: 400, code: "bad_request",
			field: "currency"},
		{name: "an unknown country", method: "POST", path: "/v1/carts", body: `{"country":"QQ"}`, status: 400, code: "bad_request",
			field: "country"},
		{name: "a bad first line", method: "POST", path: "/v1/carts", body: `{"lines":[{"sku":"MUG","quantity":-5}]}`, status: 400,
			code: "bad_request", field: "lines[0].quantity"},
		{name: "two versions", method: "PATCH", path: path, body: `{"version":2,"country":"FR"}`, headers: []string{"If-Match", `"v1"`},
			status: 400, code: "bad_request", field: "version"},
		{name: "a tag that is none of ours", method: "PUT", path: path + "/lines/MUG", body: `{"quantity":1}`,
			headers: []string{"If-Match", `"x"`}, status: 412, code: "precondition_failed"},
		{name: "no such id", method: "GET", path: "/v1/carts/crt_euw_x", status: 404, code: "not_found"},
		{name: "an unknown strategy", method: "POST", path: "/v1/account/cart:merge",
			body: `{"cart_id":"` + made.ID + `","strategy":"newest"}`, headers: []string{"Authorization",
				"Bearer shopper"}, status: 400, code: "bad_request", field: "strategy"},
		{name: "a merge of nothing", method: "POST", path: "/v1/account/cart:merge", body: `{"cart_id":""}`,
			headers: []string{"Authorization", "Bearer shopper"}, status: 400, code: "bad_request", field: "cart_id"},
		{name: "a merge as a guest", method: "POST", path: "/v1/account/cart:merge", body: `{"cart_id":"` + made.ID + `"}`, status: 401,
			code: "unauthenticated"},
		{name: "a guest's open cart", method: "GET", path: "/v1/account/cart", status: 401, code: "unauthenticated"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := guest.ask(test.method, test.path, test.body, test.headers...)
			p := wantProblem(t, w, test.status, test.code)
			if test.field != "" && (len(p.Errors) != 1 || p.Errors[0].Field != test.field) {
				t.Errorf("fields %v, want %s", p.Errors, test.field)
			}
			var all map[string]any
			testkit.NoError(t, json.Unmarshal(w.Body.Bytes(), &all))
			maps.DeleteFunc(all, func(name string, _ any) bool { _, wanted := test.extra[name]; return !wanted })
			if diff := cmp.Diff(test.extra, all, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("further members (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("no key", func(t *testing.T) {
		w := ask(shop.handler, "POST", path+"/lines", `{"sku":"MUG","quantity":1}`, guestTokenHeader, made.GuestToken)
		wantProblem(t, w, 400, "idempotency_key_required")
	})
	left := wantCart(t, guest.ask("GET", path, ""), http.StatusOK)
	wantQuantities(t, left, map[string]int64{"MUG": 9999})
	if left.Version != made.Version {
		t.Errorf("refused calls took the cart from version %d to %d", made.Version, left.Version)
	}
}

// TestCart_OfOthers: a cart is not there for who may not open it, whatever they do.
func TestCart_OfOthers(t *testing.T) {
	shop := newCartShop(t)
	guests, guest := shop.as().create(t, `{"country":"IE","lines":[{"sku":"MUG","quantity":1}]}`)
	customers, customer := shop.as("Authorization", "Bearer shopper").create(t, `{"country":"IE","lines":[{"sku":"BOOK","quantity":1}]}`)
	others, otherGuest := shop.as().create(t, `{"country":"IE"}`)
	who := map[string]cartShopper{
		"nobody":        shop.as(),
		"other guest":   otherGuest,
		"other shopper": shop.as("Authorization", "Bearer other"),
		"admin":         shop.as("Authorization", "Bearer admin"),
		"forged token":  shop.as(guestTokenHeader, strings.Repeat("A", 43)),
		"cut token":     shop.as(guestTokenHeader, guests.GuestToken[:10]),
	}
	calls := []struct{ method, path, body string }{
		{"GET", "", ""},
		{"PATCH", "", `{"country":"FR"}`},
		{"POST", "/lines", `{"sku":"MUG","quantity":1}`},
		{"PUT", "/lines/MUG", `{"quantity":5}`},
		{"DELETE", "/lines/MUG", ""},
	}
	for name, stranger := range who {
		t.Run(name, func(t *testing.T) {
			for _, id := range []string{guests.ID, customers.ID} {
				for _, call := range calls {
					wantProblem(t, stranger.ask(call.method, "/v1/carts/"+id+call.path, call.body), 404, "not_found")
				}
			}
		})
	}
	t.Run("merge without the token", func(t *testing.T) {
		for _, token := range []string{"", others.GuestToken} {
			w := shop.as("Authorization", "Bearer other", guestTokenHeader, token).
				ask("POST", "/v1/account/cart:merge", `{"cart_id":"`+guests.ID+`"}`)
			wantProblem(t, w, 404, "not_found")
		}
	})
	wantQuantities(t, wantCart(t, guest.ask("GET", "/v1/carts/"+guests.ID, ""), 200), map[string]int64{"MUG": 1})
	wantQuantities(t, wantCart(t, customer.ask("GET", "/v1/carts/"+customers.ID, ""), 200), map[string]int64{"BOOK": 1})
}

func TestCart_Conflict(t *testing.T) {
	shop := newCartShop(t)
	made, guest := shop.as().create(t, `{"country":"IE"}`)
	path := "/v1/carts/" + made.ID
	etag := versionETag(made.Version)
	wantCart(t, guest.ask("PUT", path+"/lines/MUG", `{"quantity":3}`, "If-Match", etag), http.StatusOK)
	for _, w := range []*httptest.ResponseRecorder{
		guest.ask("PUT", path+"/lines/MUG", `{"quantity":4}`, "If-Match", etag),
		guest.ask("PATCH", path, `{"version":1,"country":"FR"}`),
	} {
		wantProblem(t, w, http.StatusPreconditionFailed, "cart_changed")
		var conflict struct{ Cart cartResponse }
		testkit.NoError(t, json.Unmarshal(w.Body.Bytes(), &conflict))
		if conflict.Cart.Version != made.Version+1 {
			t.Errorf("the current cart is %+v", conflict.Cart)
		}
		wantQuantities(t, conflict.Cart, map[string]int64{"MUG": 3})
	}
}

func TestCart_Repeated(t *testing.T) {
	shop := newCartShop(t)
	made, guest := shop.as().create(t, `{"country":"IE"}`)
	path := "/v1/carts/" + made.ID
	once := []string{"Idempotency-Key", "once", guestTokenHeader, made.GuestToken}
	var answers sync.WaitGroup
	for range 8 {
		answers.Go(func() {
			// Not held to the document: who loses a race makes more round trips than it says.
			if w := ask(shop.Handler(), "POST", path+"/lines", `{"sku":"MUG","quantity":2}`, once...); w.Code != http.StatusOK {
				t.Errorf("answered %d: %s", w.Code, w.Body)
			}
		})
	}
	answers.Wait()
	wantQuantities(t, wantCart(t, guest.ask("GET", path, ""), 200), map[string]int64{"MUG": 2})
	wantProblem(t, ask(shop.handler, "POST", path+"/lines", `{"sku":"MUG","quantity":3}`, once...), 422, "idempotency_key_reused")
}

func TestMergeCart(t *testing.T) {
	shop := newCartShop(t)
	guests, _ := shop.as().create(t, `{"country":"IE","lines":[{"sku":"MUG","quantity":2},{"sku":"BOOK","quantity":1}]}`)
	customer := shop.as("Authorization", "Bearer other", guestTokenHeader, guests.GuestToken)
	customers, _ := customer.create(t, `{"country":"IE","lines":[{"sku":"MUG","quantity":3}]}`)
	body := `{"cart_id":"` + guests.ID + `","strategy":"max"}`
	for range 2 {
		w := customer.ask("POST", "/v1/account/cart:merge", body)
		wantTrips(t, w, 1)
		merged := wantCart(t, w, http.StatusOK)
		if merged.ID != customers.ID || merged.Version != customers.Version+1 {
			t.Errorf("merged into %s at version %d", merged.ID, merged.Version)
		}
		wantQuantities(t, merged, map[string]int64{"MUG": 3, "BOOK": 1})
	}
	left := wantCart(t, customer.ask("GET", "/v1/carts/"+guests.ID, ""), http.StatusOK)
	if left.Status != "merged" {
		t.Errorf("the guest's cart is %s", left.Status)
	}
	wantProblem(t, customer.ask("PUT", "/v1/carts/"+guests.ID+"/lines/MUG", `{"quantity":1}`), http.StatusConflict, "cart_closed")
}
