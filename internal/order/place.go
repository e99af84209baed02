package order

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

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
// ErrAddressUnknown, ErrAccountClosed, ErrUnknownProvider, shipping.ErrNotServiceable, database.ErrBusy.
// None of them changes anything.
func (o *Orders) Place(ctx context.Context, in PlaceInput) (Order, error) {
	if _, ok := o.Providers[in.Provider]; !ok {
		return Order{}, ErrUnknownProvider
	}
	if in.Idempotency.Key == "" {
		return Order{}, errors.New("place order: an idempotency key is needed")
	}
	p := &placing{in: in}
	if err := o.shared.Do(ctx, o.laneOf(in), &work{place: p}); err != nil {
		return Order{}, fmt.Errorf("place order: %w", err)
	}
	if p.err == nil {
		o.Metrics.recordPlaced(ctx)
	}
	return p.plan.order, p.err
}

// laneOf keeps apart checkouts whose rows live in different regions.
func (o *Orders) laneOf(in PlaceInput) string {
	home := in.Cart.Region
	if in.Account != nil {
		home = in.Account.Region
	} else if region, ok := o.Regions.HomeOf(in.ShipTo.Country); ok {
		home = region.Name
	}
	if home == in.Cart.Region {
		return home
	}
	return in.Cart.Region + " " + home
}

// placing is a checkout on its way: what is asked for, and what came of it.
type placing struct {
	in       PlaceInput
	plan     plan
	customer []byte // whom limits of promotions are counted for, once the e-mail address is known
	err      error  // why there is no order
}

// maxPlaceAttempts bounds how often checkouts that lost a race look again: for units in
// another warehouse, or at a cart that has changed. The look itself tells when there is
// nothing left; since each stock row runs out only once, the bound is more than the shop
// has warehouses.
const maxPlaceAttempts = 20

// placeTogether makes orders of carts in one transaction, first come first served. The
// constraints decide over all of it; where they refuse, everybody looks again, and what is
// refused for another reason is found out by halves.
func (o *Orders) placeTogether(ctx context.Context, calls []*placing) {
	for attempt := 1; len(calls) > 0; attempt++ {
		now, later := onePerCart(calls)
		err := o.tryPlacing(ctx, now)
		if lostRace(err, attempt) { // others were quicker: what is left, and where?
			continue
		}
		if err != nil && len(now) > 1 && database.Divisible(err) {
			database.Divide(ctx, o.shared.Again, now, o.placeTogether)
		} else if err != nil {
			for _, p := range now {
				p.err = placeError(err, attempt)
			}
		}
		calls, attempt = later, 0
	}
}

// onePerCart puts off the checkouts of a cart that another one of the calls orders.
func onePerCart(calls []*placing) (now, later []*placing) {
	carts := make(map[regions.Ref]bool)
	for _, p := range calls {
		if carts[p.in.Cart] {
			later = append(later, p)
			continue
		}
		carts[p.in.Cart] = true
		now = append(now, p)
	}
	return now, later
}

// maxCartAttempts bounds how often a checkout looks again at a cart that was ordered: the
// first look tells, unless the order is of another cart with the same id.
const maxCartAttempts = 3

// lostRace is true of refusals that another look at the database explains.
func lostRace(err error, attempt int) bool {
	if database.Violates(err, "orders_cart_key") {
		return attempt < maxCartAttempts
	}
	return isRace(err) && attempt < maxPlaceAttempts
}

func isRace(err error) bool {
	return inventory.SoldOut(err) || promotion.UsedUp(err) || idempotency.Taken(err) || database.Violates(err, "carts_version_current")
}

func placeError(err error, attempts int) error {
	switch {
	case promotion.UsedUp(err):
		return ErrUsedUp
	case isRace(err):
		return &database.RetriesExhaustedError{Attempts: attempts, Err: err}
	case database.Violates(err, "orders_cart_key"):
		return cart.ErrNotOpen
	case database.Violates(err, "orders_account_fkey"):
		return ErrAccountClosed
	}
	return fmt.Errorf("place order: %w", err)
}

// tryPlacing reads, works out and writes. A call that cannot be served gets its own error;
// the error returned is that of them all.
func (o *Orders) tryPlacing(ctx context.Context, calls []*placing) error {
	seen, levels, err := o.read(ctx, calls)
	if err != nil {
		return err
	}
	var planned []*placing
	for i, p := range calls {
		p.customer = o.customer(seen[i].email)
		if p.plan, p.err = o.planOne(ctx, p, seen[i], levels); p.err == nil {
			planned = append(planned, p)
		}
	}
	if planned == nil {
		return nil
	}
	err = o.write(ctx, planned)
	if promotion.UsedUp(err) {
		for _, p := range planned {
			o.contested.note(p.plan.uses, o.Now())
		}
	}
	return err
}

// planOne plans a checkout, and takes what it needs from what was seen for those after it.
func (o *Orders) planOne(ctx context.Context, p *placing, s seen, levels inventory.Levels) (plan, error) {
	if s.err != nil {
		return plan{}, s.err
	}
	s.cart.Used, s.cart.Customer = s.used, p.customer
	planned, err := o.plan(ctx, p.in, s, levels)
	if err == nil {
		levels.Take(planned.allocations)
		s.used.Take(p.customer, planned.promotions...)
	}
	return planned, err
}

// seen is what a checkout reads.
type seen struct {
	err     error // why there is nothing to do: the call was made before, or there is no cart
	cart    cart.Cart
	email   string
	address *Address
	used    *promotion.Used // shared by all checkouts that were read together
}

// read looks at all that the checkouts need, in one snapshot.
func (o *Orders) read(ctx context.Context, calls []*placing) ([]seen, inventory.Levels, error) {
	all := make([]seen, len(calls))
	carts := make(map[regions.Ref]cart.Cart)
	earlier := make([]error, len(calls))
	var rows []inventory.LocatedLevel
	var used promotion.Used
	contested := o.contested.list(o.Now())
	err := o.DB.Read(ctx, func(b *database.Batch) error {
		refs, keys := make([]regions.Ref, len(calls)), make([]idempotency.Key, len(calls))
		for i, p := range calls {
			all[i] = seen{email: p.in.Email, used: &used}
			refs[i], keys[i] = p.in.Cart, p.in.Idempotency
		}
		idempotency.QueueFindAll(b, keys, earlier)
		o.Carts.QueueGetForCheckout(b, refs, carts)
		inventory.QueueCartLevels(b, refs, o.Regions, &rows)
		promotion.QueueUsed(b, contested, o.customersOf(calls), &used)
		for i, p := range calls {
			queueCustomer(b, p.in, &all[i])
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read carts for checkout: %w", err)
	}
	for i, p := range calls {
		found, ok := carts[p.in.Cart]
		all[i].cart, all[i].err = found, earlier[i]
		if !ok && earlier[i] == nil {
			all[i].err = cart.ErrNotFound
		}
	}
	return all, inventory.LevelsOf(rows), nil
}

// customersOf are whom limits of promotions are counted for, as far as they are known before
// anything was read.
func (o *Orders) customersOf(calls []*placing) [][]byte {
	var customers [][]byte
	for _, p := range calls {
		switch {
		case p.customer != nil:
			customers = append(customers, p.customer)
		case p.in.Email != "":
			customers = append(customers, o.customer(p.in.Email))
		}
	}
	return customers
}

// queueCustomer adds the reading of what a customer's checkout leaves to the account.
func queueCustomer(b *database.Batch, in PlaceInput, into *seen) {
	if in.Account == nil {
		return
	}
	if in.Email == "" {
		queueEmail(b, *in.Account, &into.email)
	}
	if in.SavedAddress != nil {
		queueAddress(b, *in.Account, *in.SavedAddress, &into.address)
	}
}

func queueEmail(b *database.Batch, account regions.Ref, into *string) {
	b.Queue(`
SELECT email
FROM accounts
WHERE region = $1 AND id = $2`, account.Region, account.ID).Query(database.CollectFirst(into, pgx.RowTo[string]))
}

func queueAddress(b *database.Batch, account, address regions.Ref, into **Address) {
	b.Queue(`
SELECT name, line1, line2, city, state, postcode, country, phone
FROM addresses
WHERE region = $1 AND id = $2 AND account_id = $3 AND region = $4`,
		address.Region, address.ID, account.ID, account.Region).Query(func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Address, error) {
			var a Address
			err := row.Scan(&a.Name, &a.Line1, &a.Line2, &a.City, &a.State, &a.Postcode, &a.Country, &a.Phone)
			return a, err
		})
		if len(found) == 1 {
			*into = &found[0]
		}
		return err
	})
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

func (o *Orders) plan(ctx context.Context, in PlaceInput, s seen, levels inventory.Levels) (plan, error) {
	if err := checkCart(in, s.cart); err != nil {
		return plan{}, err
	}
	if in.Account != nil && s.email == "" {
		return plan{}, ErrAccountClosed
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
	s.cart.Country, s.cart.State = shipTo.Country, shipTo.State
	quote, err := o.quote(ctx, in, s.cart)
	if err != nil {
		return plan{}, err
	}
	if in.ExpectedTotalMinor != nil && *in.ExpectedTotalMinor != quote.TotalMinor {
		return plan{}, &TotalChangedError{
			Expected: money.New(*in.ExpectedTotalMinor, quote.Currency), Actual: money.New(quote.TotalMinor, quote.Currency),
		}
	}
	demand := demandOf(s.cart)
	allocations, err := inventory.Allocate(demand, levels.Offers(demand, home.Latitude, home.Longitude))
	if err != nil {
		return plan{}, err
	}
	now := o.Now().UTC().Truncate(time.Microsecond) // as the database keeps it
	order, err := o.newOrder(ref, in, s, shipTo, quote)
	if err != nil {
		return plan{}, err
	}
	order.PlacedAt, order.UpdatedAt, order.ExpiresAt = now, now, now.Add(o.PayWithin)
	order.Payment = payment.Payment{
		Ref: ref, OrderID: ref.ID, Provider: in.Provider, Method: in.Method, State: payment.Pending,
		Currency: order.Currency, AmountMinor: order.TotalMinor, CreatedAt: now,
	}
	order.History = []Change{{Version: 1, Status: PendingPayment, Actor: o.buyer(in), At: now}}
	p := plan{order: order, cartVersion: s.cart.Version, allocations: allocations, promotions: quote.Promotions, now: now}
	for _, applied := range quote.Promotions {
		p.uses = append(p.uses, applied.Use(ref, s.cart.Customer))
	}
	return p, nil
}

// shipTo is where the goods go.
func (s seen) shipTo(in PlaceInput) (Address, error) {
	if in.SavedAddress == nil {
		return in.ShipTo, nil
	}
	if s.address == nil {
		return Address{}, ErrAddressUnknown
	}
	return *s.address, nil
}

// customer is whom limits of promotions are counted for: whoever orders with that address,
// signed in or not. It is no personal data: nobody without the key can tell the address.
func (o *Orders) customer(email string) []byte {
	hash := hmac.New(sha256.New, o.CustomerKey)
	hash.Write([]byte(strings.ToLower(email)))
	return hash.Sum(nil)
}

// checkCart says why a cart cannot be ordered by this caller.
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

func demandOf(c cart.Cart) []inventory.Demand {
	demand := make([]inventory.Demand, len(c.Lines))
	for i, line := range c.Lines {
		demand[i] = inventory.Demand{LineNo: int64(i + 1), SKU: line.SKU, Quantity: line.Quantity}
	}
	return demand
}

func (o *Orders) newOrder(ref regions.Ref, in PlaceInput, s seen, shipTo Address, quote cart.Quote) (Order, error) {
	order := Order{
		Ref: ref, Cart: in.Cart, Status: PendingPayment, Version: 1, Currency: quote.Currency, Country: shipTo.Country,
		Market: quote.Ask.Market.Code, Group: quote.Ask.Group, PricedAt: quote.Ask.At,
		SubtotalMinor: quote.SubtotalMinor, DiscountMinor: quote.DiscountMinor,
		ShippingMinor: quote.ShippingMinor, TaxMinor: quote.TaxMinor, TotalMinor: quote.TotalMinor,
		PricesIncludeTax: quote.PricesIncludeTax, Email: s.email, ShipTo: shipTo, transition: uuid.New(),
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

// bookingOf is what a line is worth in the reporting currency.
func bookingOf(book pricing.Booking, line pricing.Line) (booking, error) {
	total, err := book.Minor(line.TotalMinor)
	if err != nil {
		return booking{}, fmt.Errorf("book line: %w", err)
	}
	tax, err := book.Minor(line.TaxMinor)
	if err != nil {
		return booking{}, fmt.Errorf("book line: %w", err)
	}
	return booking{currency: book.Currency, rate: book.Rate, totalMinor: total, taxMinor: tax}, nil
}

// buyer is who the history says placed the order.
func (o *Orders) buyer(in PlaceInput) string {
	if in.Account == nil {
		return "guest"
	}
	return o.Regions.FormatID(regions.AccountPrefix, *in.Account)
}
