package local

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/account"
	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/pod"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/verify"
	"meridian/regions"
)

// openShop opens a whole shop, four regions over one throw-away database, without a
// catalogue, and serves it until the test ends.
func openShop(t *testing.T, change func(*Config)) *Shop {
	t.Helper()
	set := testkit.Must(regions.Shipped())(t)
	config := Config{
		Regions: set, Dir: t.TempDir(), DatabaseURL: databasetest.URL(t), Empty: true,
		Argon2: account.Argon2{MemoryKiB: 64, Passes: 1, Lanes: 1},
		Log:    slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
		Tracer: databasetest.Tracer(),
	}
	if change != nil {
		change(&config)
	}
	shop := testkit.Must(Start(t.Context(), config))(t)
	t.Cleanup(func() {
		if err := shop.Close(); err != nil {
			t.Errorf("closing the shop: %v", err)
		}
	})
	testkit.Background(t, shop.Run)
	return shop
}

// primary is the primary region's pod.
func (s *Shop) primary() *pod.Pod {
	p, _ := s.branches[s.config.Regions.Primary().Name].current()
	return p
}

// sell puts SKUs on sale at 10.00 in every currency of the shop.
func (s *Shop) sell(t *testing.T, skus ...string) {
	t.Helper()
	ctx, c := t.Context(), s.primary().Catalog
	testkit.Must(c.UpsertCategories(ctx, []catalog.CategoryInput{{ID: "t", Name: "Test"}}))(t)
	seller := testkit.Must(c.CreateSeller(ctx, catalog.SellerInput{Slug: "test", Name: "Test"}))(t)
	var file bytes.Buffer
	for _, sku := range skus {
		prices := make(map[string]int64)
		for _, region := range s.config.Regions.All() {
			for _, currency := range region.Currencies {
				prices[currency] = 1000
			}
		}
		_ = json.NewEncoder(&file).Encode(map[string]any{
			"key": sku, "title": "Product " + sku, "category": "t", "status": "active",
			"skus": []any{map[string]any{"sku": sku, "prices": prices}},
		})
	}
	report, err := c.Import(ctx, catalog.ImportInput{
		Seller: seller.ID, Source: bytes.NewReader(file.Bytes()), Size: int64(file.Len()), Format: catalog.FormatNDJSON, Policy: catalog.KeepGood,
	})
	if err != nil || report.LinesBad > 0 {
		t.Fatalf("import: %+v, %v", report, err)
	}
}

func (s *Shop) receive(t *testing.T, sku, warehouse string, units int64) {
	t.Helper()
	receipts := []inventory.Receipt{{Warehouse: warehouse, SKU: sku, Quantity: units}}
	testkit.NoError(t, s.primary().Inventory.ReceiveMany(t.Context(), receipts))
}

// line is what a buyer puts into the cart.
type line struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
}

// buyer is a guest with an order to make.
type buyer struct {
	region, country, card string
	lines                 []line
	coupons               []string
}

// purchase is what came of it.
type purchase struct {
	status int    // of the checkout
	code   string // of the problem, where there is one
	order  string
	token  string
	base   string
	lines  pricedLines
}

// basket is a guest's cart as the shop answers it.
type basket struct {
	ID         string      `json:"id"`
	GuestToken string      `json:"guest_token"`
	Currency   string      `json:"currency"`
	Lines      pricedLines `json:"lines"`
}

// begin makes a guest's cart.
func (s *Shop) begin(ctx context.Context, b buyer) (basket, error) {
	var cart basket
	status, code, err := call(ctx, http.MethodPost, s.RegionURL(b.region)+"/v1/carts", "",
		map[string]any{"country": b.country, "lines": b.lines}, &cart)
	if err != nil || status != http.StatusCreated {
		return cart, fmt.Errorf("create cart: %d %s, %v", status, code, err)
	}
	if b.coupons == nil {
		return cart, nil
	}
	var changed basket
	status, code, err = call(ctx, http.MethodPatch, s.RegionURL(b.region)+"/v1/carts/"+cart.ID, cart.GuestToken,
		map[string]any{"coupons": b.coupons}, &changed)
	if err != nil || status != http.StatusOK {
		return cart, fmt.Errorf("enter coupons: %d %s, %v", status, code, err)
	}
	return cart, nil
}

// checkOut orders a cart, by a quote where one is given.
func (s *Shop) checkOut(ctx context.Context, b buyer, cart basket, quote string) (purchase, error) {
	p := purchase{base: s.RegionURL(b.region)}
	var placed struct {
		Order struct {
			ID    string      `json:"id"`
			Lines pricedLines `json:"lines"`
		} `json:"order"`
		GuestToken string `json:"guest_token"`
	}
	body := map[string]any{
		"cart_id": cart.ID, "email": "buyer@example.com", "payment": map[string]any{"method": b.card},
		"ship_to": map[string]any{"name": "A Buyer", "line1": "1 Street", "city": "Town", "postcode": "12345", "country": b.country},
	}
	if quote != "" {
		body["quote_id"] = quote
	}
	var err error
	p.status, p.code, err = call(ctx, http.MethodPost, p.base+"/v1/orders", cart.GuestToken, body, &placed)
	p.order, p.token, p.lines = placed.Order.ID, placed.GuestToken, placed.Order.Lines
	return p, err
}

// buy goes through the shop as a guest: a cart, a checkout.
func (s *Shop) buy(ctx context.Context, b buyer) (purchase, error) {
	cart, err := s.begin(ctx, b)
	if err != nil {
		return purchase{}, err
	}
	return s.checkOut(ctx, b, cart, "")
}

// orderStatus asks for the state of a purchase's order.
func (p purchase) orderStatus(ctx context.Context) (string, error) {
	var order struct {
		Status string `json:"status"`
	}
	status, code, err := call(ctx, http.MethodGet, p.base+"/v1/orders/"+p.order, p.token, nil, &order)
	if err != nil || status != http.StatusOK {
		return "", fmt.Errorf("get order: %d %s, %v", status, code, err)
	}
	return order.Status, nil
}

// client keeps enough connections for every buyer of a race.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 200}, Timeout: 2 * time.Minute}

// call sends JSON and reads JSON. It returns the status and the problem's code.
func call(ctx context.Context, method, url, guestToken string, body, into any) (status int, code string, err error) {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return 0, "", err
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, url, content)
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", uuid.NewString())
	if guestToken != "" {
		request.Header.Set("Meridian-Guest-Token", guestToken)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, "", err
	}
	if response.StatusCode/100 == 2 {
		return response.StatusCode, "", json.Unmarshal(text, into)
	}
	var problem struct {
		Code string `json:"code"`
	}
	err = json.Unmarshal(text, &problem)
	return response.StatusCode, problem.Code, err
}

// race lets every buyer buy at the same moment and returns what came of each.
func (s *Shop) race(t *testing.T, buyers []buyer) []purchase {
	t.Helper()
	purchases := make([]purchase, len(buyers))
	start := make(chan struct{})
	var running sync.WaitGroup
	for i, b := range buyers {
		running.Go(func() {
			<-start
			var err error
			if purchases[i], err = s.buy(t.Context(), b); err != nil {
				t.Errorf("buyer %d in %s: %v", i, b.region, err)
			}
		})
	}
	close(start)
	running.Wait()
	return purchases
}

// settle waits until no payment is open, late ones included, and nothing is left for the workers, and
// returns the number of orders in each state.
func (s *Shop) settle(t *testing.T) map[string]int64 {
	t.Helper()
	testkit.Eventually(t, "orders, payments, refunds and webhooks to be settled", func() bool {
		return databasetest.One[int64](t, s.primary().DB, `
SELECT (SELECT count(*) FROM orders WHERE status = 'pending_payment')
  + (SELECT count(*) FROM payments WHERE status IN ('pending', 'requires_action'))
  + (SELECT count(*) FROM refunds WHERE status = 'pending')
  + (SELECT count(*) FROM webhook_inbox WHERE processed_at IS NULL)`) == 0
	})
	return s.states(t)
}

func (s *Shop) states(t *testing.T) map[string]int64 {
	t.Helper()
	type count struct {
		status string
		n      int64
	}
	counts := testkit.Must(database.List(t.Context(), s.primary().DB, func(row pgx.CollectableRow) (count, error) {
		var c count
		err := row.Scan(&c.status, &c.n)
		return c, err
	}, `
SELECT status, count(*)
FROM orders
GROUP BY status`))(t)
	states := make(map[string]int64)
	for _, c := range counts {
		states[c.status] = c.n
	}
	return states
}

// audit holds the whole database against the shop's invariants.
func (s *Shop) audit(t *testing.T) {
	t.Helper()
	report := testkit.Must(verify.Run(t.Context(), s.primary().DB, verify.Options{Regions: s.config.Regions}))(t)
	for _, result := range report.Results {
		for _, broken := range result.Examples {
			t.Errorf("verify: %s: %+v", result.Check, broken)
		}
	}
	if !report.Clean {
		t.Errorf("verify: the shop's invariants are broken")
	}
}
