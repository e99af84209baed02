package pod

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/geo"
	"meridian/internal/account"
	"meridian/internal/api"
	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/discovery"
	"meridian/internal/fx"
	"meridian/internal/inventory"
	"meridian/internal/money"
	"meridian/internal/payment/sandbox"
	"meridian/internal/telemetry"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

// personal are texts by which the test's customers would be found out: each is in what they send, and nowhere else.
var personal = []string{
	"Featherstonehaugh", "quillon", "Marzipan", "Ballyquirk", "D99XQ77", "9980877", // a customer's name, e-mail, address and phone
	"a very long passphrase of nobody", "Wrigglesworth", "wriggle", "Nougat", // the password; a guest's name, e-mail and street
	"203.0.113.77", "Zorbrowser", // where both call from, and with what
}

// customersTables are those that may hold what is personal, each row in its home region.
var customersTables = []string{"accounts", "addresses", "orders"}

// tap keeps all that is written to it.
type tap struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *tap) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

func (t *tap) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// ServeHTTP keeps what is posted to it, the headers too: a collector of traces or metrics, a receiver of events.
func (t *tap) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	_ = r.Header.Write(t)
	_, _ = io.Copy(t, r.Body)
}

// watchedShop is two regions over one database, the edge in front and the payment sandbox behind, with everything
// tapped that they say.
type watchedShop struct {
	t       *testing.T
	pods    map[string]*Pod
	urls    map[string]string
	front   string // the edge's URL
	edge    *telemetry.Telemetry
	company *sandbox.Server
	// logs, spans, metrics and events, as they leave the shop.
	logs, traces, measured, events *tap
	spans                          *spanBook
}

func newWatchedShop(t *testing.T) *watchedShop {
	s := &watchedShop{
		t: t, pods: make(map[string]*Pod), urls: make(map[string]string),
		logs: new(tap), traces: new(tap), measured: new(tap), events: new(tap), spans: new(spanBook),
	}
	set := testkit.Must(regions.Shipped())(s.t)
	collector, receiver := httptest.NewServer(s.collector()), httptest.NewServer(s.events)
	t.Cleanup(collector.Close)
	t.Cleanup(receiver.Close)
	// Everything is written, and nothing redacted on the way: that is for what was overlooked.
	log := slog.New(slog.NewJSONHandler(s.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s.company = testkit.Must(sandbox.NewServer(sandbox.Config{
		APIKey: "the key of the sandbox", Secret: "the secret of the sandbox", Delay: time.Millisecond, Logger: log,
		WebhookURL: func(string, int) string { return s.urls["us-east"] + "/v1/webhooks/sandbox" },
	}))(s.t)
	payments := httptest.NewServer(s.company)
	t.Cleanup(func() { testkit.NoError(s.t, s.company.Close()) })
	t.Cleanup(payments.Close)
	databaseURL := databasetest.URL(t)
	for _, region := range []string{"eu-west", "us-east"} {
		p := testkit.Must(New(t.Context(), Config{
			Regions: set, Region: region, Database: database.Config{URL: databaseURL, MaxConns: 4, Tracer: databasetest.Tracer()},
			Secret: bytes.Repeat([]byte("s"), 32), Argon2: account.Argon2{MemoryKiB: 8, Passes: 1, Lanes: 1},
			API: api.Config{Debug: true, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
			Sandbox: sandbox.ClientConfig{
				BaseURL: payments.URL, APIKey: "the key of the sandbox", WebhookSecret: "the secret of the sandbox",
			},
			EventsURL: receiver.URL, EventsSecret: bytes.Repeat([]byte("e"), 16), OTLPEndpoint: collector.URL, Log: log,
			Search: SearchConfig{Engine: SearchBleve, Dir: t.TempDir()},
		}))(s.t)
		server := httptest.NewServer(p.server.Handler())
		t.Cleanup(server.Close)
		s.pods[region], s.urls[region] = p, server.URL
	}
	s.openEdge(set, collector.URL, log)
	t.Cleanup(s.close)
	s.stock(set)
	return s
}

// collector takes what is sent by OTLP.
func (s *watchedShop) collector() http.Handler {
	routes := http.NewServeMux()
	routes.HandleFunc("POST /v1/traces", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = s.spans.add(body)
		}
		if err != nil {
			s.t.Errorf("what was sent as spans: %v", err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.traces.ServeHTTP(w, r)
	})
	routes.Handle("POST /v1/metrics", s.measured)
	return routes
}

func (s *watchedShop) openEdge(set *regions.Set, collector string, log *slog.Logger) {
	var err error
	s.edge, err = telemetry.Setup(s.t.Context(), telemetry.Config{Service: "meridian-edge", OTLPEndpoint: collector})
	testkit.NoError(s.t, err)
	config := geo.EdgeConfig{
		Regions: set, Log: log, Meter: s.edge.Meter, Tracer: s.edge.Tracer,
		Locator: geo.LocatorConfig{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	}
	var listed discovery.StaticConfig
	for region, address := range s.urls {
		listed.Instances = append(listed.Instances, discovery.Instance{ID: region, Region: region, URL: address, Weight: 1})
	}
	config.Directory = testkit.Must(discovery.NewStatic(listed))(s.t)
	edge, err := geo.NewEdge(config)
	testkit.NoError(s.t, err)
	front := httptest.NewServer(edge)
	s.t.Cleanup(edge.Close)
	s.t.Cleanup(front.Close)
	s.front = front.URL
}

// close ends what speaks, so that the last of it is sent. It may be called again.
func (s *watchedShop) close() {
	s.t.Helper()
	ctx := context.WithoutCancel(s.t.Context())
	for _, p := range s.pods {
		testkit.NoError(s.t, p.Close(ctx))
	}
	testkit.NoError(s.t, s.edge.Shutdown(ctx))
}

// stock puts mugs on sale.
func (s *watchedShop) stock(set *regions.Set) {
	ctx, p := s.t.Context(), s.pods["eu-west"]
	testkit.NoError(s.t, p.Accounts.RotateOnce(ctx))
	testkit.NoError(s.t, inventory.SyncWarehouses(ctx, p.DB, set))
	testkit.Must(p.Catalog.UpsertCategories(ctx, []catalog.CategoryInput{{ID: "hg", Name: "Home"}}))(s.t)
	seller := testkit.Must(p.Catalog.CreateSeller(ctx, catalog.SellerInput{Slug: "acme", Name: "Acme"}))(s.t)
	testkit.Must(p.Catalog.CreateProduct(ctx, catalog.CreateInput{Seller: seller.ID, Product: catalog.ProductInput{
		Title: "Mug", CategoryID: "hg", Status: catalog.Active,
		SKUs: []catalog.SKUInput{{Code: "MUG", Prices: map[money.Currency]int64{"EUR": 1250, "USD": 1500}}},
	}}))(s.t)
	testkit.NoError(s.t, p.Inventory.ReceiveMany(ctx, []inventory.Receipt{
		{Warehouse: "euw-1", SKU: "MUG", Quantity: 10}, {Warehouse: "use-1", SKU: "MUG", Quantity: 10},
	}))
}

// caller is who asks in one region: with an access token, or with a guest's.
type caller struct {
	shop                *watchedShop
	region, bearer, key string
}

// ask sends a request through the edge, as a CDN in front would pass it on, and reads the answer.
func (c caller) ask(method, path, body string, status int) map[string]any {
	c.shop.t.Helper()
	r := testkit.Must(http.NewRequestWithContext(c.shop.t.Context(), method, c.shop.front+path, strings.NewReader(body)))(c.shop.t)
	r.Header.Set("X-Meridian-Region", c.region)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", uuid.NewString())
	r.Header.Set("If-Match", `"v1"`)
	r.Header.Set("X-Forwarded-For", "203.0.113.77")
	r.Header.Set("User-Agent", "Zorbrowser/9")
	r.Header.Set("Meridian-Guest-Token", c.key)
	if c.bearer != "" {
		r.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	answer := testkit.Must(http.DefaultClient.Do(r))(c.shop.t)
	defer answer.Body.Close()
	text := testkit.Must(io.ReadAll(answer.Body))(c.shop.t)
	if answer.StatusCode != status {
		c.shop.t.Fatalf("%s %s: answered %d, want %d: %s", method, path, answer.StatusCode, status, text)
	}
	var members map[string]any
	_ = json.Unmarshal(text, &members) // some answers have no body
	return members
}

// work lets the workers and the sandbox do what there is to do.
func (s *watchedShop) work() {
	s.t.Helper()
	testkit.Eventually(s.t, "orders, refunds and events to be settled", func() bool { // the sandbox decides by the clock
		testkit.Must(s.company.RunOnce(s.t.Context()))(s.t)
		for _, p := range s.pods {
			for _, j := range p.jobs() {
				testkit.Must(p.pass(s.t.Context(), j))(s.t)
			}
		}
		open := testkit.Must(database.One(s.t.Context(), s.pods["eu-west"].DB, pgx.RowTo[int64], `
SELECT (SELECT count(*) FROM orders WHERE status = 'pending_payment')
  + (SELECT count(*) FROM refunds WHERE status = 'pending') + (SELECT count(*) FROM outbox WHERE delivered_at IS NULL)`))(s.t)
		return open == 0
	})
}

const (
	registration = `{"email":"quillon@example.org","password":"a very long passphrase of nobody","name":"Quillon Featherstonehaugh",` +
		`"country":"IE"}`
	credentials = `{"email":"quillon@example.org","password":"a very long passphrase of nobody"}`
	postal      = `{"name":"Quillon Featherstonehaugh","line1":"77 Marzipan Row","city":"Ballyquirk","postcode":"D99XQ77",` +
		`"country":"IE","phone":"+353 1 9980877"}`
	guestPostal = `{"name":"Wrigglesworth","line1":"5 Nougat Lane","city":"Boston","state":"MA","postcode":"02108","country":"US"}`
)

// shopAsCustomer registers far from home, signs in, orders and has it delivered and refunded.
func (s *watchedShop) shopAsCustomer() {
	far := caller{shop: s, region: "us-east"}
	far.ask("POST", "/v1/accounts", registration, 201)
	far.ask("POST", "/v1/accounts", registration, 409)
	far.ask("POST", "/v1/accounts", strings.Replace(registration, `"IE"`, `"Ballyquirk"`, 1), 400)
	far.ask("POST", "/v1/sessions", strings.Replace(credentials, "nobody", "Featherstonehaugh", 1), 401)
	session := far.ask("POST", "/v1/sessions", credentials, 201)
	customer := caller{shop: s, region: "eu-west", bearer: session["access_token"].(string)}
	customer.ask("POST", "/v1/sessions:refresh", fmt.Sprintf(`{"refresh_token":%q}`, session["refresh_token"]), 200)
	customer.ask("PATCH", "/v1/account", `{"name":"Q. Featherstonehaugh"}`, 200)
	customer.ask("PATCH", "/v1/account", `{"name":"Q. Featherstonehaugh"}`, 412)
	address := customer.ask("POST", "/v1/account/addresses", postal, 201)["id"].(string)
	customer.ask("PUT", "/v1/account/addresses/"+address, postal, 200)
	customer.ask("POST", "/v1/account/addresses", strings.Replace(postal, `"IE"`, `"Marzipan"`, 1), 400)

	cart := customer.ask("POST", "/v1/carts", `{"country":"IE","currency":"EUR","lines":[{"sku":"MUG","quantity":2}]}`, 201)["id"]
	customer.ask("POST", "/v1/orders", fmt.Sprintf(`{"cart_id":%q,"email":"quillon@","ship_to":%s,"payment":{"method":"card_success"}}`, cart,
		postal), 400)
	placed := customer.ask("POST", "/v1/orders", fmt.Sprintf(`{"cart_id":%q,"address_id":%q,"payment":{"method":"card_success"}}`, cart,
		address), 201)
	s.work()
	s.fulfil(placed["order"].(map[string]any)["id"].(string))
	customer.ask("GET", "/v1/orders", "", 200)
	s.browse(customer)

	// What is personal may also stand where nobody wants it.
	customer.ask("GET", "/v1/products/quillon@example.org", "", 404)
	customer.ask("GET", "/v1/products?brand=Featherstonehaugh&category=Marzipan", "", 400)
	customer.ask("GET", "/v1/search?q=Featherstonehaugh+quillon%40example.org&brand=Marzipan", "", 200)
	customer.ask("GET", "/v1/quillon@example.org?email=quillon@example.org", "", 404)
	customer.ask("POST", "/v1/sessions", `{"email":"quillon@example.org","quillon@example.org":1}`, 400)
	customer.ask("PUT", "/v1/account/password", `{"current_password":"a very long passphrase of nobody",`+
		`"new_password":"another: a very long passphrase of nobody"}`, 204)
}

// browse lets a customer look around, at home and far away, order once more and rate what was bought, and writes down what
// the regions counted of it.
func (s *watchedShop) browse(customer caller) {
	listed := customer.ask("GET", "/v1/products", "", 200)["products"].([]any)
	mug := "/v1/products/" + listed[0].(map[string]any)["id"].(string)
	cart := customer.ask("POST", "/v1/carts", `{"country":"IE","currency":"EUR","lines":[{"sku":"MUG","quantity":1}]}`, 201)["id"]
	customer.ask("POST", "/v1/orders", fmt.Sprintf(`{"cart_id":%q,"ship_to":%s,"payment":{"method":"card_success"}}`, cart, postal), 201)
	s.work()
	for _, region := range []string{"eu-west", "us-east"} {
		there := caller{shop: s, region: region, bearer: customer.bearer}
		there.ask("GET", mug+"?from=search", "", 200)
		there.ask("GET", mug+"/recommendations", "", 200)
		there.ask("GET", "/v1/home", "", 200)
		for range 4 { // a name is searched for, too
			there.ask("GET", "/v1/search?q=Quillon+Featherstonehaugh&facets=brand", "", 200)
			there.ask("GET", "/v1/suggest?q=quillon@example.org", "", 200)
		}
		s.pods[region].Search.FlushTerms(s.t.Context())
		there.ask("PUT", mug+"/rating", `{"stars":4}`, 200)
		testkit.Must(s.pods[region].Recommend.WriteOnce(s.t.Context()))(s.t)
	}
}

// wantUnknown fails the test where what the shop knows of its products tells who did it, or where a rating is not at the
// home of its customer.
func (s *watchedShop) wantUnknown(kept map[string][]string) {
	s.t.Helper()
	accounts := testkit.Must(database.List(s.t.Context(), s.pods["eu-west"].DB, pgx.RowTo[string], `SELECT id::text FROM accounts`))(s.t)
	for _, table := range []string{"product_popularity", "product_ratings"} {
		if len(kept[table]) == 0 {
			s.t.Errorf("table %s is empty: nothing was looked at", table)
		}
		if text := strings.Join(kept[table], "\n"); isOf(text, accounts) {
			s.t.Errorf("table %s knows a customer: %s", table, text)
		}
	}
	if text := strings.Join(kept["ratings"], "\n"); len(kept["ratings"]) != 1 || !strings.Contains(text, `"region": "eu-west"`) {
		s.t.Errorf("the rating of a customer of eu-west is %q", text)
	}
}

// fulfil is an operator's work on an order, refund included.
func (s *watchedShop) fulfil(order string) {
	p := s.pods["us-east"]
	made := testkit.Must(p.Accounts.Register(s.t.Context(), account.RegisterInput{
		Email: "ops@shop.example", Password: "an operator's own long passphrase", Name: "Ops", Country: "US",
	}))(s.t)
	testkit.Must(p.Accounts.Grant(s.t.Context(), made.Account.Ref, account.RoleAdmin, uuid.Nil))(s.t)
	signedIn := caller{shop: s, region: "us-east"}.ask("POST", "/v1/sessions",
		`{"email":"ops@shop.example","password":"an operator's own long passphrase"}`, 201)
	operator := caller{shop: s, region: "us-east", bearer: signedIn["access_token"].(string)}
	path := "/v1/operator/orders/" + order
	operator.ask("POST", path+":pack", "", 200)
	operator.ask("POST", path+":ship", `{"carrier":"An Post"}`, 200)
	operator.ask("POST", path+":deliver", "", 200)
	operator.ask("POST", path+":refund", `{"reason":"damaged"}`, 200)
	operator.ask("GET", "/v1/operator/orders?region=eu-west", "", 200)
	s.work()
}

// shopAsGuest orders with a card that is declined, and with one that pays.
func (s *watchedShop) shopAsGuest() {
	for _, card := range []string{"card_declined", "card_success_now", "card_error_then_success"} {
		guest := caller{shop: s, region: "us-east"}
		cart := guest.ask("POST", "/v1/carts", `{"country":"US","currency":"USD","lines":[{"sku":"MUG","quantity":1}]}`, 201)
		guest.key = cart["guest_token"].(string)
		guest.ask("POST", "/v1/orders", fmt.Sprintf(
			`{"cart_id":%q,"email":"wriggle@example.org","ship_to":%s,"payment":{"method":%q,"return_url":"https://shop.example/back?for=wriggle"}}`,
			cart["id"], guestPostal, card), 201)
		s.work()
	}
}

// breakDown makes the database refuse rows of customers, whose details its error then carries, and closes it under a
// pod, and asks for what then fails.
func (s *watchedShop) breakDown() {
	db := s.pods["eu-west"].DB
	for _, table := range []string{"accounts", "orders"} {
		testkit.NoError(s.t, db.Tx(s.t.Context(), func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `ALTER TABLE `+table+` ADD CONSTRAINT broken CHECK (email = '') NOT VALID`)
			return err
		}))
	}
	another := strings.Replace(registration, "quillon@", "quillon2@", 1)
	guest := caller{shop: s, region: "eu-west"}
	guest.ask("POST", "/v1/accounts", another, 500)
	cart := guest.ask("POST", "/v1/carts", `{"country":"IE","currency":"EUR","lines":[{"sku":"MUG","quantity":1}]}`, 201)
	guest.key = cart["guest_token"].(string)
	guest.ask("POST", "/v1/orders", fmt.Sprintf(
		`{"cart_id":%q,"email":"wriggle@example.org","ship_to":%s,"payment":{"method":"card_success"}}`, cart["id"], guestPostal), 500)
	s.pods["us-east"].DB.Close()
	far := caller{shop: s, region: "us-east"}
	far.ask("POST", "/v1/accounts", another, 500)
	far.ask("POST", "/v1/sessions", credentials, 500)
	far.ask("GET", "/v1/products/quillon@example.org", "", 500)
	testkit.NoError(s.t, s.pods["us-east"].Index.Close())
	far.ask("GET", "/v1/search?q=quillon%40example.org", "", 500)
	if _, err := s.pods["us-east"].pass(s.t.Context(), s.pods["us-east"].jobs()[0]); err == nil {
		s.t.Error("a pass without a database succeeds")
	}
	answer := testkit.Must(http.Get(s.urls["us-east"] + "/readyz"))(s.t)
	testkit.NoError(s.t, answer.Body.Close())
	if answer.StatusCode != http.StatusServiceUnavailable {
		s.t.Errorf("/readyz answered %s", answer.Status)
	}
}

// TestPersonalDataStaysHome lets a customer and a guest do all they can, and then looks for them in everything that
// the shop has said and in every table that is not theirs.
func TestPersonalDataStaysHome(t *testing.T) {
	s := newWatchedShop(t)
	s.shopAsCustomer()
	s.shopAsGuest()
	s.watch()
	kept := s.tables()
	s.wantUnknown(kept)
	pages := strings.Join(s.pages(), "\n")
	s.breakDown()
	s.close()
	for name, emitted := range map[string]string{
		"log": s.logs.String(), "traces": s.traces.String(), "metrics sent": s.measured.String(), "events": s.events.String(),
		"metrics' pages": pages,
	} {
		if len(emitted) < 1000 {
			t.Errorf("the %s has %d bytes: it was not tapped", name, len(emitted))
		}
		wantImpersonal(t, "the "+name, emitted)
	}
	for _, table := range []string{"outbox", "webhook_inbox", "idempotency_keys"} {
		if len(kept[table]) == 0 {
			t.Errorf("table %s is empty: nothing was looked at", table)
		}
	}
	for table, rows := range kept {
		if !slices.Contains(customersTables, table) {
			wantImpersonal(t, "table "+table, strings.Join(rows, "\n"))
			continue
		}
		for _, row := range rows {
			atHome := strings.Contains(row, `"region": "eu-west"`)
			if isOf(row, personal[:7]) && !atHome || isOf(row, personal[7:10]) && atHome {
				t.Errorf("a row of table %s is not at home: %s", table, row)
			}
		}
		if !isOf(strings.Join(rows, "\n"), personal) {
			t.Errorf("table %s holds nothing personal: it was not read", table)
		}
	}
}

// wantImpersonal fails the test where the text holds what is personal.
func wantImpersonal(t *testing.T, where, text string) {
	t.Helper()
	folded := strings.ToLower(text)
	for _, word := range personal {
		if i := strings.Index(folded, strings.ToLower(word)); i >= 0 {
			t.Errorf("%s holds %q: …%q…", where, word, text[max(0, i-300):min(len(text), i+300)])
		}
	}
}

func isOf(text string, words []string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) })
}

// tables is every row of the database, as JSON, by table.
func (s *watchedShop) tables() map[string][]string {
	ctx, db := s.t.Context(), s.pods["eu-west"].DB
	names := testkit.Must(database.List(ctx, db, pgx.RowTo[string], `
SELECT table_name::text
FROM information_schema.tables
WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`))(s.t)
	all := make(map[string][]string)
	for _, name := range names {
		all[name] = testkit.Must(database.List(ctx, db, pgx.RowTo[string],
			`SELECT to_jsonb(r)::text FROM `+pgx.Identifier{name}.Sanitize()+` AS r`))(s.t)
	}
	return all
}

// watch lets the jobs look that only look, at a shop with exchange rates.
func (s *watchedShop) watch() {
	s.t.Helper()
	testkit.Must(s.pods["eu-west"].Rates.Import(s.t.Context(), fx.Shipped(), "test"))(s.t)
	for _, p := range s.pods {
		for _, j := range p.watches() {
			testkit.Must(p.pass(s.t.Context(), j))(s.t)
		}
		testkit.Must(p.feed.RoundOnce(s.t.Context()))(s.t)
	}
}

// pages are the metrics' page of each region, and the edge's.
func (s *watchedShop) pages() []string {
	var pages []string
	for _, address := range s.urls {
		answer := testkit.Must(http.Get(address + "/metrics"))(s.t)
		page := testkit.Must(io.ReadAll(answer.Body))(s.t)
		testkit.NoError(s.t, answer.Body.Close())
		pages = append(pages, string(page))
	}
	w := httptest.NewRecorder()
	s.edge.Metrics().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return append(pages, w.Body.String())
}
