package chaos

import (
	"context"
	"fmt"

	"meridian/internal/lab/client"
)

// walkLimit bounds a walk: no piece of work of the shop has so many steps.
const walkLimit = 200

// Walk cuts the same piece of work at its first step, then at its second and so on, on either side, until it goes
// through without having been cut. do does the work, and finishes it by other ways where it must. Each step is cut with
// a connection that is there again at once, and with one that stays away until do is done; brief has these two in turn,
// step by step. It returns how many cuts were made.
func Walk(p *Proxy, brief bool, do func(Cut) error) (cuts int, err error) {
	ways := []Cut{{Side: BeforeServer}, {Side: BeforeServer, StayDown: true}, {Side: BeforeClient}, {Side: BeforeClient, StayDown: true}}
	if brief {
		ways = []Cut{{Side: BeforeServer}, {Side: BeforeClient}}
	}
	for _, c := range ways {
		for c.Step = 1; ; c.Step++ {
			if brief {
				c.StayDown = c.Step%2 == 0
			}
			wasCut, err := tryCut(p, c, do)
			if err != nil {
				return cuts, err
			}
			if !wasCut {
				break
			}
			cuts++
		}
	}
	return cuts, nil
}

func tryCut(p *Proxy, c Cut, do func(Cut) error) (wasCut bool, err error) {
	p.Arm(c)
	err = do(c)
	wasCut = p.Disarm()
	if err == nil && c.Step > walkLimit {
		err = fmt.Errorf("more than %d steps", walkLimit)
	}
	if err != nil {
		return wasCut, fmt.Errorf("cut at step %d, %s: %w", c.Step, c.Side, err)
	}
	return wasCut, nil
}

// walk has one shopper order the same again and again of a pod whose connections are cut, and repeat what was not
// answered at another pod.
func (b *breaker) walk(ctx context.Context) error {
	cutOff, other := b.shop.pods[0], b.shop.pods[1]
	_, err := Walk(cutOff.proxy, false, func(Cut) error { return b.load.orderAt(ctx, cutOff, other, "card_success_now") })
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
