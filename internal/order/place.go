package order

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"meridian/internal/account"
	"meridian/internal/cart"
	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/inventory"
	"meridian/internal/money"
	"meridian/internal/payment"
	"meridian/internal/pricing"
	"meridian/internal/promotion"
	"meridian/internal/shipping"
	"meridian/regions"
)

// PlaceInput is a checkout.
type PlaceInput struct {
	Cart regions.Ref
	// CartVersion is the version the shopper saw; 0 takes the cart as it is.
	CartVersion int64
	// Account is who buys; nil for a guest.
	Account *regions.Ref
	// SessionEpoch is the account's as the buyer's access token has it; 0 is not compared.
	SessionEpoch int64
	// Network is the client's network address, by which unpaid units are limited; empty is not limited.
	Network string
	// Email is where the shop writes to. Empty takes the account's.
	Email string
	// ShipTo is where it goes; or SavedAddress names one of the account's.
	ShipTo       Address
	SavedAddress *regions.Ref
	// Provider and Method are who takes the money, and from what.
	Provider string
	Method   string
	// QuoteID is a quote whose prices are to be honoured; empty takes those of now.
	QuoteID string
	// ExpectedTotalMinor is the total the shopper agreed to; nil agrees to any.
	ExpectedTotalMinor *int64
	// Idempotency is needed: a checkout is never repeated by mistake.
	Idempotency idempotency.Key
}

// Place makes an order of a cart: one round trip to read, one to write, both shared with
// the checkouts that come in at the same time. The order waits for its payment
// (StartPayment) until ExpiresAt.
//
// Errors: *idempotency.Replay when this call was made before, *inventory.SoldOutError,
// cart.ErrNotFound, *cart.ConflictError, cart.ErrNotOpen, ErrCartEmpty, *NotForSaleError,
// *TotalChangedError, *QuoteRefusedError, pricing.ErrQuoteInvalid, *CouponRefusedError, ErrUsedUp,
// *TooManyUnpaidError, ErrAddressUnknown, ErrAccountClosed, ErrSessionEnded, ErrUnknownProvider,
// shipping.ErrNotServiceable, database.ErrBusy.
// None of them changes anything.
func (o *Orders) Place(ctx context.Context, in PlaceInput) (Order, error) {
	if _, ok := o.Providers[in.Provider]; !ok {
		return Order{}, ErrUnknownProvider
	}
	if in.Idempotency.Key == "" {
		return Order{}, errors.New("place order: an idempotency key is needed")
	}
	c := &checkout{in: in}
	o.identify(c, in.Email)
	if err := o.checkouts.Do(ctx, o.laneOf(in), c); err != nil {
		return Order{}, err
	}
	o.Metrics.recordPlaced(ctx)
	return c.plan.order, nil
}

// laneOf returns a lane that keeps apart checkouts whose rows live in different regions.
func (o *Orders) laneOf(in PlaceInput) string {
	home := o.homeOf(in)
	if home == in.Cart.Region {
		return home
	}
	return in.Cart.Region + " " + home
}

// homeOf returns the region that the order will live in; that of the cart where the goods cannot be sent.
func (o *Orders) homeOf(in PlaceInput) string {
	if in.Account != nil {
		return in.Account.Region
	}
	if region, ok := o.Regions.HomeOf(in.ShipTo.Country); ok {
		return region.Name
	}
	return in.Cart.Region
}

// checkout is what is asked for, and what came of it.
type checkout struct {
	in       PlaceInput
	plan     plan
	customer promotion.Customer // without the e-mail address until that is known
	network  []byte             // a keyed hash of the client's; nil where it is not known
}

const (
	// maxPlaceAttempts bounds how often checkouts that lost a race look again: for units in
	// another warehouse, or at a cart that has changed. The look itself tells when there is
	// nothing left; since each stock row runs out only once, the bound is more than the shop
	// has warehouses.
	maxPlaceAttempts = 20
	// maxCartAttempts bounds how often a checkout looks again at a cart that was ordered: the
	// first look tells, unless the order is of another cart with the same id.
	maxCartAttempts = 3
)

// checkoutRefusal tells the lost races, which another look at the database explains, from the
// refusals of one checkout.
func checkoutRefusal(err error) database.Refusal {
	switch {
	case promotion.UsedUp(err):
		return database.Refusal{Attempts: maxPlaceAttempts, Err: ErrUsedUp}
	case inventory.SoldOut(err), idempotency.Taken(err), database.Violates(err, "carts_version_current"):
		return database.Refusal{Attempts: maxPlaceAttempts}
	case database.Violates(err, "orders_cart_key"):
		return database.Refusal{Attempts: maxCartAttempts, Err: cart.ErrNotOpen}
	case database.Violates(err, "orders_account_fkey"):
		return database.Refusal{Err: ErrAccountClosed}
	}
	return database.Refusal{Err: fmt.Errorf("place order: %w", err)}
}

// planCheckouts reads all that the checkouts need, in one snapshot, and works them out in turn:
// each against what those before it left.
func (o *Orders) planCheckouts(ctx context.Context, calls []*checkout) ([]error, error) {
	seen, levels, err := o.read(ctx, calls)
	if err != nil {
		return nil, err
	}
	errs := make([]error, len(calls))
	for i, c := range calls {
		o.identify(c, seen[i].email)
		c.plan, errs[i] = o.planOne(ctx, c, seen[i], levels)
	}
	return errs, nil
}

// planOne plans a checkout, and takes what it needs from what was seen for those after it.
func (o *Orders) planOne(ctx context.Context, c *checkout, s seen, levels inventory.Levels) (plan, error) {
	if s.err != nil {
		return plan{}, s.err
	}
	planned, err := o.plan(ctx, c, s, levels)
	if err == nil {
		levels.Take(planned.allocations)
		s.used.Take(c.customer, planned.promotions...)
		s.unpaid.add(c, demandOf(s.cart))
	}
	return planned, err
}

// seen is what a checkout reads.
type seen struct {
	err     error // why there is nothing to do: the call was made before, or there is no cart
	cart    cart.Cart
	email   string
	account account.Orderer // zero for a guest, and for an account that does not exist
	address account.Address // zero if the account has no such address
	// What follows is shared by all checkouts that were read together.
	used   *promotion.Used
	unpaid unpaid
}

// read returns what the checkouts need, in one snapshot.
func (o *Orders) read(ctx context.Context, calls []*checkout) ([]seen, inventory.Levels, error) {
	all := make([]seen, len(calls))
	carts := make(map[regions.Ref]cart.Cart)
	earlier := make([]error, len(calls))
	var rows []inventory.LocatedLevel
	var used promotion.Used
	held, accounts := make(unpaid), make(map[regions.Ref]account.Orderer)
	contested := o.contested.list(o.Now())
	err := o.DB.Read(ctx, func(b *database.Batch) error {
		refs, keys := make([]regions.Ref, len(calls)), make([]idempotency.Key, len(calls))
		for i, c := range calls {
			all[i] = seen{used: &used, unpaid: held}
			refs[i], keys[i] = c.in.Cart, c.in.Idempotency
		}
		idempotency.QueueFindAll(b, keys, earlier)
		o.Carts.QueueGetForCheckout(b, refs, carts)
		inventory.QueueLevels(b, cart.SKUsSQL(refs), o.Regions, &rows)
		promotion.QueueUsed(b, contested, customersOf(calls), &used)
		o.queueUnpaid(b, calls, refs, held)
		account.QueueOrderers(b, accountsOf(calls), accounts)
		for i, c := range calls {
			if c.in.Account != nil && c.in.SavedAddress != nil {
				account.QueueAddress(b, *c.in.Account, *c.in.SavedAddress, &all[i].address)
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read carts for checkout: %w", err)
	}
	for i, c := range calls {
		found, ok := carts[c.in.Cart]
		all[i].cart, all[i].err = found, earlier[i]
		if c.in.Account != nil {
			all[i].account = accounts[*c.in.Account]
		}
		all[i].email = cmp.Or(c.in.Email, all[i].account.Email)
		if !ok && earlier[i] == nil {
			all[i].err = cart.ErrNotFound
		}
	}
	return all, inventory.LevelsOf(rows), nil
}

// customersOf returns whom limits of promotions are counted for, as far as they are known before
// anything was read.
func customersOf(calls []*checkout) [][]byte {
	var customers [][]byte
	for _, c := range calls {
		customers = append(customers, c.customer.Keys()...)
	}
	return customers
}

// accountsOf returns the accounts that buy.
func accountsOf(calls []*checkout) []regions.Ref {
	var accounts []regions.Ref
	for _, c := range calls {
		if c.in.Account != nil {
			accounts = append(accounts, *c.in.Account)
		}
	}
	return accounts
}

// plan is a checkout worked out: all that is to be written.
type plan struct {
	order       Order
	cartVersion int64
	allocations []inventory.Allocation
	promotions  []promotion.Applied
	uses        []promotion.Use
	now         time.Time
}

// plan works a checkout out.
func (o *Orders) plan(ctx context.Context, c *checkout, s seen, levels inventory.Levels) (plan, error) {
	in := c.in
	if err := check(in, s); err != nil {
		return plan{}, err
	}
	shipTo, err := s.shipTo(in)
	if err != nil {
		return plan{}, err
	}
	home, ok := o.Regions.HomeOf(shipTo.Country)
	if !ok {
		return plan{}, fmt.Errorf("country %q: %w", shipTo.Country, shipping.ErrNotServiceable)
	}
	ref := regions.Ref{Region: home.Name, ID: uuid.New()}
	if in.Account != nil {
		ref.Region = in.Account.Region
	}
	quote, err := o.quote(ctx, in.QuoteID, cart.QuoteInput{
		Cart: s.cart, Country: shipTo.Country, State: shipTo.State, Used: s.used, Customer: c.customer,
	})
	if err != nil {
		return plan{}, err
	}
	if in.ExpectedTotalMinor != nil && *in.ExpectedTotalMinor != quote.TotalMinor {
		return plan{}, &TotalChangedError{
			Expected: money.New(*in.ExpectedTotalMinor, quote.Currency), Actual: money.New(quote.TotalMinor, quote.Currency),
		}
	}
	demand := demandOf(s.cart)
	allocations, err := o.allocate(c, s, demand, levels, home)
	if err != nil {
		return plan{}, err
	}
	now := database.Moment(o.Now())
	order, err := o.newOrder(ref, in, s, shipTo, quote)
	if err != nil {
		return plan{}, err
	}
	order.PlacedAt, order.UpdatedAt, order.ExpiresAt = now, now, now.Add(o.payWithin(in))
	order.Payment = payment.Payment{
		Ref: ref, OrderID: ref.ID, Provider: in.Provider, Method: in.Method, State: payment.Pending,
		Currency: order.Currency, AmountMinor: order.TotalMinor, CreatedAt: now,
	}
	order.History = []Change{{Version: 1, Status: PendingPayment, Actor: o.buyer(in), At: now}}
	p := plan{order: order, cartVersion: s.cart.Version, allocations: allocations, promotions: quote.Promotions, now: now}
	for _, applied := range quote.Promotions {
		p.uses = append(p.uses, applied.Use(ref, c.customer))
	}
	return p, nil
}

// shipTo returns where the goods go.
func (s seen) shipTo(in PlaceInput) (Address, error) {
	switch {
	case in.SavedAddress == nil:
		return in.ShipTo, nil
	case s.address.Ref == regions.Ref{}:
		return Address{}, ErrAddressUnknown
	}
	a := s.address
	return Address{
		Name: a.Name, Line1: a.Line1, Line2: a.Line2, City: a.City, State: a.State, Postcode: a.Postcode, Country: a.Country, Phone: a.Phone,
	}, nil
}

// payWithin returns how long the order waits for its payment.
func (o *Orders) payWithin(in PlaceInput) time.Duration {
	if in.Account == nil {
		return o.GuestPayWithin
	}
	return o.PayWithin
}

// check returns why the buyer may not order, or not this cart.
func check(in PlaceInput, s seen) error {
	if err := checkBuyer(in, s.account); err != nil {
		return err
	}
	return checkCart(in, s.cart)
}

// checkBuyer returns why the account, as it is now, may not buy: an access token may be older than what became of it.
func checkBuyer(in PlaceInput, now account.Orderer) error {
	switch {
	case in.Account == nil:
		return nil
	case now.Status != account.StatusActive:
		return ErrAccountClosed
	case in.SessionEpoch != 0 && in.SessionEpoch != now.SessionEpoch:
		return ErrSessionEnded
	}
	return nil
}

// checkCart returns why a cart cannot be ordered by this caller.
func checkCart(in PlaceInput, c cart.Cart) error {
	switch {
	case !c.OwnedBy(in.Account):
		return cart.ErrNotFound
	case c.Status != cart.StatusOpen:
		return cart.ErrNotOpen
	case in.CartVersion != 0 && in.CartVersion != c.Version:
		return &cart.ConflictError{Current: c}
	case len(c.Lines) == 0:
		return ErrCartEmpty
	}
	var refused []string
	for _, line := range c.Lines {
		if !line.Sellable {
			refused = append(refused, line.SKU)
		}
	}
	if refused != nil {
		return &NotForSaleError{SKUs: refused}
	}
	return nil
}

// demandOf returns the units a cart asks for, line by line.
func demandOf(c cart.Cart) []inventory.Demand {
	demand := make([]inventory.Demand, len(c.Lines))
	for i, line := range c.Lines {
		demand[i] = inventory.Demand{LineNo: int64(i + 1), SKU: line.SKU, Quantity: line.Quantity}
	}
	return demand
}

// newOrder returns the order that a quote makes, without its times and payment.
func (o *Orders) newOrder(ref regions.Ref, in PlaceInput, s seen, shipTo Address, quote cart.Quote) (Order, error) {
	order := Order{
		Ref: ref, Cart: in.Cart, Status: PendingPayment, Version: 1, Currency: quote.Currency, Country: shipTo.Country,
		Market: quote.Ask.Market.Code, Group: quote.Ask.Group, PricedAt: quote.Ask.At,
		SubtotalMinor: quote.SubtotalMinor, DiscountMinor: quote.DiscountMinor,
		ShippingMinor: quote.ShippingMinor, TaxMinor: quote.TaxMinor, TotalMinor: quote.TotalMinor,
		PricesIncludeTax: quote.PricesIncludeTax, Email: s.email, ShipTo: shipTo, TransitionID: uuid.New(),
	}
	if in.Account != nil {
		order.Account = &in.Account.ID
	}
	prices := o.Carts.Prices
	book, booked := prices.Book(quote.Rules, quote.Currency, quote.Ask.At)
	for i, line := range quote.Lines {
		derivation, err := json.Marshal(quote.Derivation(i, prices.MaxRateAge))
		if err != nil {
			return Order{}, fmt.Errorf("encode derivation: %w", err)
		}
		l := Line{
			LineNo: int64(i + 1), SKU: line.SKU, ProductID: s.cart.Lines[i].ProductID, Title: s.cart.Lines[i].Title,
			Quantity: line.Quantity, UnitPriceMinor: line.UnitPriceMinor, SubtotalMinor: line.SubtotalMinor, DiscountMinor: line.DiscountMinor,
			TaxRate: line.TaxRate, TaxMinor: line.TaxMinor, TotalMinor: line.TotalMinor, Derivation: derivation,
		}
		if booked {
			if l.booked, err = bookingOf(book, line); err != nil {
				return Order{}, err
			}
		}
		order.Lines = append(order.Lines, l)
	}
	return order, nil
}

// bookingOf returns what a line is worth in the reporting currency.
func bookingOf(book pricing.Booking, line pricing.Line) (booking, error) {
	total, err := book.Minor(line.TotalMinor)
	if err != nil {
		return booking{}, fmt.Errorf("book line: %w", err)
	}
	tax, err := book.Minor(line.TaxMinor)
	if err != nil {
		return booking{}, fmt.Errorf("book line: %w", err)
	}
	return booking{Currency: book.Currency, Rate: book.Rate.String(), TotalMinor: total, TaxMinor: tax}, nil
}

// buyer returns who the history says placed the order.
func (o *Orders) buyer(in PlaceInput) string {
	if in.Account == nil {
		return "guest"
	}
	return o.Regions.FormatID(regions.AccountPrefix, *in.Account)
}
