package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/account"
	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/order"
	"meridian/internal/payment"
	"meridian/internal/payment/sandbox"
	"meridian/internal/recommend"
	"meridian/internal/testkit"
	"meridian/internal/testkit/shoptest"
	"meridian/regions"
)

// Secrets that the tests' shop and the tests' payment company share.
const (
	sandboxKey    = "a key of the tests' sandbox"
	sandboxSecret = "a secret of the tests' sandbox"
)

// orderShop is a shop of two regions over one database, whose money is taken by a sandbox of its own, over HTTP. It
// sells mugs (12.50 EUR, 15.00 USD, 10 in Dublin), books (20.00 EUR, 3 in Dublin and 2 in Ashburn) and posters (no
// price in EUR). Its clock stands still unless a test moves it on.
type orderShop struct {
	t       testing.TB
	kit     *shoptest.Shop
	db      *database.DB
	regions *regions.Set
	europe  *Server
	api     map[string]http.Handler
	orders  *order.Orders
	shelves *catalog.Catalog
	sandbox *sandbox.Server
	// sandboxURL is where the sandbox is, webhookURL where it sends its notices.
	sandboxURL, webhookURL string
	clock                  *testkit.Clock
	// ada and ben are customers of eu-west, their tokens "ada" and "ben".
	ada, ben account.Account
}

func newOrderShop(t testing.TB, set ...func(*order.Config)) *orderShop {
	t.Helper()
	kit := shoptest.New(t, shoptest.Config{Order: func(c *order.Config) {
		for _, f := range set {
			f(c)
		}
	}})
	s := &orderShop{
		t: t, kit: kit, db: kit.DB, regions: kit.Regions, shelves: kit.Catalog, clock: kit.Clock, api: make(map[string]http.Handler),
	}
	s.stockShelves()
	s.clock.Set(testkit.Today()) // when the prices are in force
	s.registerCustomers()
	s.openSandbox()
	for _, region := range []string{"eu-west", "us-east"} {
		s.openRegion(kit.In(t, region))
	}
	webhooks := httptest.NewServer(s.api["us-east"])
	t.Cleanup(webhooks.Close)
	s.webhookURL = webhooks.URL + "/v1/webhooks/sandbox"
	return s
}

// stockShelves fills the catalogue and the warehouses.
func (s *orderShop) stockShelves() {
	ctx := s.t.Context()
	shelves := s.shelves
	testkit.Must(shelves.UpsertCategories(ctx, []catalog.CategoryInput{{ID: "hg", Name: "Home"}}))(s.t)
	seller := testkit.Must(shelves.CreateSeller(ctx, catalog.SellerInput{Slug: "acme", Name: "Acme"}))(s.t)
	for sku, prices := range map[string]map[money.Currency]int64{
		"MUG": {"EUR": 1250, "USD": 1500}, "BOOK": {"EUR": 2000}, "POSTER": {"SEK": 9900},
	} {
		testkit.Must(shelves.CreateProduct(ctx, catalog.CreateInput{Seller: seller.ID, Product: catalog.ProductInput{
			Title: sku, CategoryID: "hg", Status: catalog.Active, SKUs: []catalog.SKUInput{{Code: sku, Prices: prices}},
		}}))(s.t)
	}
	s.kit.Receive(s.t, "euw-1", "MUG", 10)
	s.kit.Receive(s.t, "euw-1", "BOOK", 3)
	s.kit.Receive(s.t, "use-1", "BOOK", 2)
	s.kit.Receive(s.t, "euw-1", "POSTER", 5)
}

func (s *orderShop) registerCustomers() {
	accounts := testkit.Must(account.New(account.Config{
		DB: s.db, Regions: s.regions, Secret: testSecret, Argon2: account.Argon2{MemoryKiB: 8, Passes: 1, Lanes: 1},
	}))(s.t)
	for name, into := range map[string]*account.Account{"ada": &s.ada, "ben": &s.ben} {
		session := testkit.Must(accounts.Register(s.t.Context(), account.RegisterInput{
			Email: name + "@example.com", Password: "a long sentence of nobody else", Name: name, Country: "IE",
		}))(s.t)
		*into = session.Account
	}
}

// openSandbox starts the payment company. It does nothing by itself: settle lets it.
func (s *orderShop) openSandbox() {
	var err error
	s.sandbox, err = sandbox.NewServer(sandbox.Config{
		APIKey: sandboxKey, Secret: sandboxSecret, Now: s.clock.Now, Logger: slog.New(slog.DiscardHandler),
		WebhookURL: func(string, int) string { return s.webhookURL },
	})
	testkit.NoError(s.t, err)
	server := httptest.NewServer(s.sandbox)
	s.sandboxURL = server.URL
	s.kit.Providers = map[string]payment.Provider{"sandbox": testkit.Must(sandbox.NewClient(sandbox.ClientConfig{
		BaseURL: s.sandboxURL, APIKey: sandboxKey, WebhookSecret: sandboxSecret, FirstBackoff: time.Millisecond,
	}))(s.t)}
	s.t.Cleanup(server.Close)
	s.t.Cleanup(func() { testkit.NoError(s.t, s.sandbox.Close()) })
}

// openRegion starts the API server of a region's part of the shop.
func (s *orderShop) openRegion(there *shoptest.Shop) {
	testkit.NoError(s.t, there.Prices.PollOnce(s.t.Context()))
	db, carts, orders := there.DB, there.Carts, there.Orders
	server := newTestServer(s.t, func(d *Deps, _ *Config) {
		d.Region, d.Catalog, d.Carts, d.Orders = db.Region(), s.shelves, carts, orders
		d.DB, d.Prices, d.Shipping = db, there.Prices, carts.Shipping
		d.Search = plainSearch(s.t, db, s.shelves)
		d.Ratings = order.NewRatings(db)
		d.Recommend = testkit.Must(recommend.New(recommend.Config{DB: db, Catalog: s.shelves, Now: s.clock.Now, Timeout: time.Minute}))(s.t)
		d.Now, d.VerifyToken = s.clock.Now, s.verifyToken
	})
	s.api[db.Region()] = validated(s.t, server.Handler())
	if db.Region() == "eu-west" {
		s.orders, s.europe = orders, server
	}
}

func (s *orderShop) verifyToken(ctx context.Context, token string) (Principal, error) {
	switch token {
	case "ada":
		return Principal{Account: s.ada.Ref, Roles: []string{roleShopper}}, nil
	case "ben":
		return Principal{Account: s.ben.Ref, Roles: []string{roleShopper}}, nil
	case "operator":
		return Principal{Account: testPrincipals["other"].Account, Roles: []string{roleShopper, roleOperator}}, nil
	}
	return verifyTestToken(ctx, token)
}

// A buyer is who calls, in the region eu-west: with the token of an account, or as a guest with one of a thing.
type buyer struct {
	shop    *orderShop
	headers []string
}

func (s *orderShop) as(token string) buyer {
	return buyer{shop: s, headers: []string{"Authorization", "Bearer " + token}}
}

func (s *orderShop) guest(token string) buyer {
	return buyer{shop: s, headers: []string{guestTokenHeader, token}}
}

// post calls with a new idempotency key, unless the headers bring one.
func (b buyer) post(path, body string, headers ...string) *httptest.ResponseRecorder {
	all := append(append([]string{}, b.headers...), headers...)
	for _, name := range headers {
		if name == "Idempotency-Key" {
			return ask(b.shop.api["eu-west"], "POST", path, body, all...)
		}
	}
	return ask(b.shop.api["eu-west"], "POST", path, body, append(all, "Idempotency-Key", uuid.NewString())...)
}

func (b buyer) get(path string) *httptest.ResponseRecorder {
	return ask(b.shop.api["eu-west"], "GET", path, "", b.headers...)
}

// fill makes a cart with these lines and returns it with who may order it.
func (b buyer) fill(lines string) (cartResponse, buyer) {
	b.shop.t.Helper()
	made := wantJSON[cartResponse](b.shop.t, b.post("/v1/carts", `{"country":"IE","currency":"EUR","lines":[`+lines+`]}`), http.StatusCreated)
	if made.GuestToken != "" {
		return made, b.shop.guest(made.GuestToken)
	}
	return made, b
}

const oneMug = `{"sku":"MUG","quantity":1}`

// shipToGalway is the address that the tests' parcels go to.
const shipToGalway = `{"name":"Ada Byrne","line1":"1 Quay Street","city":"Galway","country":"IE"}`

// checkoutBody is the checkout of a cart with a test card; members are further ones, such as `,"cart_version":1`.
func checkoutBody(cartID, card string, members ...string) string {
	return fmt.Sprintf(`{"cart_id":%q,"email":"Shopper@Example.com","ship_to":%s,"payment":{"method":%q}%s}`,
		cartID, shipToGalway, card, strings.Join(members, ""))
}

// place orders these lines with a test card, as a guest, and returns the answer and who may read the order.
func (s *orderShop) place(card, lines string) (placedResponse, buyer) {
	s.t.Helper()
	filled, guest := s.guest("").fill(lines)
	placed := wantPlaced(s.t, guest.post("/v1/orders", checkoutBody(filled.ID, card)))
	return placed, s.guest(placed.GuestToken)
}

// paid is place with a card that pays, and waits until it has.
func (s *orderShop) paid(card, lines string) (orderResponse, buyer) {
	s.t.Helper()
	placed, guest := s.place(card, lines)
	s.settle()
	o := guest.order(placed.Order.ID)
	wantStatus(s.t, o, order.Paid)
	return o, guest
}

// settle lets a second pass, and the sandbox do what is due by then: it decides payments and sends notices.
func (s *orderShop) settle() {
	s.t.Helper()
	s.clock.Advance(time.Second)
	testkit.Must(s.sandbox.RunOnce(s.t.Context()))(s.t)
}

// order reads an order.
func (b buyer) order(id string) orderResponse {
	b.shop.t.Helper()
	return wantOrder(b.shop.t, b.get("/v1/orders/"+id))
}

// command gives an operator's command and returns the order after it.
func (s *orderShop) command(id, verb, body string) orderResponse {
	s.t.Helper()
	return wantOrder(s.t, s.as("operator").post("/v1/operator/orders/"+id+":"+verb, body))
}

// sendRefunds is a worker's pass, and the notices that follow from it.
func (s *orderShop) sendRefunds() {
	s.t.Helper()
	testkit.Must(s.orders.SendRefundsOnce(s.t.Context()))(s.t)
	s.settle()
}

func wantPlaced(t testing.TB, w *httptest.ResponseRecorder) placedResponse {
	t.Helper()
	placed := wantJSON[placedResponse](t, w, http.StatusCreated)
	if got, want := w.Header().Get("Location"), "/v1/orders/"+placed.Order.ID; got != want {
		t.Errorf("Location %q, want %q", got, want)
	}
	return placed
}

func wantOrder(t testing.TB, w *httptest.ResponseRecorder) orderResponse {
	t.Helper()
	return wantJSON[orderResponse](t, w, http.StatusOK)
}

// wantJSON reads an answer, which nobody may keep.
func wantJSON[T any](t testing.TB, w *httptest.ResponseRecorder, status int) T {
	t.Helper()
	var answer T
	if w.Code != status {
		t.Fatalf("answered %d, want %d\n%s", w.Code, status, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatalf("%v\n%s", err, w.Body)
	}
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
	return answer
}

func wantStatus(t testing.TB, o orderResponse, want order.Status) {
	t.Helper()
	if o.Status != want {
		t.Fatalf("the order is %s, want %s; its payment is %s", o.Status, want, o.Payment.Status)
	}
}

// statuses is an order's history, a word a change.
func statuses(o orderResponse) string {
	var words []string
	for _, c := range o.History {
		words = append(words, string(c.Status))
	}
	return strings.Join(words, " ")
}

// wantStock compares a stock row.
func (s *orderShop) wantStock(sku, warehouse string, onHand, reserved, allocated int64) {
	s.t.Helper()
	level := testkit.Must(s.kit.Stock.Get(s.t.Context(), warehouse, sku))(s.t)
	want := [3]int64{onHand, reserved, allocated}
	if diff := cmp.Diff(want, [3]int64{level.OnHand, level.Reserved, level.Allocated}); diff != "" {
		s.t.Errorf("on hand, reserved, allocated of %s in %s (-want +got):\n%s", sku, warehouse, diff)
	}
}

// audit fails the test if the books do not agree with each other.
func (s *orderShop) audit() {
	s.t.Helper()
	shoptest.WantSound(s.t, s.db)
	faults := testkit.Must(database.List(s.t.Context(), s.db, pgx.RowTo[string], `
SELECT 'order ' || o.id::text || ' is ' || o.status || ' and its payment ' || p.status
FROM orders o
JOIN payments p ON p.region = o.region AND p.id = o.id
WHERE (o.status NOT IN ('pending_payment', 'cancelled')) <> (p.status = 'captured')
  AND NOT (o.status = 'cancelled' AND p.status = 'captured' AND p.refunded_minor = p.captured_minor)`))(s.t)
	for _, fault := range faults {
		s.t.Error(fault)
	}
}

// wholeOrders lets cmp look into answers. The database keeps a derivation's members in an order of its own.
var wholeOrders = cmp.Options{
	cmp.AllowUnexported(orderResponse{}),
	cmp.Transformer("JSON", func(text jsontext.Value) (value any) {
		if err := json.Unmarshal(text, &value); err != nil {
			return err.Error()
		}
		return value
	}),
}

// sandboxCall asks the sandbox what a shopper's browser would.
func (s *orderShop) sandboxCall(path string, body any) {
	s.t.Helper()
	text := testkit.Must(json.Marshal(body))(s.t)
	answer := testkit.Must(http.Post(s.sandboxURL+path, "application/json", bytes.NewReader(text)))(s.t)
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		s.t.Fatalf("the sandbox answered %d", answer.StatusCode)
	}
}
