package chaos

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"meridian/internal/inventory"
	"meridian/internal/lab/audit"
	"meridian/internal/lab/client"
	"meridian/internal/lab/history"
	"meridian/internal/lab/shopper"
)

// Witnesses are shoppers whose every call is recorded, to be checked for linearizability and for what a session may rely on. They
// have SKUs of their own, so that all that happens to these is known.
const (
	witnesses   = 4
	witnessSKUs = 2
	// witnessUnits of each are there at the start: so few that they sell out.
	witnessUnits = 6
	witnessPause = 100 * time.Millisecond
)

func witnessSKU(n int) string { return fmt.Sprintf("WITNESS-%d", n+1) }

// witnessStock is what the witnesses' SKUs begin with.
func witnessStock(warehouse string) (all []inventory.Receipt) {
	for n := range witnessSKUs {
		all = append(all, inventory.Receipt{SKU: witnessSKU(n), Warehouse: warehouse, Quantity: witnessUnits})
	}
	return all
}

// witness uses the shop until buying ends, and records what it was told. patience bounds what it has begun.
func (l *load) witness(buying, patience context.Context, session int) {
	for client.Sleep(buying, l.dice.between(0, witnessPause)) {
		sku, units := witnessSKU(l.dice.IntN(witnessSKUs)), int64(1+l.dice.IntN(2))
		if l.dice.chance(0.1) {
			l.witnessReceipt(patience, session, sku, units)
		}
		l.witnessLeft(patience, session, sku)
		l.witnessOrder(patience, session, sku, units)
	}
}

// witnessReceipt records that units arrive.
func (l *load) witnessReceipt(ctx context.Context, session int, sku string, units int64) {
	op := history.Operation{Session: session, Kind: history.Stock, Key: sku, Verb: history.Receive, In: units}
	l.history.Do(op, func(*history.Operation) bool {
		in := client.ReceiveInput{SKU: sku, Warehouse: l.world.warehouses[0], Quantity: units, Reason: "delivery"}
		err := l.world.operator.Do(ctx, l.client, func(by client.By) error { return l.client.Receive(ctx, by, "", in) })
		l.expect(err, "delivery")
		if err == nil {
			l.note(sku, units)
		}
		return err == nil
	})
}

// witnessLeft records how many units an operator is told are left.
func (l *load) witnessLeft(ctx context.Context, session int, sku string) {
	op := history.Operation{Session: session, Kind: history.Stock, Key: sku, Verb: history.Read}
	l.history.Do(op, func(op *history.Operation) bool {
		var a client.Availability
		err := l.world.operator.Do(ctx, l.client, func(by client.By) error {
			return l.client.Do(ctx, http.MethodGet, "/v1/skus/"+sku+"/availability", by, "", nil, &a)
		})
		left := int64(0)
		for _, region := range a.Regions {
			left += region.Units
		}
		op.Out = strconv.FormatInt(left, 10)
		return err == nil
	})
}

// witnessOrder records a cart that is filled, changed and read, and its order, which is repeated and read.
func (l *load) witnessOrder(ctx context.Context, session int, sku string, units int64) {
	s := l.guest(one(l.dice, shopper.Countries))
	p, err := s.NewCart(ctx, "", []client.Line{{SKU: sku, Quantity: 3 - units}})
	if err != nil {
		return
	}
	ofCart := history.Operation{Session: session, Kind: history.Cart, Key: p.Cart.ID, Verb: history.Set, In: 3 - units}
	l.history.Do(ofCart, func(op *history.Operation) bool { op.Version = p.Cart.Version; return true })
	ofCart.In = units
	l.history.Do(ofCart, func(op *history.Operation) bool {
		err := s.SetLines(ctx, "", p, []client.Line{{SKU: sku, Quantity: units}})
		op.Version = p.Cart.Version
		return err == nil
	})
	ofCart.Verb = history.Read
	l.history.Do(ofCart, func(op *history.Operation) bool {
		err := s.ReadCart(ctx, p)
		op.Out, op.Version = quantityOf(p.Cart, sku), p.Cart.Version
		return err == nil
	})
	l.witnessCheckout(ctx, session, s, p, sku, units)
}

func quantityOf(c client.Cart, sku string) string {
	for _, line := range c.Lines {
		if line.SKU == sku {
			return strconv.FormatInt(line.Quantity, 10)
		}
	}
	return "0"
}

// witnessCheckout records an order, its repetition with the same key, and a read of it.
func (l *load) witnessCheckout(ctx context.Context, session int, s shopper.Shopper, p *shopper.Purchase, sku string, units int64) {
	idempotency := client.NewKey()
	placed := false
	bought := history.Operation{Session: session, Kind: history.Stock, Key: sku, Verb: history.Buy, In: units}
	byKey := history.Operation{Session: session, Kind: history.Key, Key: idempotency, Verb: history.Place}
	place := func(op *history.Operation) bool {
		err := s.Checkout(ctx, idempotency, p, "card_success_now")
		op.Out = p.Order.ID
		return err == nil
	}
	l.history.Do(bought, func(op *history.Operation) bool {
		err := s.Checkout(ctx, idempotency, p, "card_success_now")
		switch code := client.CodeOf(err); {
		case err == nil:
			placed = true
		case code == shopper.CodeSoldOut:
			op.Out = history.Refused
		case client.Final(err): // too much unpaid: it bought nothing, and says nothing of the stock
			l.expect(err, "checkout", "too_many_unpaid")
			op.Verb, op.In = history.Receive, 0
		default:
			return false
		}
		return true
	})
	if !placed {
		return
	}
	byKey.Out = p.Order.ID
	l.history.Do(byKey, func(*history.Operation) bool { return true })
	l.history.Do(byKey, place)
	seen := history.Operation{Session: session, Kind: history.Order, Key: p.Order.ID, Verb: history.Read}
	l.history.Do(seen, func(op *history.Operation) bool {
		o, err := s.ReadOrder(ctx, p)
		op.Out, op.Version = o.Status, o.Version
		return err == nil
	})
}

// cancelTakes is how long the transaction that cancels an order takes at most.
const cancelTakes = 5 * time.Second

// witnessed returns what the witnesses recorded, the opening stock first. Units of orders that workers cancelled have come back, which
// nobody was told: the shop's book says when.
func (l *load) witnessed(book audit.Book) []history.Operation {
	all := []history.Operation{}
	ours := make(map[string]bool)
	receipt := history.Operation{Session: witnesses, Kind: history.Stock, Verb: history.Receive, In: witnessUnits}
	for n := range witnessSKUs {
		receipt.Key = witnessSKU(n)
		ours[receipt.Key] = true
		all = append(all, receipt)
	}
	for _, o := range book.Orders {
		for _, line := range o.Lines {
			if o.CancelledAt != nil && ours[line.SKU] {
				receipt.Key, receipt.In = line.SKU, line.Quantity
				receipt.Called = l.history.At(*o.CancelledAt)
				receipt.Answered = receipt.Called + cancelTakes
				all = append(all, receipt)
			}
		}
	}
	return append(all, l.history.Operations()...)
}
