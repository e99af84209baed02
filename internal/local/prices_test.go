package local

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/pricing/changes"
	"meridian/internal/promotion"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

// pricedLine is a line of a cart, a quote or an order.
type pricedLine struct {
	SKU            string `json:"sku"`
	UnitPriceMinor int64  `json:"unit_price_minor"`
}

type pricedLines []pricedLine

// Two hundred shoppers in four regions use a coupon that is limited to fifty.
func TestCoupon_200ShoppersFor50Uses(t *testing.T) {
	const shoppers, limit = 200, 50
	shop := openShop(t, nil)
	shop.sell(t, "MUG")
	shop.receive(t, "MUG", "euw-1", shoppers)
	fifty := promotion.Promotion{
		ID: "first-fifty", Title: "For the first fifty", Coupon: "FIFTY", TotalLimit: limit,
		Spec: promotion.Spec{Kind: promotion.Percentage, PercentBP: 2000},
	}
	testkit.NoError(t, shop.primary().DB.Write(t.Context(), func(b *database.Batch) error {
		changes.QueueRulesChanged(b)
		return promotion.QueuePut(b, fifty, uuid.New(), time.Now().Add(-time.Minute))
	}))
	buyers := buyersOf(shoppers, func(int) []line { return []line{{"MUG", 1}} }, always("card_success"))
	for i := range buyers {
		buyers[i].coupons = []string{"fifty"}
	}
	got := tally(shop.race(t, buyers))
	if got[placed] != limit || got["409 promotion_used_up"]+got["422 coupon_refused"] != shoppers-limit {
		t.Errorf("answers = %v, want %d orders and the coupon used up for the others", got, limit)
	}
	if states := shop.settle(t); states["paid"] != limit || len(states) != 1 {
		t.Errorf("orders = %v, want %d paid", states, limit)
	}
	db := shop.primary().DB
	used := databasetest.One[int64](t, db, `SELECT used FROM promotion_uses WHERE promotion = 'first-fifty'`)
	reduced := databasetest.One[int64](t, db, `SELECT count(*) FROM orders WHERE discount_minor = 200`)
	if used != limit || reduced != limit {
		t.Errorf("%d uses are counted, %d orders have the discount, want %d", used, reduced, limit)
	}
	shop.audit(t)
}

// The prices of two goods before and after the instant of a change: one rises, one falls.
var before, after = [2]int64{1000, 1000}, [2]int64{1300, 700}

// of is the prices of the two goods, RISES and FALLS, among lines.
func (lines pricedLines) of() (prices [2]int64) {
	for _, l := range lines {
		switch l.SKU {
		case "RISES":
			prices[0] = l.UnitPriceMinor
		case "FALLS":
			prices[1] = l.UnitPriceMinor
		}
	}
	return prices
}

// A price change that is scheduled for an instant: whoever asks while it passes, wherever, gets
// wholly the old prices or wholly the new ones, the old until the instant and the new from it
// on; and checkout honours what was quoted.
func TestScheduledChange(t *testing.T) {
	shop := openShop(t, nil)
	shop.sell(t, "RISES", "FALLS")
	shop.receive(t, "RISES", "euw-1", 100_000)
	shop.receive(t, "FALLS", "euw-1", 100_000)
	instant := time.Now().Add(4 * time.Second).Truncate(time.Microsecond)
	shop.schedule(t, instant)

	quoted := make([]quotedBasket, len(homes))
	for i, b := range buyersOf(len(homes), bothGoods, always("card_success")) {
		quoted[i] = shop.quoteBasket(t, b)
	}
	var asking sync.WaitGroup
	seen := make([]map[[2]int64]int, len(homes))
	for i, b := range buyersOf(len(homes), bothGoods, always("card_success")) {
		seen[i] = make(map[[2]int64]int)
		asking.Go(func() { shop.askUntil(t, b, instant, seen[i]) })
	}
	asking.Wait()
	for i, home := range homes {
		if n := seen[i]; n[before] == 0 || n[after] == 0 || len(n) != 2 {
			t.Errorf("%s answered %v, want both %v and %v and nothing else", home.region, n, before, after)
		}
	}
	for _, q := range quoted {
		q.wantHonoured(t, shop)
	}
	shop.settle(t)
	shop.audit(t)
}

func bothGoods(int) []line { return []line{{"RISES", 1}, {"FALLS", 1}} }

// schedule ends the prices of now at an instant, where others begin.
func (s *Shop) schedule(t *testing.T, instant time.Time) {
	t.Helper()
	testkit.NoError(t, s.primary().DB.Write(t.Context(), func(b *database.Batch) error {
		b.Queue(`UPDATE price_entries SET valid_to = $1, changed_at = now() WHERE valid_to IS NULL`, instant)
		b.Queue(`
INSERT INTO price_entries (sku, list, min_quantity, valid_from, amount_minor)
SELECT e.sku, e.list, e.min_quantity, $1::timestamptz, CASE e.sku WHEN 'RISES' THEN $2::int8 ELSE $3::int8 END
FROM price_entries e`, instant, after[0], after[1])
		return nil
	}))
}

// askUntil goes on asking what the goods cost, in a cart, a quote and now and then an order,
// until an answer to a question that was asked after the instant.
func (s *Shop) askUntil(t *testing.T, b buyer, instant time.Time, seen map[[2]int64]int) {
	for n := 0; ; n++ {
		asked := time.Now()
		cart, err := s.begin(t.Context(), b)
		note := func(what string, lines pricedLines) {
			prices, answered := lines.of(), time.Now()
			seen[prices]++
			switch {
			case answered.Before(instant) && prices != before:
				t.Errorf("%s: a %s had %v %s before the instant", b.region, what, prices, instant.Sub(answered))
			case !asked.Before(instant) && prices != after:
				t.Errorf("%s: a %s asked for %s after the instant had %v", b.region, what, asked.Sub(instant), prices)
			}
		}
		if err != nil {
			t.Error(err)
			return
		}
		note("cart", cart.Lines)
		_, lines, err := s.quote(t.Context(), b, cart)
		if err != nil {
			t.Error(err)
			return
		}
		note("quote", lines)
		if n%4 == 0 {
			p, err := s.checkOut(t.Context(), b, cart, "")
			if err != nil || p.status != http.StatusCreated {
				t.Errorf("%s: checkout: %d %s, %v", b.region, p.status, p.code, err)
				return
			}
			note("order", p.lines)
		}
		if asked.After(instant) {
			return
		}
	}
}

// quote asks what the goods of a cart cost.
func (s *Shop) quote(ctx context.Context, b buyer, cart basket) (id string, lines pricedLines, err error) {
	var answer struct {
		Quotes []struct {
			Quote string      `json:"quote_id"`
			Lines pricedLines `json:"lines"`
		} `json:"quotes"`
	}
	status, code, err := call(ctx, http.MethodPost, s.RegionURL(b.region)+"/v1/prices:quote", "",
		map[string]any{"country": b.country, "currencies": []string{cart.Currency}, "lines": b.lines}, &answer)
	if err != nil || status != http.StatusOK || len(answer.Quotes) != 1 {
		return "", nil, fmt.Errorf("quote: %d %s, %v", status, code, err)
	}
	return answer.Quotes[0].Quote, answer.Quotes[0].Lines, nil
}

// quotedBasket is a cart with a quote of before the instant.
type quotedBasket struct {
	buyer buyer
	cart  basket
	id    string
}

func (s *Shop) quoteBasket(t *testing.T, b buyer) quotedBasket {
	t.Helper()
	q := quotedBasket{buyer: b}
	var err error
	q.cart = testkit.Must(s.begin(t.Context(), b))(t)
	var lines pricedLines
	if q.id, lines, err = s.quote(t.Context(), b, q.cart); err != nil || q.id == "" || lines.of() != before {
		t.Fatalf("%s quotes %v as %q, %v", b.region, lines, q.id, err)
	}
	return q
}

// wantHonoured orders the cart after the instant: by the quote at the old prices, and another
// like it, without, at the new ones.
func (q quotedBasket) wantHonoured(t *testing.T, s *Shop) {
	t.Helper()
	p, err := s.checkOut(t.Context(), q.buyer, q.cart, q.id)
	if err != nil || p.status != http.StatusCreated || p.lines.of() != before {
		t.Errorf("%s: by the quote: %d %s %v, %v; want %v", q.buyer.region, p.status, p.code, p.lines, err, before)
	}
	if p, err = s.buy(t.Context(), q.buyer); err != nil || p.lines.of() != after {
		t.Errorf("%s: without a quote: %d %s %v, %v; want %v", q.buyer.region, p.status, p.code, p.lines, err, after)
	}
	stored, err := database.List(t.Context(), s.primary().DB, pgx.RowTo[int64], `
SELECT DISTINCT count(DISTINCT l.derivation ->> 'as_of')
FROM order_lines l
GROUP BY l.order_id`)
	if err != nil || len(stored) != 1 || stored[0] != 1 {
		t.Errorf("orders have lines of %v moments, %v; want 1", stored, err)
	}
}
