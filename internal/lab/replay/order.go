package replay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"meridian/internal/lab/client"
	"meridian/internal/lab/shopper"
	"meridian/regions"
)

// buy places the orders of an invoice, one after the other, and counts in d what the shop refused. It fails if the shop
// could not be asked.
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

// onSale returns the goods that the shop sells, in stock or not, and rejects the others in d.
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

// order places one order: a cart, on disk in the journal, and its checkout. The cart of a run that was cut off is ordered
// again, which returns the same order.
func (r *replayer) order(ctx context.Context, c *customer, in invoice, p part, share []goods) error {
	if c != nil {
		if err := r.register(ctx, c); err != nil {
			return err
		}
	}
	buyer := r.shopper(c, in)
	cart := r.state.cartOf(p)
	if cart.Cart == "" {
		var err error
		if cart, err = r.fill(ctx, buyer, p, share); err != nil {
			return err
		}
		if err := r.state.keep(record{Filled: &cart}); err != nil {
			return err
		}
	}
	purchase := shopper.Resume(cart.Cart, cart.Token, nil)
	if err := buyer.Checkout(ctx, r.partKey("order", p), purchase, card); err != nil {
		return err
	}
	ref, err := r.Regions.ParseID(regions.OrderPrefix, purchase.Order.ID)
	if err != nil {
		return fmt.Errorf("order %s: %w", purchase.Order.ID, err)
	}
	return r.note(c, record{Placed: &placed{
		part: p, Customer: in.customer, Region: ref.Region, Order: purchase.Order.ID, Goods: goodsOf(purchase.Order),
	}})
}

// goodsOf returns what was ordered, by the numbers of the lines.
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
func (r *replayer) fill(ctx context.Context, buyer shopper.Shopper, p part, share []goods) (filled, error) {
	lines := make([]client.Line, len(share))
	for i, g := range share {
		lines[i] = client.Line{SKU: g.SKU, Quantity: g.Units}
	}
	if buyer.Account == nil {
		cart, err := buyer.NewCart(ctx, r.partKey("cart", p), lines)
		if err != nil {
			return filled{}, err
		}
		return filled{part: p, Cart: cart.Cart.ID, Token: cart.By().GuestToken}, nil
	}
	// A customer has one cart, which may still hold what was refused before.
	cart, err := buyer.NewCart(ctx, "", []client.Line{})
	if err != nil {
		return filled{}, err
	}
	return filled{part: p, Cart: cart.Cart.ID}, buyer.SetLines(ctx, "", cart, lines)
}

// card is the sandbox's card that always pays: the file has no payments that failed.
const card = "card_success"

func (r *replayer) partKey(step string, p part) string {
	return r.key(step, p.Invoice, strconv.Itoa(p.No))
}

// refusal counts in d what the shop refused. It returns the errors that end the run: the shop could not be asked, or the
// journal could not be written.
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

// away reports whether a status is that of a shop that cannot serve now, which outlasts a call's attempts only if the
// shop stays away. An internal error is about the one call.
func away(status int) bool {
	return status == http.StatusTooManyRequests || (status > http.StatusInternalServerError && status != http.StatusNotImplemented)
}
