package shopper

import (
	"context"
	"net/http"
	"slices"
	"time"

	"meridian/internal/lab/client"
)

// Shopper buys at a shop, as a guest or with an account. It is safe for concurrent use as far
// as Client is.
type Shopper struct {
	Client *client.Client
	// Account is nil for a guest.
	Account *Account
	// Country is that of the carts; empty leaves it to the edge.
	Country string
	// ShipTo is where orders are sent, Email what a guest gives with them.
	ShipTo client.Address
	Email  string
	// Journal, if not nil, gets every purchase.
	Journal *Journal
}

// NewCart creates a cart with lines, or adds them to the one that the customer has. The
// purchase returned is in the journal.
func (s *Shopper) NewCart(ctx context.Context, key string, lines []client.Line) (*Purchase, error) {
	p := &Purchase{Lines: lines}
	err := s.as(ctx, p, func(by client.By) (err error) {
		p.Cart, err = s.Client.CreateCart(ctx, by, key, client.CartInput{Country: s.Country, Lines: lines})
		return err
	})
	if err != nil {
		return nil, err
	}
	p.token = p.Cart.GuestToken
	s.Journal.add(p)
	return p, nil
}

// Resume returns the purchase of a cart that was filled earlier; token is a guest's.
func Resume(cart, token string, lines []client.Line) *Purchase {
	return &Purchase{Cart: client.Cart{ID: cart}, Lines: lines, token: token}
}

// ReadCart reads the cart again.
func (s *Shopper) ReadCart(ctx context.Context, p *Purchase) error {
	return s.as(ctx, p, func(by client.By) (err error) {
		p.Cart, err = s.Client.GetCart(ctx, by, p.Cart.ID)
		return err
	})
}

// AddLine adds units of a SKU to the cart.
func (s *Shopper) AddLine(ctx context.Context, key string, p *Purchase, line client.Line) error {
	return s.as(ctx, p, func(by client.By) (err error) {
		p.Cart, err = s.Client.AddLine(ctx, by, key, p.Cart.ID, line)
		return err
	})
}

// SetLines changes the cart so that it holds lines and nothing else. It may be repeated.
func (s *Shopper) SetLines(ctx context.Context, key string, p *Purchase, lines []client.Line) error {
	var changes []client.CartChange
	for _, held := range p.Cart.Lines {
		if !slices.ContainsFunc(lines, func(l client.Line) bool { return l.SKU == held.SKU }) {
			changes = append(changes, client.CartChange{Op: "remove", SKU: held.SKU})
		}
	}
	for _, l := range lines {
		changes = append(changes, client.CartChange{Op: "set", SKU: l.SKU, Quantity: l.Quantity})
	}
	if len(changes) == 0 {
		return nil
	}
	p.Lines = lines
	return s.as(ctx, p, func(by client.By) (err error) {
		p.Cart, err = s.Client.ChangeCart(ctx, by, key, p.Cart.ID, changes)
		return err
	})
}

// Checkout orders the cart and pays with a card of the sandbox. The purchase records the
// answer. Several checkouts of a purchase may run at once.
func (s *Shopper) Checkout(ctx context.Context, key string, p *Purchase, card string) error {
	in := client.CheckoutInput{Cart: p.Cart.ID, ShipTo: s.ShipTo}
	if s.Account == nil {
		in.Email = s.Email
	}
	in.Payment.Method = card
	var placed client.Placed
	err := s.as(ctx, p, func(by client.By) (err error) {
		placed, err = s.Client.Checkout(ctx, by, key, in)
		return err
	})
	p.answered(placed, err)
	return err
}

// Buy fills a cart and checks it out, each under a new key. The purchase is nil if there is
// no cart.
func (s *Shopper) Buy(ctx context.Context, lines []client.Line, card string) (*Purchase, error) {
	p, err := s.NewCart(ctx, "", lines)
	if err == nil {
		err = s.Checkout(ctx, "", p, card)
	}
	return p, err
}

// Confirm confirms a payment that asks for it, at the payment company's own address.
func (s *Shopper) Confirm(ctx context.Context, company string, p *Purchase) error {
	there := client.Client{Base: company, HTTP: s.Client.HTTP}
	return there.Do(ctx, http.MethodPost, "/v1/payments/"+p.Order.Payment.ID+"/confirm", client.By{}, "",
		map[string]string{"client_secret": p.ClientSecret}, nil)
}

// ReadOrder returns the order as it is now.
func (s *Shopper) ReadOrder(ctx context.Context, p *Purchase) (client.Order, error) {
	return s.order(ctx, p, func(by client.By) (client.Order, error) { return s.Client.GetOrder(ctx, by, p.Order.ID) })
}

// Cancel cancels the order and returns it.
func (s *Shopper) Cancel(ctx context.Context, key string, p *Purchase) (client.Order, error) {
	return s.order(ctx, p, func(by client.By) (client.Order, error) {
		return s.Client.CancelOrder(ctx, by, key, p.Order.ID)
	})
}

func (s *Shopper) order(ctx context.Context, p *Purchase, call func(client.By) (client.Order, error)) (o client.Order, err error) {
	err = s.as(ctx, p, func(by client.By) (err error) {
		o, err = call(by)
		return err
	})
	if err == nil {
		p.Told(o)
	}
	return o, err
}

// Await reads the order until done returns true of it, see the function Await.
func (s *Shopper) Await(ctx context.Context, within time.Duration, p *Purchase, done func(client.Order) bool) (client.Order, error) {
	return Await(ctx, within, func() (client.Order, error) { return s.ReadOrder(ctx, p) }, done)
}

// as makes a call with the account's token, or the guest's.
func (s *Shopper) as(ctx context.Context, p *Purchase, call func(client.By) error) error {
	if s.Account != nil {
		return s.Account.Do(ctx, s.Client, call)
	}
	return call(p.By())
}

// readEvery is the pause between two reads of an order that is waited for.
const readEvery = 25 * time.Millisecond

// Await calls read until done returns true of the order, and returns the order. When within
// has passed it returns the order as it is then, and no error: the caller checks it.
func Await(ctx context.Context, within time.Duration, read func() (client.Order, error),
	done func(client.Order) bool) (o client.Order, err error) {
	waiting, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err = client.Poll(waiting, readEvery, func() (bool, error) {
		var err error
		o, err = read()
		return err == nil && done(o), err
	})
	if err != nil && err == waiting.Err() && ctx.Err() == nil {
		err = nil
	}
	return o, err
}
