package chaos

import (
	"context"
	"fmt"

	"meridian/internal/client"
)

// walkLimit bounds a walk: no piece of work of the shop has so many steps.
const walkLimit = 200

// Walk cuts the same piece of work at its first step, then at its second and so on, on either side, with a connection
// that is there again at once and with one that stays away, until it goes through without having been cut. do does the
// work, and finishes it by other ways where it must. It returns how many cuts were made.
func Walk(p *Proxy, do func(Cut) error) (cuts int, err error) {
	for _, c := range []Cut{{Side: BeforeServer}, {Side: BeforeServer, StayDown: true}, {Side: BeforeClient}, {Side: BeforeClient, StayDown: true}} {
		for c.Step = 1; ; c.Step++ {
			p.Arm(c)
			err := do(c)
			if wasCut := p.Disarm(); err != nil || !wasCut {
				if err != nil {
					return cuts, fmt.Errorf("cut at step %d, %s: %w", c.Step, c.Side, err)
				}
				break
			}
			cuts++
			if c.Step == walkLimit {
				return cuts, fmt.Errorf("more than %d steps, %s", walkLimit, c.Side)
			}
		}
	}
	return cuts, nil
}

// walk has one shopper order the same again and again of a pod whose connections are cut, and repeat what was not
// answered at another pod.
func (b *breaker) walk(ctx context.Context) error {
	cutOff, other := b.shop.pods[0], b.shop.pods[1]
	_, err := Walk(cutOff.proxy, func(Cut) error { return b.load.orderAt(ctx, cutOff, other, "card_success_now") })
	return err
}

// orderAt orders one unit, as a guest: the cart is made at the second pod, the checkout sent to the first, and to the second until
// it is answered.
func (l *load) orderAt(ctx context.Context, first, second *replica, card string) error {
	at := client.Client{Base: second.base, HTTP: l.shop.http, Attempts: 20}
	lines := []client.Line{{SKU: walkSKU, Quantity: 1}}
	cart, err := at.CreateCart(ctx, client.By{}, client.NewKey(), client.CartInput{Country: homes[0], Lines: lines})
	if err != nil {
		return err
	}
	p := l.ledger.open(cart.ID, lines)
	in := client.CheckoutInput{Cart: cart.ID, Email: "guest@chaos.example", ShipTo: shipTo(homes[0])}
	in.Payment.Method = card
	by, key := client.By{GuestToken: cart.GuestToken}, client.NewKey()
	placed, err := (&client.Client{Base: first.base, HTTP: l.shop.http}).Checkout(ctx, by, key, in)
	if err != nil && !isFinal(err) {
		placed, err = at.Checkout(ctx, by, key, in)
	}
	if err == nil {
		l.ledger.told(p, placed.Order)
	}
	return err
}
