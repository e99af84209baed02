package replay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"meridian/internal/lab/client"
	"meridian/regions"
)

// buy places the orders of an invoice, one after the other. The error says that the shop
// could not be asked; what it refused is in d.
func (r *replayer) buy(ctx context.Context, c *customer, in invoice, d *done) error {
	wanted := r.onSale(in.goods, d)
	if len(in.goods) == 0 {
		d.reject(string(noProducts))
	}
	for no, share := range carts(wanted) {
		p := part{Invoice: in.name, No: no}
		if r.state.isPlaced(p) { // before the run was cut off
			continue
		}
		if err := refusal(r.order(ctx, c, in, p, share), d); err != nil {
			return err
		}
	}
	return nil
}

// onSale are the goods that the shop has, now and then not in stock.
func (r *replayer) onSale(all []goods, d *done) []goods {
	var sold []goods
	for _, g := range all {
		if !r.sold[g.SKU] {
			d.reject(string(unknownSKU))
			continue
		}
		sold = append(sold, g)
	}
	return sold
}

// order places one order: a cart, on disk in the journal, and its checkout. The cart of a
// run that was cut off is ordered again, which gives the same order.
func (r *replayer) order(ctx context.Context, c *customer, in invoice, p part, share []goods) error {
	cart := r.state.cartOf(p)
	if cart.Cart == "" {
		var err error
		if cart, err = r.fill(ctx, c, in, p, share); err != nil {
			return err
		}
		if err := r.state.keep(record{Filled: &cart}); err != nil {
			return err
		}
	}
	order, err := r.checkout(ctx, c, in, cart)
	if err != nil {
		return err
	}
	ref, err := r.regions.ParseID(regions.OrderPrefix, order.ID)
	if err != nil {
		return fmt.Errorf("order %s: %w", order.ID, err)
	}
	return r.happened(c, record{Placed: &placed{part: p, Customer: in.customer, Region: ref.Region, Order: order.ID, Goods: goodsOf(order)}})
}

// goodsOf is what was ordered, by the numbers of the lines.
func goodsOf(o client.Order) []goods {
	all := make([]goods, len(o.Lines))
	for _, l := range o.Lines {
		if l.LineNo >= 1 && l.LineNo <= int64(len(all)) {
			all[l.LineNo-1] = goods{SKU: l.SKU, Units: l.Quantity}
		}
	}
	return all
}

// fill makes a cart that holds the share, and nothing else.
func (r *replayer) fill(ctx context.Context, c *customer, in invoice, p part, share []goods) (filled, error) {
	if c == nil {
		cart, err := r.from(in.country).CreateCart(ctx, client.By{}, r.partKey("cart", p), client.CartInput{Country: in.country, Lines: linesOf(share)})
		return filled{part: p, Cart: cart.ID, Token: cart.GuestToken}, err
	}
	var id string
	err := r.as(ctx, c, func(by client.By) error {
		// A customer has one cart, which may still hold what was refused before.
		cart, err := r.from(in.country).CreateCart(ctx, by, "", client.CartInput{Country: in.country, Lines: []client.Line{}})
		if err != nil {
			return err
		}
		id = cart.ID
		_, err = r.from(in.country).ChangeCart(ctx, by, "", cart.ID, exactly(cart, share))
		return err
	})
	return filled{part: p, Cart: id}, err
}

func linesOf(share []goods) []client.Line {
	lines := make([]client.Line, len(share))
	for i, g := range share {
		lines[i] = client.Line{SKU: g.SKU, Quantity: g.Units}
	}
	return lines
}

// exactly are the changes after which the cart holds the share and nothing else. They may be
// made again.
func exactly(cart client.Cart, share []goods) []client.CartChange {
	var changes []client.CartChange
	for _, l := range cart.Lines {
		if !slices.ContainsFunc(share, func(g goods) bool { return g.SKU == l.SKU }) {
			changes = append(changes, client.CartChange{Op: "remove", SKU: l.SKU})
		}
	}
	for _, g := range share {
		changes = append(changes, client.CartChange{Op: "set", SKU: g.SKU, Quantity: g.Units})
	}
	return changes
}

// card is the sandbox's that always pays: the file tells nothing of payments that failed.
const card = "card_success"

func (r *replayer) checkout(ctx context.Context, c *customer, in invoice, cart filled) (client.Order, error) {
	who := "guest " + in.name
	if c != nil {
		who = c.name
	}
	input := client.CheckoutInput{Cart: cart.Cart, ShipTo: r.address(who, in.country)}
	input.Payment.Method = card
	key := r.partKey("order", cart.part)
	if c == nil {
		input.Email = "guest-" + numberOf(in.name) + "@replay.example"
		placed, err := r.from(in.country).Checkout(ctx, client.By{GuestToken: cart.Token}, key, input)
		return placed.Order, err
	}
	var placed client.Placed
	err := r.as(ctx, c, func(by client.By) (err error) {
		placed, err = r.from(in.country).Checkout(ctx, by, key, input)
		return err
	})
	return placed.Order, err
}

func (r *replayer) partKey(step string, p part) string {
	return r.key(step, p.Invoice, strconv.Itoa(p.No))
}

// refusal counts what the shop refused. What it returns ends the run: that the shop could
// not be asked, or that the journal could not be written.
func refusal(err error, d *done) error {
	var problem *client.ProblemError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &problem) || away(problem.Status):
		return err
	}
	d.reject(client.CodeOf(err))
	return nil
}

// away are the answers of a shop that cannot serve now; they outlast a call's attempts only
// if it stays away. An internal error is about the one call.
func away(status int) bool {
	return status == http.StatusTooManyRequests || (status > http.StatusInternalServerError && status != http.StatusNotImplemented)
}
