package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"meridian/internal/lab/client"
)

// load is the traffic of a shop while it is broken.
type load struct {
	shop   *shop
	world  world
	ledger *ledger
	dice   dice
	cards  []string
}

// newLoad returns the traffic of a shop that was filled with w.
func newLoad(s *shop, w world, cards []string) *load {
	l := &load{shop: s, world: w, ledger: newLedger(), dice: s.dice, cards: cards}
	for _, receipt := range w.opening {
		l.ledger.receive(receipt.SKU, receipt.Quantity)
	}
	return l
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
	var busy sync.WaitGroup
	for _, customer := range l.world.customers {
		busy.Go(func() {
			for buying.Err() == nil {
				l.visit(patience, customer)
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

// codeSoldOut is the refusal that a shopper has to live with.
const codeSoldOut = "sold_out"

// errUnanswered ends a call that nobody answered for as long as there was patience.
var errUnanswered = errors.New("never answered")

// send makes a call at pods taken at random until one gives a final answer. An idempotency key in do has to be the same
// each time. It fails with errUnanswered when ctx ends first.
func send[T any](ctx context.Context, l *load, do func(at *replica) (T, error)) (T, error) {
	for repeats := 0; ; repeats++ {
		answer, err := do(one(l.dice, l.shop.pods))
		if err == nil || isFinal(err) {
			l.ledger.answer(repeats)
			return answer, err
		}
		if !sleep(ctx, l.dice.between(20*time.Millisecond, 300*time.Millisecond)) {
			return answer, fmt.Errorf("%w: %w", errUnanswered, err)
		}
	}
}

// isFinal reports whether err is a refusal that another try would only repeat.
func isFinal(err error) bool {
	var problem *client.ProblemError
	return errors.As(err, &problem) && problem.Status < 500 &&
		problem.Status != http.StatusTooManyRequests && problem.Status != http.StatusRequestTimeout
}

// visit is one visit, of a customer or, half of the time, of a guest: a cart, a checkout, and sometimes a change of mind.
func (l *load) visit(ctx context.Context, who member) {
	guest := l.dice.chance(0.5)
	if guest {
		who = member{country: one(l.dice, homes)}
	}
	lines, key := l.basket(), client.NewKey()
	cart, err := send(ctx, l, func(at *replica) (client.Cart, error) {
		return at.CreateCart(ctx, who.By, key, client.CartInput{Country: who.country, Lines: lines})
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
	switch chance := l.dice.Float64(); {
	case chance < 0.12:
		l.cancel(ctx, who, p)
	case chance < 0.3:
		l.look(ctx, who, p)
		if p.paid {
			l.refund(ctx, p)
		}
	}
}

// empty takes out of a customer's cart what could not be bought.
func (l *load) empty(ctx context.Context, who member, p *purchase) {
	var changes []client.CartChange
	for _, line := range p.lines {
		changes = append(changes, client.CartChange{Op: "remove", SKU: line.SKU})
	}
	key := client.NewKey()
	_, err := send(ctx, l, func(at *replica) (client.Cart, error) { return at.ChangeCart(ctx, who.By, key, p.cart, changes) })
	if err != nil {
		l.ledger.note("empty cart: %s", client.CodeOf(err))
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
// pressed twice, or with two keys as from two browser windows. It returns the order if there is one.
func (l *load) checkout(ctx context.Context, who member, p *purchase) (placed client.Placed, ok bool) {
	in := checkoutOf(p.cart, one(l.dice, l.cards), who.country)
	if who.GuestToken != "" {
		in.Email = guestEmail
	}
	keys := []string{client.NewKey()}
	switch {
	case l.dice.chance(0.1):
		keys = append(keys, keys[0])
	case l.dice.chance(0.05):
		keys = append(keys, client.NewKey())
	}
	answers := make([]client.Placed, len(keys))
	errs := make([]error, len(keys))
	var both sync.WaitGroup
	for i, key := range keys {
		both.Go(func() {
			answers[i], errs[i] = send(ctx, l, func(at *replica) (client.Placed, error) {
				l.shop.observe(checkoutSent, at)
				return at.Checkout(ctx, who.By, key, in)
			})
		})
	}
	both.Wait()
	for i, answer := range answers {
		if errs[i] == nil {
			l.ledger.told(p, answer.Order)
			placed, ok = answer, true
		}
	}
	l.judgeRefusals(p, errs, ok)
	return placed, ok
}

const guestEmail = "guest@chaos.example"

func checkoutOf(cart, card, country string) client.CheckoutInput {
	in := client.CheckoutInput{Cart: cart, ShipTo: client.Address{
		Name: "Chaos Shopper", Line1: "1 Street", City: "Town", Postcode: "12345", Country: country,
	}}
	in.Payment.Method = card
	return in
}

// judgeRefusals records the refusals of a checkout's calls, of which one was placed or not.
func (l *load) judgeRefusals(p *purchase, errs []error, placed bool) {
	for _, err := range errs {
		switch code := client.CodeOf(err); {
		case err == nil:
		case code == codeSoldOut && !placed:
			l.ledger.refuse(p, code)
		case code == codeSoldOut, code == "cart_closed" && placed: // the other call was quicker
		default:
			l.ledger.note("checkout: %s", code)
		}
	}
}

// look reads the order some time later.
func (l *load) look(ctx context.Context, who member, p *purchase) {
	sleep(ctx, l.dice.between(0, time.Second))
	l.ask(ctx, p, "look", func(at *replica) (client.Order, error) { return at.GetOrder(ctx, who.By, p.placed.ID) })
}

func (l *load) cancel(ctx context.Context, who member, p *purchase) {
	sleep(ctx, l.dice.between(0, 300*time.Millisecond))
	key := client.NewKey()
	l.ask(ctx, p, "cancel", func(at *replica) (client.Order, error) {
		return at.CancelOrder(ctx, who.By, key, p.placed.ID, "changed my mind")
	})
}

// refund gives one line back, or everything.
func (l *load) refund(ctx context.Context, p *purchase) {
	key, in := client.NewKey(), client.RefundInput{Reason: "damaged"}
	if l.dice.chance(0.5) {
		in.Lines = []client.RefundLine{{LineNo: 1, Quantity: 1}}
	}
	l.ask(ctx, p, "refund", func(at *replica) (client.Order, error) {
		return at.Refund(ctx, l.world.operator, key, p.placed.ID, in)
	})
}

// ask makes a call about an order and records the answer. That the order's state does not allow it is a good answer.
func (l *load) ask(ctx context.Context, p *purchase, what string, do func(at *replica) (client.Order, error)) {
	switch o, err := send(ctx, l, do); {
	case err == nil:
		l.ledger.told(p, o)
	case client.CodeOf(err) != "order_state":
		l.ledger.note("%s of %s: %s", what, p.placed.ID, client.CodeOf(err))
	}
}

// supply brings a few units of a SKU to a warehouse.
func (l *load) supply(ctx context.Context) {
	key, in := client.NewKey(), client.ReceiveInput{
		SKU: one(l.dice, l.world.skus), Warehouse: one(l.dice, l.world.warehouses), Quantity: int64(1 + l.dice.IntN(4)), Reason: "delivery",
	}
	_, err := send(ctx, l, func(at *replica) (struct{}, error) { return struct{}{}, at.Receive(ctx, l.world.operator, key, in) })
	if err != nil {
		l.ledger.note("delivery: %s", client.CodeOf(err))
		return
	}
	l.ledger.receive(in.SKU, in.Quantity)
}

// orderAt orders one unit, as a guest: the cart is made at the second pod, the checkout sent to the first, and to the
// second until it is answered.
func (l *load) orderAt(ctx context.Context, first, second *replica, card string) error {
	patient := *second.Client
	patient.Attempts = 20
	lines := []client.Line{{SKU: walkSKU, Quantity: 1}}
	cart, err := patient.CreateCart(ctx, client.By{}, client.NewKey(), client.CartInput{Country: homes[0], Lines: lines})
	if err != nil {
		return err
	}
	p := l.ledger.open(cart.ID, lines)
	in := checkoutOf(cart.ID, card, homes[0])
	in.Email = guestEmail
	by, key := client.By{GuestToken: cart.GuestToken}, client.NewKey()
	placed, err := first.Checkout(ctx, by, key, in)
	if err != nil && !isFinal(err) {
		placed, err = patient.Checkout(ctx, by, key, in)
	}
	if err == nil {
		l.ledger.told(p, placed.Order)
	}
	return err
}
