package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/account"
	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/lab/client"
	"meridian/internal/lab/report"
	"meridian/internal/local"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/verify"
	"meridian/regions"
)

// beBare makes the test binary the bare handler's process.
const beBare = "MERIDIAN_BENCH_TEST_BARE"

func TestMain(m *testing.M) {
	if os.Getenv(beBare) != "" {
		if err := ServeBare(os.Stdin, os.Stdout); err != nil {
			slog.Error("bare handler", "error", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func shippedRegions(t testing.TB) *regions.Set {
	t.Helper()
	set := testkit.Must(regions.Shipped())(t)
	return set
}

// fill puts products on sale, each with one SKU at 10.00 in every currency.
func fill(t testing.TB, db *database.DB, set *regions.Set, n int) {
	t.Helper()
	ctx := t.Context()
	c := testkit.Must(catalog.New(catalog.Config{DB: db, Regions: set, Log: slog.New(slog.DiscardHandler)}))(t)
	testkit.Must(c.UpsertCategories(ctx, []catalog.CategoryInput{{ID: "t", Name: "Test"}}))(t)
	seller := testkit.Must(c.CreateSeller(ctx, catalog.SellerInput{Slug: "test", Name: "Test"}))(t)
	prices := make(map[string]int64)
	for _, region := range set.All() {
		for _, currency := range region.Currencies {
			prices[currency] = 1000
		}
	}
	var file bytes.Buffer
	for i := range n {
		sku := "SKU-" + strconv.Itoa(i)
		_ = json.NewEncoder(&file).Encode(map[string]any{
			"key": sku, "title": "Product " + sku, "category": "t", "status": "active",
			"skus": []any{map[string]any{"sku": sku, "prices": prices}},
		})
	}
	imported, err := c.Import(ctx, catalog.ImportInput{
		Seller: seller.ID, Source: bytes.NewReader(file.Bytes()), Size: int64(file.Len()), Format: catalog.FormatNDJSON, Policy: catalog.KeepGood,
	})
	if err != nil || imported.LinesBad > 0 {
		t.Fatalf("import: %+v, %v", imported, err)
	}
}

// openEmptyShop opens a whole shop in this process, with nothing to sell, until the test ends.
func openEmptyShop(t *testing.T, set *regions.Set, url string) local.Address {
	t.Helper()
	shop := testkit.Must(local.Start(t.Context(), local.Config{
		Regions: set, Dir: t.TempDir(), DatabaseURL: url, Empty: true, Argon2: account.Argon2{MemoryKiB: 64, Passes: 1, Lanes: 1},
		NoUnpaidLimits: true,
	}))(t)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- shop.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the shop ended with %v", err)
		}
		if err := shop.Close(); err != nil {
			t.Error(err)
		}
	})
	select {
	case <-shop.Ready():
	case err := <-ended:
		ended <- err
		t.Fatalf("the shop did not open: %v", err)
	}
	return shop.Address()
}

// openShop opens a whole shop in this process and returns the configuration that measures
// it, shortly.
func openShop(t *testing.T) Config {
	t.Helper()
	set, url := shippedRegions(t), databasetest.URL(t)
	address := openEmptyShop(t, set, url)
	fill(t, databasetest.Open(t, url, "eu-west"), set, 30)
	t.Setenv(beBare, "1")
	return Config{
		Regions: set, RegionURLs: address.RegionURLs, EdgeURL: address.EdgeURL, DatabaseURL: address.DatabaseURL, ShopPID: os.Getpid(),
		BareServer: []string{os.Args[0]}, Version: "test", OwnShop: true, SKUs: minSKUs,
		Clients: 8, Products: 20, Rounds: 1, Duration: 200 * time.Millisecond, WarmUp: 50 * time.Millisecond, Connections: []int{1, 2},
	}
}

// TestRun measures one shop in all ways: opening one takes longer than any of them.
func TestRun(t *testing.T) {
	config := openShop(t)
	t.Run("sold out", func(t *testing.T) { sellOut(t, config) })
	t.Run("copies of real orders", func(t *testing.T) { copyOrders(t, config.withDefaults()) })
	t.Run("copies of real carts", func(t *testing.T) { copyCarts(t, config.withDefaults()) })
	// Last, since prices fills the shop with what the others do not sell.
	t.Run("every scenario", func(t *testing.T) { runAll(t, config) })
}

func runAll(t *testing.T, config Config) {
	report := testkit.Must(Run(t.Context(), config))(t)
	if err := report.Err(); err != nil {
		t.Error(err)
	}
	var names []string
	for _, r := range report.Scenarios {
		names = append(names, r.Scenario)
		wantMeasured(t, r)
		if r.Scenario == "prices" {
			wantPrices(t, r)
		}
	}
	if diff := cmp.Diff(Names(), names); diff != "" {
		t.Errorf("scenarios (-want +got):\n%s", diff)
	}
	if !report.Audit.Clean || report.Audit.Checks != len(verify.Names()) {
		t.Errorf("audit: %+v", report.Audit)
	}
	if len(report.Floors) != 10 {
		t.Errorf("%d floors: %+v", len(report.Floors), report.Floors)
	}
	wantKeys(t, report)
	wantText(t, report)
}

// wantMeasured checks what has to be true of every result, however fast the machine is.
func wantMeasured(t *testing.T, r Result) {
	t.Helper()
	l := r.Latency
	if r.Operations == 0 || r.Throughput <= 0 || l.P50 <= 0 || l.P50 > l.P95 || l.P95 > l.P99 || l.P99 > l.Max {
		t.Errorf("%s: %d operations, %.1f a second, %+v", r.Scenario, r.Operations, r.Throughput, l)
	}
	for i, limit := range r.Limits {
		part := r.Scenario == "mixed" && i > 0
		ofCores := r.Scenario == "prices" // too short a time has no figure of processor time
		if limit.Throughput <= 0 || (limit.Ratio > 0) == part && !ofCores {
			t.Errorf("%s, limit %d: %+v", r.Scenario, i, limit)
		}
	}
	if len(r.Limits) == 0 || len(r.Calls) == 0 {
		t.Errorf("%s: %d limits, calls %v", r.Scenario, len(r.Limits), r.Calls)
	}
	ordered := r.Scenario == "checkout" || r.Scenario == "hot-sku"
	if ordered && (r.UntilPaid == nil || r.UntilPaid.Count != r.Operations) {
		t.Errorf("%s: %d orders, until paid %+v", r.Scenario, r.Operations, r.UntilPaid)
	}
	if ordered && r.TripsPerOperation < 3 {
		t.Errorf("%s: %.2f round trips for a cart and an order", r.Scenario, r.TripsPerOperation)
	}
}

// wantPrices checks that every kind of quote was measured, and on what.
func wantPrices(t *testing.T, r Result) {
	t.Helper()
	p := r.Prices
	if p == nil || len(p.Quotes) != 3 || p.SKUs != minSKUs || len(p.Currencies) != 8 || p.LoadSeconds <= 0 {
		t.Fatalf("prices: %+v", p)
	}
	if p.TripsUncached < 1 {
		t.Errorf("%.2f round trips for SKUs that nobody has asked for", p.TripsUncached)
	}
	for i, want := range []struct{ lines, skus int }{{1000, minSKUs}, {1000, 1000}, {1, minSKUs}} {
		q := p.Quotes[i]
		if q.Lines != want.lines || q.SKUs != want.skus || q.Quotes == 0 || q.QuotesPerSecond <= 0 ||
			q.LinesPerSecond != q.QuotesPerSecond*float64(q.Lines) {
			t.Errorf("%d lines of %d SKUs: %+v", want.lines, want.skus, q)
		}
	}
	var out bytes.Buffer
	Write(&out, Report{Scenarios: []Result{r}})
	for _, want := range []string{"2000 SKUs with prices in 8 currencies", "lines/s a core", "CPU a quote of 1 lines of 2000 SKUs"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, out.String())
		}
	}
}

// wantKeys compares the names of the JSON, which other programs read, with what they were.
func wantKeys(t *testing.T, measured Report) {
	t.Helper()
	var out bytes.Buffer
	testkit.NoError(t, report.WriteJSON(&out, measured))
	var object map[string]any
	testkit.NoError(t, json.Unmarshal(out.Bytes(), &object))
	scenario := object["scenarios"].([]any)[2].(map[string]any)
	limit := scenario["limits"].([]any)[0].(map[string]any)
	delete(limit, "conflicts") // only where there were some
	for _, test := range []struct {
		name string
		of   map[string]any
		want string
	}{
		{"report", object, "audit database floors machine scenarios settings started_at version"},
		{"database", object["database"].(map[string]any), "durable engine fsync full_page_writes isolation shop_connections synchronous_commit version wal_level"},
		{"scenario", scenario, "about calls cpu errors latency left_for_workers limits operations per_second requests retries " +
			"retries_per_operation round_trips_per_operation scenario seconds sold_out unit until_paid"},
		{"latency", scenario["latency"].(map[string]any), "count max_ms p50_ms p95_ms p99_ms"},
		{"limit", limit, "about connections cpu latency operations per_second ratio rows seconds statements sweep"},
	} {
		if got := strings.Join(slices.Sorted(maps.Keys(test.of)), " "); got != test.want {
			t.Errorf("the %s has %s, want %s", test.name, got, test.want)
		}
	}
}

func wantText(t *testing.T, report Report) {
	t.Helper()
	var out bytes.Buffer
	Write(&out, report)
	for _, want := range []string{
		"8 clients in us-east", "fsync ", "synchronous_commit ", "shared by load generator, shop and database", "checkout: one whole order",
		"until paid", "round trips", "% of the limit", "rows; best on", "What is expected at least", "0 rows broken",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, &out)
		}
	}
}

// sellOut sells a hot SKU out: every unit, and no more, and no error but that.
func sellOut(t *testing.T, config Config) {
	config.Scenarios, config.Stock, config.Duration, config.ThroughEdge = []string{"hot-sku"}, 6, time.Second, true
	g := testkit.Must(survey(t.Context(), config.withDefaults()))(t)
	started := time.Now()
	report := testkit.Must(Run(t.Context(), config))(t)
	if err := report.Err(); err != nil {
		t.Error(err)
	}
	db := databasetest.Open(t, config.DatabaseURL, "eu-west")
	sold := databasetest.One[int64](t, db, `
SELECT count(*)
FROM orders o
JOIN order_lines l ON l.region = o.region AND l.order_id = o.id
WHERE o.status = 'paid' AND o.placed_at >= '`+started.UTC().Format(time.RFC3339Nano)+`' AND l.sku = '`+g.hot.sku+`'`)
	if sold != 6 || report.Scenarios[0].SoldOut == 0 {
		t.Errorf("%d of 6 units were sold, %d orders refused", sold, report.Scenarios[0].SoldOut)
	}
}

// copyOrders checks that a bare order writes as many rows as a real one leaves behind, and that
// nothing of the copies is broken or left open.
func copyOrders(t *testing.T, config Config) {
	r := testkit.Must(open(t.Context(), config))(t)
	defer r.db.Close()
	real := rowsOfReal(t, r, checkout, 1)
	for _, test := range []struct {
		name      string
		hot, paid bool
	}{{"whole", false, true}, {"whole, hot", true, true}, {"placed", false, false}, {"placed, hot", true, false}} {
		t.Run(test.name, func(t *testing.T) {
			orders, err := r.copyPlaced(t.Context(), test.hot)
			move := inventory.ReleaseHeld
			if test.paid {
				orders, err = r.copyPaid(t.Context(), test.hot)
				move = inventory.AllocateHeld
			}
			if err != nil {
				t.Fatal(err)
			}
			// Originals differ in what the payment company told of their end, so all copies are of one.
			loop := r.bareOrders(orders[:1], move, test.paid)
			if test.paid && real != int64(loop.Rows-config.Lines) { // stock rows are changed, not made
				t.Errorf("a real order makes %d rows, a bare one %d and %d stock rows", real, loop.Rows-config.Lines, config.Lines)
			}
			// A placed order is finished afterwards, by rows that are not counted as its own: a
			// movement a line, and what its end footprint has more than its start. The shop's
			// workers may ask for a copy's payment before, and end it: by three rows more at most, of
			// the company's message, or by fewer.
			least := loop.Rows - config.Lines
			most := least
			if !test.paid {
				most += config.Lines + len(orders[0].end.rows) - len(orders[0].start.rows) + 3
			}
			runLoop(t, r, loop, least, most)
		})
	}
	wantClean(t, r)
}

func copyCarts(t *testing.T, config Config) {
	r := testkit.Must(open(t.Context(), config))(t)
	defer r.db.Close()
	real := rowsOfReal(t, r, cartLife, 0)
	limits := testkit.Must(cartLimits(t.Context(), r))(t)
	closeAll(limits) // runLoop opens its own
	loop := limits[0].loop
	// The cart's row and the row of its first line are written twice.
	if want := int64(loop.Rows - 2); real != want {
		t.Errorf("a real cart makes %d rows, a bare one %d", real, want)
	}
	runLoop(t, r, loop, loop.Rows-2, loop.Rows-2)
	changed := databasetest.One[int64](t, r.db, `
SELECT count(*)
FROM carts c
WHERE c.status = 'open' AND (SELECT max(l.quantity) FROM cart_lines l WHERE l.region = c.region AND l.cart_id = c.id) = 2`)
	if changed < int64(loop.Rows) {
		t.Errorf("%d carts were changed", changed)
	}
	wantClean(t, r)
}

// rowsOfReal returns how many rows an operation of the shop leaves behind, with so many orders.
func rowsOfReal(t *testing.T, r *run, do operation, orders int) int64 {
	t.Helper()
	before, began := rowsOf(t, r.db), time.Now()
	testkit.NoError(t, do(t.Context(), newVisitors(1, r.markets, r.goods, 1)[0]))
	if paid := testkit.Must(settled(t.Context(), r.db, r.Regions.Names(), began))(t); len(paid) != orders {
		t.Fatalf("%d orders were paid, want %d", len(paid), orders)
	}
	testkit.Must(quiet(t.Context(), r.db))(t)
	return rowsOf(t, r.db) - before
}

// runLoop runs a loop for a while and checks that each operation made so many rows.
func runLoop(t *testing.T, r *run, loop *bareLoop, least, most int) {
	t.Helper()
	defer loop.close()
	testkit.NoError(t, loop.open(t.Context(), []int{2}, 50*time.Millisecond))
	before := rowsOf(t, r.db)
	var s sample
	testkit.NoError(t, loop.run(t.Context(), 2, 100*time.Millisecond, &s))
	if s.done == 0 {
		t.Fatal("nothing was done")
	}
	if got := rowsOf(t, r.db) - before; got < int64(s.done*least) || got > int64(s.done*most) {
		t.Errorf("%d operations made %d rows, want %d to %d each", s.done, got, least, most)
	}
}

// wantClean checks that no order is pending and that the audit finds nothing.
func wantClean(t *testing.T, r *run) {
	t.Helper()
	found := testkit.Must(verify.Run(t.Context(), r.db, verify.Options{Regions: r.Regions}))(t)
	for _, result := range found.Results {
		if result.Broken > 0 {
			t.Errorf("%s: %+v", result.Check, result.Examples)
		}
	}
	all := databasetest.One[int64](t, r.db, `SELECT count(*) FROM orders`)
	if ended := databasetest.One[int64](t, r.db, `SELECT count(*) FROM orders WHERE status IN ('paid', 'cancelled')`); all != ended ||
		all == 0 {
		t.Errorf("%d orders, %d of them paid or cancelled", all, ended)
	}
}

// rowsOf counts the rows of every table that an order is in.
func rowsOf(t *testing.T, db *database.DB) int64 {
	t.Helper()
	var n int64
	for _, table := range []string{
		"carts", "cart_lines", "idempotency_keys", "orders", "order_lines", "order_history", "payments", "reservations",
		"stock_movements", "outbox", "webhook_inbox",
	} {
		n += databasetest.One[int64](t, db, `SELECT count(*) FROM `+table)
	}
	return n
}

func TestServeBare(t *testing.T) {
	t.Setenv(beBare, "1")
	want := page{Path: productPath("prd_1"), Header: http.Header{"Content-Type": {"application/json"}, "X-Thing": {"a", "b"}},
		Body: []byte(`{"id":"prd_1"}`)}
	server := testkit.Must(startBare([]string{os.Args[0]}, []page{want}))(t)
	defer server.stop()
	got := testkit.Must(fetchPage(t.Context(), http.DefaultClient, server.url, want.Path))(t)
	got.Header.Del("Content-Length") // the server's own
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
	if _, err := fetchPage(t.Context(), http.DefaultClient, server.url, productPath("prd_2")); err == nil {
		t.Error("a page that was not given is answered")
	}
	if err := (&client.Client{Base: server.url, HTTP: http.DefaultClient}).Do(t.Context(), http.MethodGet, want.Path, client.By{},
		"", nil, nil); err != nil {
		t.Error(err)
	}
}
