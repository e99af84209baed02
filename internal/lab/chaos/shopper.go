package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"meridian/internal/lab/client"
)

// load is what goes on in a shop while it is broken.
type load struct {
	shop   *shop
	world  world
	ledger *ledger
	dice   *dice
	cards  []string
	// sending, if set, is called just before a checkout is sent to a pod.
	sending atomic.Pointer[func(*replica)]
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

// onCheckout has hook called just before each checkout is sent to a pod.
func (l *load) onCheckout(hook func(*replica)) { l.sending.Store(&hook) }

// run has shoppers buy, and a supplier bring more, until buying ends. Whoever has begun something then finishes it, for
// which patience bounds the time.
func (l *load) run(buying, patience context.Context) {
	var busy sync.WaitGroup
	for _, customer := range l.world.customers {
		busy.Go(func() {
			for buying.Err() == nil {
				l.shopOnce(patience, customer)
			}
		})
	}
	busy.Go(func() {
		for sleep(buying, l.dice.between(0, supplyPause)) {
			l.supply(patience)
		}
	})
	busy.Wait()
}

// supplyPause is the time between two deliveries at most: the shop sells faster than that.
const supplyPause = 200 * time.Millisecond

// codeSoldOut is the refusal that a shopper has to live with.
const codeSoldOut = "sold_out"

// errUnanswered ends a call that nobody answered for as long as there was patience.
var errUnanswered = errors.New("never answered")

// call makes one call, at pods taken at random, until one answers for good. The key in do has to be the same each time.
func (l *load) call(ctx context.Context, do func(c *client.Client, at *replica) error) error {
	for repeats := 0; ; repeats++ {
		at := one(l.dice, l.shop.pods)
		err := do(&client.Client{Base: at.base, HTTP: l.shop.http}, at)
		if err == nil || isFinal(err) {
			l.ledger.answer(repeats)
			return err
		}
		if !sleep(ctx, l.dice.between(20*time.Millisecond, 300*time.Millisecond)) {
			return fmt.Errorf("%w: %w", errUnanswered, err)
		}
	}
}

// isFinal is true of a refusal that another try would only repeat.
func isFinal(err error) bool {
	var problem *client.ProblemError
	return errors.As(err, &problem) && problem.Status < 500 &&
		problem.Status != http.StatusTooManyRequests && problem.Status != http.StatusRequestTimeout
}

// shopOnce is one visit, of a customer or, half of the time, as a guest: a cart, a checkout, and sometimes a change of
// mind.
func (l *load) shopOnce(ctx context.Context, who member) {
	guest := l.dice.chance(0.5)
	if guest {
		who = member{country: one(l.dice, homes)}
	}
	lines := l.basket()
	var cart client.Cart
	key := client.NewKey()
	err := l.call(ctx, func(c *client.Client, _ *replica) (err error) {
		cart, err = c.CreateCart(ctx, who.By, key, client.CartInput{Country: who.country, Lines: lines})
		return err
	})
	if err != nil {
		l.ledger.note("cart: %s", client.CodeOf(err))
		return
	}
	if guest {
		who.By = client.By{GuestToken: cart.GuestToken}
	}
	p := l.ledger.open(cart.ID, lines)
	placed, ok := l.checkout(ctx, who, p)
	if !ok && !guest {
		l.empty(ctx, who, p) // or the next visit would find it
	}
	if !ok {
		return
	}
	if guest {
		who.By = client.By{GuestToken: placed.GuestToken}
	}
	l.afterwards(ctx, who, p, placed.Order)
}

// empty takes out of a customer's cart what could not be bought.
func (l *load) empty(ctx context.Context, who member, p *purchase) {
	var changes []client.CartChange
	for _, line := range p.lines {
		changes = append(changes, client.CartChange{Op: "remove", SKU: line.SKU})
	}
	key := client.NewKey()
	err := l.call(ctx, func(c *client.Client, _ *replica) error {
		_, err := c.ChangeCart(ctx, who.By, key, p.cart, changes)
		return err
	})
	if err != nil {
		l.ledger.note("empty cart: %s", client.CodeOf(err))
	}
}

// basket is one to three SKUs. One in three is the same that everybody wants.
func (l *load) basket() []client.Line {
	lines := []client.Line{}
	for range 1 + l.dice.number(3) {
		sku := one(l.dice, l.world.skus)
		if l.dice.chance(0.33) {
			sku = l.world.skus[0]
		}
		if !slices.ContainsFunc(lines, func(line client.Line) bool { return line.SKU == sku }) {
			lines = append(lines, client.Line{SKU: sku, Quantity: int64(1 + l.dice.number(2))})
		}
	}
	return lines
}

// checkout orders the cart: as a rule by one call, sometimes by two at once, with the same key as when a button is
// pressed twice, or with two keys as from two browser windows.
func (l *load) checkout(ctx context.Context, who member, p *purchase) (client.Placed, bool) {
	var in client.CheckoutInput
	in.Cart, in.Payment.Method = p.cart, one(l.dice, l.cards)
	in.ShipTo = shipTo(who.country)
	if who.GuestToken != "" {
		in.Email = "guest@chaos.example"
	}
	keys := []string{client.NewKey()}
	switch {
	case l.dice.chance(0.1):
		keys = append(keys, keys[0])
	case l.dice.chance(0.05):
		keys = append(keys, client.NewKey())
	}
	answers := make([]placing, len(keys))
	var both sync.WaitGroup
	for i, key := range keys {
		both.Go(func() { answers[i] = l.place(ctx, who, key, in) })
	}
	both.Wait()
	return l.outcome(p, answers)
}

// shipTo is an address in a country.
func shipTo(country string) client.Address {
	return client.Address{Name: "Chaos Shopper", Line1: "1 Street", City: "Town", Postcode: "12345", Country: country}
}

// placing is what one of the calls of a checkout was answered.
type placing struct {
	placed client.Placed
	err    error
}

func (l *load) place(ctx context.Context, who member, key string, in client.CheckoutInput) (a placing) {
	a.err = l.call(ctx, func(c *client.Client, at *replica) (err error) {
		if hook := l.sending.Load(); hook != nil {
			(*hook)(at)
		}
		a.placed, err = c.Checkout(ctx, who.By, key, in)
		return err
	})
	return a
}

// outcome records what a checkout was answered, by all its calls, and returns the order if there is one.
func (l *load) outcome(p *purchase, answers []placing) (placed client.Placed, ok bool) {
	for _, a := range answers {
		if a.err == nil {
			l.ledger.told(p, a.placed.Order)
			placed, ok = a.placed, true
		}
	}
	for _, a := range answers {
		switch code := client.CodeOf(a.err); {
		case a.err == nil:
		case code == codeSoldOut && !ok:
			l.ledger.refuse(p, code)
		case code == codeSoldOut, code == "cart_closed" && ok: // the other call was quicker
		default:
			l.ledger.note("checkout: %s", code)
		}
	}
	return placed, ok
}

// afterwards is what some shoppers do with an order, and operators for them.
func (l *load) afterwards(ctx context.Context, who member, p *purchase, o client.Order) {
	switch chance := l.dice.share(); {
	case chance < 0.12:
		l.cancel(ctx, who, p, o.ID)
	case chance < 0.3:
		l.look(ctx, who, p, o.ID)
		if p.paid {
			l.refund(ctx, p)
		}
	}
}

func (l *load) look(ctx context.Context, who member, p *purchase, id string) {
	sleep(ctx, l.dice.between(0, time.Second))
	var o client.Order
	err := l.call(ctx, func(c *client.Client, _ *replica) (err error) {
		o, err = c.GetOrder(ctx, who.By, id)
		return err
	})
	if err != nil {
		l.ledger.note("look at order %s: %s", id, client.CodeOf(err))
		return
	}
	l.ledger.told(p, o)
}

func (l *load) cancel(ctx context.Context, who member, p *purchase, id string) {
	sleep(ctx, l.dice.between(0, 300*time.Millisecond))
	key := client.NewKey()
	l.change(p, "cancel", l.call(ctx, func(c *client.Client, _ *replica) error {
		o, err := c.CancelOrder(ctx, who.By, key, id, "changed my mind")
		if err == nil {
			l.ledger.told(p, o)
		}
		return err
	}))
}

// refund gives one line back, or everything.
func (l *load) refund(ctx context.Context, p *purchase) {
	key, in := client.NewKey(), client.RefundInput{Reason: "damaged"}
	if l.dice.chance(0.5) {
		in.Lines = []client.RefundLine{{LineNo: 1, Quantity: 1}}
	}
	l.change(p, "refund", l.call(ctx, func(c *client.Client, _ *replica) error {
		o, err := c.Refund(ctx, l.world.operator, key, p.placed.ID, in)
		if err == nil {
			l.ledger.told(p, o)
		}
		return err
	}))
}

// change notes an answer that a change of an order should not get. That its state does not allow it is a good answer.
func (l *load) change(p *purchase, what string, err error) {
	if code := client.CodeOf(err); err != nil && code != "order_state" {
		l.ledger.note("%s of %s: %s", what, p.placed.ID, code)
	}
}

// supply brings a few units of a SKU to a warehouse.
func (l *load) supply(ctx context.Context) {
	in := client.ReceiveInput{SKU: one(l.dice, l.world.skus), Warehouse: one(l.dice, l.world.warehouses), Quantity: int64(1 + l.dice.number(4)), Reason: "delivery"}
	key := client.NewKey()
	err := l.call(ctx, func(c *client.Client, _ *replica) error { return c.Receive(ctx, l.world.operator, key, in) })
	if err != nil {
		l.ledger.note("delivery: %s", client.CodeOf(err))
		return
	}
	l.ledger.receive(in.SKU, in.Quantity)
}
