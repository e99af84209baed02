package chaos

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"meridian/internal/lab/client"
	"meridian/internal/lab/history"
	"meridian/internal/lab/report"
	"meridian/internal/lab/shopper"
)

// load is the traffic of a shop while it is broken.
type load struct {
	shop    *shop
	world   world
	dice    dice
	cards   []string
	client  *client.Client // of all pods, taken at random, until one answers
	calls   report.Calls
	journal shopper.Journal
	history history.Recorder // of the witnesses

	mu       sync.Mutex
	received map[string]int64 // units that were acknowledged, by SKU
}

// newLoad returns the traffic of a shop that was filled with w.
func newLoad(s *shop, w world, cards []string) *load {
	l := &load{shop: s, world: w, dice: s.dice, cards: cards, received: make(map[string]int64)}
	l.client = &client.Client{
		HTTP: s.http, Route: l.route, Attempts: client.UntilDone, Observe: l.calls.Observe,
		Pause: func(int) time.Duration { return s.dice.between(20*time.Millisecond, 300*time.Millisecond) },
	}
	for _, receipt := range w.opening {
		l.received[receipt.SKU] += receipt.Quantity
	}
	return l
}

// route returns the address of a pod taken at random.
func (l *load) route(method, path string) string {
	r := one(l.dice, l.shop.pods)
	if method == http.MethodPost && path == "/v1/orders" {
		l.shop.observe(checkoutSent, r)
	}
	return r.base
}

// told returns what the shoppers and suppliers were told.
func (l *load) told() told {
	l.mu.Lock()
	defer l.mu.Unlock()
	return told{purchases: l.journal.Purchases(), received: maps.Clone(l.received), notes: l.journal.Notes()}
}

// everyCard is how shoppers pay: mostly well.
var everyCard = []string{
	"card_success", "card_success", "card_success", "card_success", "card_success", "card_success",
	"card_success_now", "card_success_now", "card_success_slow:2s", "card_success_refund_slow:1s",
	"card_declined", "card_declined_now", "card_insufficient_funds", "card_never", "card_requires_action",
	"card_duplicate:3", "card_reordered", "card_early", "card_error_then_success", "card_late:15s", "card_unavailable",
}

// quickCards leaves out those that keep a shop busy for a minute and more after its shoppers have gone.
var quickCards = []string{
	"card_success", "card_success", "card_success", "card_success_now", "card_declined", "card_declined_now",
	"card_duplicate:3", "card_reordered", "card_early", "card_error_then_success", "card_success_refund_slow:1s",
}

// supplyPause is the time between two deliveries at most: the shop sells faster than that.
const supplyPause = 200 * time.Millisecond

// run lets shoppers buy, and a supplier bring more, until buying ends. Whoever has begun something then finishes it, for
// which patience bounds the time.
func (l *load) run(buying, patience context.Context) {
	var supplying sync.WaitGroup
	supplying.Go(func() {
		for client.Sleep(buying, l.dice.between(0, supplyPause)) {
			l.supply(patience)
		}
	})
	for session := range witnesses {
		supplying.Go(func() { l.witness(buying, patience, session) })
	}
	shopper.Crowd(buying, len(l.world.customers), func(i int) { l.visit(patience, l.world.customers[i]) })
	supplying.Wait()
}

// guest returns a guest in a country.
func (l *load) guest(country string) shopper.Shopper {
	return shopper.Shopper{
		Client: l.client, Country: country, Email: fmt.Sprintf("guest-%d@chaos.example", l.dice.IntN(1e6)), Journal: &l.journal,
		ShipTo: shopper.Address("Chaos Shopper", country, ""),
	}
}

// visit is one visit, of a customer or, half of the time, of a guest: a cart, a checkout, and sometimes a change of mind.
func (l *load) visit(ctx context.Context, customer *shopper.Account) {
	s := l.guest(customer.Country)
	s.Account = customer
	if l.dice.chance(0.5) {
		s = l.guest(one(l.dice, shopper.Countries))
	}
	p, err := s.NewCart(ctx, "", l.basket())
	if err != nil {
		l.journal.Note("cart: %s", client.CodeOf(err))
		return
	}
	if !l.checkout(ctx, s, p) {
		if s.Account != nil { // or the next visit would find what could not be bought
			l.expect(s.SetLines(ctx, "", p, nil), "emptying of a cart")
		}
		return
	}
	switch chance := l.dice.Float64(); {
	case chance < 0.12:
		client.Sleep(ctx, l.dice.between(0, 300*time.Millisecond))
		_, err = s.Cancel(ctx, "", p)
		l.expect(err, "cancelling of "+p.Order.ID, "order_state")
	case chance < 0.3:
		client.Sleep(ctx, l.dice.between(0, time.Second))
		_, err = s.ReadOrder(ctx, p)
		l.expect(err, "reading of "+p.Order.ID)
		if p.Paid {
			l.expect(l.refund(ctx, p), "refund of "+p.Order.ID, "order_state")
		}
	}
}

// expect notes an error that no correct shop returns. The codes are of refusals that one may return.
func (l *load) expect(err error, what string, codes ...string) {
	if code := client.CodeOf(err); err != nil && !slices.Contains(codes, code) {
		l.journal.Note("%s: %s", what, code)
	}
}

// basket returns one to three SKUs. One in three is the same that everybody wants.
func (l *load) basket() []client.Line {
	lines := []client.Line{}
	for range 1 + l.dice.IntN(3) {
		sku := one(l.dice, l.world.skus)
		if l.dice.chance(0.33) {
			sku = l.world.skus[0]
		}
		if !slices.ContainsFunc(lines, func(line client.Line) bool { return line.SKU == sku }) {
			lines = append(lines, client.Line{SKU: sku, Quantity: int64(1 + l.dice.IntN(2))})
		}
	}
	return lines
}

// checkout orders the cart: as a rule by one call, sometimes by two at once, with the same key as when a button is
// pressed twice, or with two keys as from two browser windows. It reports whether there is an order.
func (l *load) checkout(ctx context.Context, s shopper.Shopper, p *shopper.Purchase) (placed bool) {
	card, keys := one(l.dice, l.cards), []string{client.NewKey()}
	switch {
	case l.dice.chance(0.1):
		keys = append(keys, keys[0])
	case l.dice.chance(0.05):
		keys = append(keys, client.NewKey())
	}
	errs := make([]error, len(keys))
	var both sync.WaitGroup
	for i, key := range keys {
		both.Go(func() { errs[i] = s.Checkout(ctx, key, p, card) })
	}
	both.Wait()
	allowed := []string{shopper.CodeSoldOut, "too_many_unpaid"} // all come from one network
	if placed = len(p.Orders) > 0; placed {
		allowed = append(allowed, "cart_closed") // the other call was quicker
	}
	for _, err := range errs {
		l.expect(err, "checkout", allowed...)
	}
	return placed
}

// refund gives one line back, or everything.
func (l *load) refund(ctx context.Context, p *shopper.Purchase) error {
	in := client.RefundInput{Reason: "damaged"}
	if l.dice.chance(0.5) {
		in.Lines = []client.RefundLine{{LineNo: 1, Quantity: 1}}
	}
	return l.world.operator.Do(ctx, l.client, func(by client.By) error {
		o, err := l.client.Refund(ctx, by, "", p.Order.ID, in)
		if err == nil {
			p.Told(o)
		}
		return err
	})
}

// supply brings a few units of a SKU to a warehouse.
func (l *load) supply(ctx context.Context) {
	in := client.ReceiveInput{
		SKU: one(l.dice, l.world.skus), Warehouse: one(l.dice, l.world.warehouses), Quantity: int64(1 + l.dice.IntN(4)), Reason: "delivery",
	}
	err := l.world.operator.Do(ctx, l.client, func(by client.By) error { return l.client.Receive(ctx, by, "", in) })
	l.expect(err, "delivery")
	if err == nil {
		l.note(in.SKU, in.Quantity)
	}
}

// note notes units that were acknowledged.
func (l *load) note(sku string, units int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.received[sku] += units
}

// orderAt orders one unit, as a guest: the cart is made at the second pod, the checkout sent to the first, and to the
// second until it is answered.
func (l *load) orderAt(ctx context.Context, first, second *replica, card string) error {
	s, key := l.guest(shopper.Countries[0]), client.NewKey()
	s.Client = &client.Client{Base: second.base, HTTP: l.shop.http, Attempts: 20}
	p, err := s.NewCart(ctx, "", []client.Line{{SKU: walkSKU, Quantity: 1}})
	if err != nil {
		return err
	}
	at := s
	at.Client = &client.Client{Base: first.base, HTTP: l.shop.http}
	if err = at.Checkout(ctx, key, p, card); err != nil && !client.Final(err) {
		err = s.Checkout(ctx, key, p, card)
	}
	return err
}
