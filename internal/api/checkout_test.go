package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"meridian/internal/account"
	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/order"
	"meridian/internal/payment"
	"meridian/internal/testkit"
	"meridian/regions"
)

// TestPlaceOrder goes the whole way of a guest: a listing, a cart, its order, its payment, told by webhook.
func TestPlaceOrder(t *testing.T) {
	s := newOrderShop(t)
	browse := s.guest("").get("/v1/products?category=hg")
	var found struct{ Products []productResponse }
	testkit.NoError(s.t, json.Unmarshal(browse.Body.Bytes(), &found))
	var lines []string
	for _, p := range found.Products {
		if quantity := map[string]int{"MUG": 2, "BOOK": 1}[p.SKUs[0].SKU]; quantity > 0 {
			lines = append(lines, fmt.Sprintf(`{"sku":%q,"quantity":%d}`, p.SKUs[0].SKU, quantity))
		}
	}
	filled, guest := s.guest("").fill(strings.Join(lines, ","))
	if len(filled.Lines) != 2 {
		t.Fatalf("found %s, and put %+v into the cart", browse.Body, filled.Lines)
	}
	w := guest.post("/v1/orders", checkoutBody(filled.ID, "card_success",
		fmt.Sprintf(`,"cart_version":%d,"expected_total_minor":%d`, filled.Version, filled.Estimate.TotalMinor)))
	placed := wantPlaced(t, w)
	wantTrips(t, w, 2)
	wantStatus(t, placed.Order, order.PendingPayment)
	if !strings.HasPrefix(placed.Order.ID, "ord_euw_") || placed.Order.TotalMinor != filled.Estimate.TotalMinor ||
		placed.Order.Email != "shopper@example.com" || placed.Order.ShipTo.City != "Galway" || placed.Order.Account != "" {
		t.Errorf("placed %+v", placed.Order)
	}
	if placed.Payment.Status != payment.Pending || placed.Payment.ClientSecret != "" || placed.GuestToken == "" {
		t.Errorf("answered %+v, guest token %q", placed.Payment, placed.GuestToken)
	}
	s.wantStock("MUG", "euw-1", 10, 2, 0)
	s.wantStock("BOOK", "euw-1", 3, 1, 0)
	s.settle()
	read := s.guest(placed.GuestToken).get("/v1/orders/" + placed.Order.ID)
	wantTrips(t, read, 1)
	paid := wantOrder(t, read)
	wantStatus(t, paid, order.Paid)
	if paid.Payment.CapturedMinor != paid.TotalMinor {
		t.Errorf("%d was captured of %d", paid.Payment.CapturedMinor, paid.TotalMinor)
	}
	s.wantStock("MUG", "euw-1", 10, 0, 2)
	s.audit()
}

func TestPlaceOrder_Customer(t *testing.T) {
	s := newOrderShop(t)
	filled, ada := s.as("ada").fill(oneMug)
	body := `{"cart_id":"` + filled.ID + `","ship_to":` + shipToGalway + `,"payment":{"provider":"sandbox","method":"card_success","return_url":"https://shop.example/back"}}`
	w := ada.post("/v1/orders", body)
	placed := wantPlaced(t, w)
	wantTrips(t, w, 2)
	if placed.Order.Email != "ada@example.com" || placed.Order.Account != s.regions.FormatID("usr", s.ada.Ref) || placed.GuestToken != "" {
		t.Errorf("placed %+v, guest token %q", placed.Order, placed.GuestToken)
	}
	s.audit()
}

func TestPlaceOrder_SavedAddress(t *testing.T) {
	s := newOrderShop(t)
	accounts := testkit.Must(account.New(account.Config{DB: s.db, Regions: s.regions, Secret: testSecret}))(s.t)
	saved := testkit.Must(accounts.AddAddress(t.Context(), account.AddAddressInput{Account: s.ada.Ref, Address: account.AddressFields{
		Name: "Ada", Line1: "2 Shop Street", City: "Galway", Country: "IE",
	}}))(s.t)
	checkout := func(cartID, address string) string {
		return fmt.Sprintf(`{"cart_id":%q,"address_id":%q,"payment":{"method":"card_success"}}`, cartID, address)
	}
	adas, ada := s.as("ada").fill(oneMug)
	bens, ben := s.as("ben").fill(oneMug)
	address := s.regions.FormatID("adr", saved.Ref)
	wantProblem(t, ben.post("/v1/orders", checkout(bens.ID, address)), http.StatusUnprocessableEntity, "address_unknown")
	w := ada.post("/v1/orders", checkout(adas.ID, address))
	wantTrips(t, w, 2)
	if got := wantPlaced(t, w).Order.ShipTo; got.Line1 != "2 Shop Street" {
		t.Errorf("it goes to %+v", got)
	}
}

// TestPlaceOrder_FarCountry ships across the sea: the order is at home where it goes, and bears the tax of its state,
// however that is spelled.
func TestPlaceOrder_FarCountry(t *testing.T) {
	s := newOrderShop(t)
	for _, state := range []string{"CA", "ca"} {
		filled, guest := s.guest("").fill(oneMug)
		body := strings.Replace(checkoutBody(filled.ID, "card_success"), shipToGalway,
			`{"name":"Grace","line1":"1 Main Street","city":"Oakland","state":"`+state+`","country":"US"}`, 1)
		w := guest.post("/v1/orders", body)
		wantTrips(t, w, 2)
		o := wantPlaced(t, w).Order
		home, _ := s.regions.HomeOf("US")
		if !strings.HasPrefix(o.ID, "ord_"+home.Code+"_") || o.PricesIncludeTax || o.TaxMinor == 0 ||
			o.TotalMinor != o.SubtotalMinor+o.ShippingMinor+o.TaxMinor {
			t.Errorf("placed %+v", o)
		}
	}
	s.settle()
	s.wantStock("MUG", "euw-1", 10, 0, 2)
	s.audit()
}

// TestPlaceOrder_RoundTrips is what a checkout costs, apart from its payment.
func TestPlaceOrder_RoundTrips(t *testing.T) {
	s := newOrderShop(t)
	filled, _ := s.guest("").fill(oneMug)
	ref := testkit.Must(s.regions.ParseID(regions.CartPrefix, filled.ID))(s.t)
	ctx, trips := database.CountTrips(t.Context())
	testkit.Must(s.orders.Place(ctx, order.PlaceInput{
		Cart: ref, Email: "a@example.com", ShipTo: order.Address{Country: "IE"}, Provider: "sandbox", Method: "card_success",
		Idempotency: idempotency.Key{Region: ref.Region, Scope: filled.ID, Key: "once", Fingerprint: []byte("f")},
	}))(s.t)
	if trips.Count() != 2 {
		t.Errorf("%d round trips, want 2", trips.Count())
	}
}

// TestPlaceOrder_Repeated repeats checkouts: with the same key, from another region, with another body, as somebody
// else, and with another key.
func TestPlaceOrder_Repeated(t *testing.T) {
	for _, card := range []string{"card_success", "card_success_now", "card_declined_now"} {
		t.Run(card, func(t *testing.T) {
			s := newOrderShop(t)
			filled, guest := s.guest("").fill(oneMug)
			body := checkoutBody(filled.ID, card)
			first := guest.post("/v1/orders", body, "Idempotency-Key", "k1")
			placed := wantPlaced(t, first)
			if got := first.Header().Get("Idempotency-Replayed"); got != "" {
				t.Errorf("the first answer says that it was replayed: %q", got)
			}
			for region, api := range s.api {
				w := ask(api, "POST", "/v1/orders", body, append(guest.headers, "Idempotency-Key", "k1")...)
				again := wantPlaced(t, w)
				if w.Header().Get("Idempotency-Replayed") != "true" {
					t.Errorf("%s does not say that it replays", region)
				}
				wantTrips(t, w, 2)
				if diff := cmp.Diff(placed, again, wholeOrders); diff != "" {
					t.Errorf("%s answers another order (-first +again):\n%s", region, diff)
				}
			}
			other := checkoutBody(filled.ID, card, `,"expected_total_minor":1`)
			wantProblem(t, guest.post("/v1/orders", other, "Idempotency-Key", "k1"), http.StatusUnprocessableEntity, "idempotency_key_reused")
			wantProblem(t, guest.post("/v1/orders", body, "Idempotency-Key", "k2"), http.StatusConflict, "cart_closed")
			wantProblem(t, s.as("ada").post("/v1/orders", body, "Idempotency-Key", "k1"), http.StatusUnprocessableEntity, "idempotency_key_reused")
			wantProblem(t, s.guest("").post("/v1/orders", body, "Idempotency-Key", "k1"), http.StatusNotFound, "not_found")
			s.audit()
		})
	}
}

// TestPlaceOrder_Refused holds refusals to their codes, and to changing nothing.
func TestPlaceOrder_Refused(t *testing.T) {
	s := newOrderShop(t)
	refuse := func(t *testing.T, lines, members string, status int, code string) map[string]any {
		t.Helper()
		filled, guest := s.guest("").fill(lines)
		w := guest.post("/v1/orders", checkoutBody(filled.ID, "card_success", members))
		wantProblem(t, w, status, code)
		var answer map[string]any
		testkit.NoError(s.t, json.Unmarshal(w.Body.Bytes(), &answer))
		return answer
	}
	t.Run("sold out", func(t *testing.T) {
		answer := refuse(t, `{"sku":"MUG","quantity":11},{"sku":"BOOK","quantity":5}`, "", http.StatusConflict, "sold_out")
		want := []any{map[string]any{"sku": "MUG", "wanted": 11.0, "left": 10.0}}
		if diff := cmp.Diff(want, answer["shortages"]); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("the cart has changed", func(t *testing.T) {
		answer := refuse(t, oneMug, `,"cart_version":7`, http.StatusConflict, "cart_conflict")
		current, _ := answer["cart"].(map[string]any)
		if answer["cart_version"] == nil || answer["cart_version"] != current["version"] {
			t.Errorf("answered %v", answer)
		}
	})
	t.Run("the total has changed", func(t *testing.T) {
		answer := refuse(t, oneMug, `,"expected_total_minor":1`, http.StatusConflict, "total_changed")
		if answer["expected_total_minor"] != 1.0 || answer["actual_total_minor"].(float64) < 1250 || answer["currency"] != "EUR" {
			t.Errorf("answered %v", answer)
		}
	})
	t.Run("no price", func(t *testing.T) {
		answer := refuse(t, oneMug+`,{"sku":"POSTER","quantity":1}`, "", http.StatusUnprocessableEntity, "not_for_sale")
		if diff := cmp.Diff([]any{"POSTER"}, answer["skus"]); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("empty", func(t *testing.T) {
		refuse(t, "", "", http.StatusUnprocessableEntity, "cart_empty")
	})
	filled, guest := s.guest("").fill(oneMug)
	body := checkoutBody(filled.ID, "card_success")
	t.Run("unknown provider", func(t *testing.T) {
		other := strings.Replace(body, `"payment":{`, `"payment":{"provider":"abacus",`, 1)
		wantProblem(t, guest.post("/v1/orders", other), http.StatusUnprocessableEntity, "payment_provider_unknown")
	})
	t.Run("no key", func(t *testing.T) {
		w := ask(s.api["eu-west"], "POST", "/v1/orders", body, guest.headers...)
		wantProblem(t, w, http.StatusBadRequest, "idempotency_key_required")
	})
	t.Run("another's cart", func(t *testing.T) {
		another, stranger := s.guest("").fill(oneMug)
		adas, _ := s.as("ada").fill(oneMug)
		for name, w := range map[string]*httptest.ResponseRecorder{
			"without a token":          s.guest("").post("/v1/orders", body),
			"with another cart's":      stranger.post("/v1/orders", body),
			"a guest's, by a customer": s.as("ada").post("/v1/orders", body),
			"another customer's":       s.as("ben").post("/v1/orders", checkoutBody(adas.ID, "card_success")),
			"a customer's, by a guest": stranger.post("/v1/orders", checkoutBody(adas.ID, "card_success")),
			"one that is not there":    s.as("ada").post("/v1/orders", checkoutBody(missingCart(s), "card_success")),
		} {
			t.Run(name, func(t *testing.T) { wantProblem(t, w, http.StatusNotFound, "not_found") })
		}
		wantProblem(t, s.as("forged").post("/v1/orders", checkoutBody(another.ID, "card_success")), http.StatusUnauthorized, "invalid_token")
	})
	t.Run("an account that is gone", func(t *testing.T) {
		filled, ben := s.as("ben").fill(oneMug)
		testkit.NoError(s.t, s.db.Write(t.Context(), func(b *database.Batch) error {
			b.Queue(`UPDATE accounts SET email = '', status = 'closed' WHERE region = $1 AND id = $2`, s.ben.Ref.Region, s.ben.Ref.ID)
			return nil
		}))
		without := strings.Replace(checkoutBody(filled.ID, "card_success"), `"email":"Shopper@Example.com",`, "", 1)
		wantProblem(t, ben.post("/v1/orders", without), http.StatusUnprocessableEntity, "account_closed")
	})
	s.wantStock("MUG", "euw-1", 10, 0, 0)
	s.wantStock("BOOK", "euw-1", 3, 0, 0)
	s.audit()
}

// missingCart is the id of a cart that nobody made.
func missingCart(s *orderShop) string {
	ref := s.ada.Ref
	ref.ID = uuid.New()
	return s.regions.FormatID(regions.CartPrefix, ref)
}

// TestPlaceOrder_Invalid names every wrong field at once.
func TestPlaceOrder_Invalid(t *testing.T) {
	s := newOrderShop(t)
	filled, guest := s.guest("").fill(oneMug)
	for _, test := range []struct {
		name, body string
		fields     []string
	}{
		{"nothing", `{}`, []string{"cart_id"}},
		{"another id", `{"cart_id":"ord_euw_aaaaaaaaaaaaaaaaaaaaaaaaaa"}`, []string{"cart_id"}},
		{"only the cart", `{"cart_id":"$"}`, []string{"email", "payment.method", "ship_to"}},
		{"empty address", `{"cart_id":"$","email":"a@example.com","ship_to":{},"payment":{"method":"card_success"}}`,
			[]string{"ship_to.name", "ship_to.line1", "ship_to.city", "ship_to.country"}},
		{"both addresses", `{"cart_id":"$","email":"a@example.com","ship_to":{},"address_id":"adr_euw_aaaaaaaaaaaaaaaaaaaaaaaaaa","payment":{"method":"card_success"}}`,
			[]string{"ship_to"}},
		{"a guest's saved address", `{"cart_id":"$","email":"a@example.com","address_id":"adr_euw_aaaaaaaaaaaaaaaaaaaaaaaaaa","payment":{"method":"card_success"}}`,
			[]string{"address_id"}},
		{"a method that is none of the provider's", checkoutBody("$", "card_no_such_card"), []string{"payment.method"}},
		{"a card number", checkoutBody("$", "4242424242424242"), []string{"payment.method"}},
		{"all of it", `{"cart_id":"$","cart_version":-1,"expected_total_minor":-1,"email":"a@b@c","ship_to":{"name":"` + strings.Repeat("é", 201) +
			`","line1":"a\nb","city":" ","country":"ie","phone":"call me","postcode":"123456789012345678901"},` +
			`"payment":{"method":"` + strings.Repeat("m", 201) + `","return_url":"javascript:alert(1)"}}`,
			[]string{"email", "payment.method", "cart_version", "expected_total_minor", "payment.return_url",
				"ship_to.name", "ship_to.line1", "ship_to.city", "ship_to.postcode", "ship_to.phone", "ship_to.country"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := guest.post("/v1/orders", strings.ReplaceAll(test.body, "$", filled.ID))
			var fields []string
			for _, wrong := range wantProblem(t, w, http.StatusBadRequest, "bad_request").Errors {
				fields = append(fields, wrong.Field)
			}
			if diff := cmp.Diff(test.fields, fields); diff != "" {
				t.Errorf("wrong fields (-want +got):\n%s", diff)
			}
			wantTrips(t, w, 0)
		})
	}
}

// TestPlaceOrder_NoProvider is a pod that was given none: nothing is wrong with the request.
func TestPlaceOrder_NoProvider(t *testing.T) {
	s := newOrderShop(t, func(c *order.Config) { c.Providers = nil })
	filled, guest := s.guest("").fill(oneMug)
	w := guest.post("/v1/orders", checkoutBody(filled.ID, "card_success"))
	wantProblem(t, w, http.StatusServiceUnavailable, "payments_unavailable")
	if w.Header().Get("Retry-After") == "" {
		t.Error("nothing says when to come back")
	}
	wantTrips(t, w, 0)
}

// TestPlaceOrder_Concurrently lets buyers of both regions race for the last books: every one is sold once.
func TestPlaceOrder_Concurrently(t *testing.T) {
	s := newOrderShop(t)
	const buyers, books = 12, 5 // in two warehouses, so some orders are sent from the other one
	type asked struct {
		body    string
		headers []string
	}
	var all []asked
	for i := range buyers {
		filled, guest := s.guest("").fill(`{"sku":"BOOK","quantity":1}`)
		all = append(all, asked{checkoutBody(filled.ID, "card_success"), append(guest.headers, "Idempotency-Key", fmt.Sprint(i))})
	}
	answers := make([]*httptest.ResponseRecorder, buyers)
	var racing sync.WaitGroup
	for i, buyer := range all {
		api := s.api[[]string{"eu-west", "us-east"}[i%2]]
		racing.Go(func() { answers[i] = ask(api, "POST", "/v1/orders", buyer.body, buyer.headers...) })
	}
	racing.Wait()
	sold := 0
	for _, w := range answers {
		if w.Code == http.StatusCreated {
			sold++
			continue
		}
		wantProblem(t, w, http.StatusConflict, "sold_out")
	}
	if sold != books {
		t.Errorf("%d books were sold, want %d", sold, books)
	}
	s.settle()
	s.wantStock("BOOK", "euw-1", 3, 0, 3)
	s.wantStock("BOOK", "use-1", 2, 0, 2)
	s.audit()
}

// TestPlaceOrder_SameCartConcurrently orders one cart from two regions at once, with different keys: it is ordered once.
func TestPlaceOrder_SameCartConcurrently(t *testing.T) {
	s := newOrderShop(t)
	filled, guest := s.guest("").fill(oneMug)
	var codes [2]int
	var racing sync.WaitGroup
	for i, region := range []string{"eu-west", "us-east"} {
		racing.Go(func() {
			codes[i] = ask(s.api[region], "POST", "/v1/orders", checkoutBody(filled.ID, "card_success"),
				append([]string{"Idempotency-Key", region}, guest.headers...)...).Code
		})
	}
	racing.Wait()
	if codes != [2]int{http.StatusCreated, http.StatusConflict} && codes != [2]int{http.StatusConflict, http.StatusCreated} {
		t.Errorf("answered %v, want one order", codes)
	}
	s.wantStock("MUG", "euw-1", 10, 1, 0)
	s.audit()
}

// TestPlaceOrder_WrittenThoughUnpaid answers the order also when its payment cannot even be asked for.
func TestPlaceOrder_WrittenThoughUnpaid(t *testing.T) {
	s := newOrderShop(t)
	testkit.NoError(s.t, s.sandbox.Close()) // it answers 503 from now on
	placed, guest := s.place("card_success", oneMug)
	wantStatus(t, placed.Order, order.PendingPayment)
	wantStatus(t, guest.order(placed.Order.ID), order.PendingPayment)
}

func TestAskForMoney_ProviderGone(t *testing.T) {
	s := newOrderShop(t)
	placed, _ := s.place("card_never", oneMug)
	ref := testkit.Must(s.regions.ParseID("ord", placed.Order.ID))(s.t)
	found := testkit.Must(s.orders.Get(t.Context(), ref))(s.t)
	found.Payment.Provider = "abacus"
	if _, err := s.orders.StartPayment(t.Context(), found, ""); !errors.Is(err, order.ErrUnknownProvider) {
		t.Fatalf("got %v", err)
	}
	after, secret := s.europe.startPayment(t.Context(), found, "")
	if after.Status != order.PendingPayment || secret != "" {
		t.Errorf("got %s %q", after.Status, secret)
	}
}
