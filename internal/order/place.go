package order

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/cart"
	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/inventory"
	"meridian/internal/money"
	"meridian/internal/outbox"
	"meridian/internal/payment"
	"meridian/internal/pricing"
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
	// ExpectedTotalMinor is the total the shopper agreed to; nil agrees to any.
	ExpectedTotalMinor *int64
	// Idempotency is needed: a checkout is never repeated by mistake.
	Idempotency idempotency.Key
}

// maxSoldOutRetries bounds how often a checkout that lost the race for a stock row looks
// again, for units in another warehouse. The look itself tells when there are none; since
// each row runs out only once, the bound is more than the shop has warehouses.
const maxSoldOutRetries = 20

// Place makes an order of a cart: one round trip to read, one to write. The order waits
// for its payment (StartPayment) until ExpiresAt.
//
// Errors: *idempotency.Replay when this call was made before, *inventory.SoldOutError,
// cart.ErrNotFound, *cart.ConflictError, cart.ErrNotOpen, ErrCartEmpty, *NotForSaleError,
// *TotalChangedError, ErrAddressUnknown, ErrAccountClosed, ErrUnknownProvider,
// shipping.ErrNotServiceable.
// None of them changes anything.
func (o *Orders) Place(ctx context.Context, in PlaceInput) (Order, error) {
	if _, ok := o.Providers[in.Provider]; !ok {
		return Order{}, ErrUnknownProvider
	}
	if in.Idempotency.Key == "" {
		return Order{}, errors.New("place order: an idempotency key is needed")
	}
	for attempt := 1; ; attempt++ {
		seen, err := o.read(ctx, in)
		if err != nil {
			return Order{}, err
		}
		plan, err := o.plan(in, seen)
		if err != nil {
			return Order{}, err
		}
		err = o.write(ctx, in, plan)
		switch {
		case err == nil:
			return plan.order, nil
		case inventory.SoldOut(err) && attempt < maxSoldOutRetries:
			continue // others were quicker: what is left, and where?
		case inventory.SoldOut(err):
			return Order{}, &database.RetriesExhaustedError{Attempts: attempt, Err: err}
		case idempotency.Taken(err):
			return Order{}, idempotency.Find(ctx, o.DB, in.Idempotency)
		case database.Violates(err, "orders_account_fkey"):
			return Order{}, ErrAccountClosed
		case database.Violates(err, "carts_version_current"), database.Violates(err, "orders_cart_key"):
			if attempt == maxSoldOutRetries {
				return Order{}, &database.RetriesExhaustedError{Attempts: attempt, Err: err}
			}
			continue // the cart was changed or ordered meanwhile: reading it again tells
		}
		return Order{}, fmt.Errorf("place order: %w", err)
	}
}

// seen is what a checkout reads, in one snapshot.
type seen struct {
	cart    cart.Cart
	levels  []inventory.LocatedLevel
	email   string
	address *Address
}

func (o *Orders) read(ctx context.Context, in PlaceInput) (seen, error) {
	var s seen
	var earlier error
	err := o.DB.Read(ctx, func(b *database.Batch) error {
		s = seen{email: in.Email}
		in.Idempotency.QueueFind(b, &earlier)
		o.Carts.QueueGet(b, in.Cart, &s.cart)
		inventory.QueueCartLevels(b, in.Cart, o.Regions, &s.levels)
		if in.Account != nil && in.Email == "" {
			queueEmail(b, *in.Account, &s.email)
		}
		if in.SavedAddress != nil && in.Account != nil {
			queueAddress(b, *in.Account, *in.SavedAddress, &s.address)
		}
		return nil
	})
	switch {
	case earlier != nil:
		return seen{}, earlier
	case err != nil:
		return seen{}, fmt.Errorf("read cart for checkout: %w", err)
	}
	return s, nil
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
	now         time.Time
}

func (o *Orders) plan(in PlaceInput, s seen) (plan, error) {
	if err := checkCart(in, s.cart); err != nil {
		return plan{}, err
	}
	if in.Account != nil && s.email == "" {
		return plan{}, ErrAccountClosed
	}
	shipTo := in.ShipTo
	if in.SavedAddress != nil {
		if s.address == nil {
			return plan{}, ErrAddressUnknown
		}
		shipTo = *s.address
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
	quote, _, err := o.Carts.Quote(s.cart)
	if err != nil {
		return plan{}, err
	}
	if in.ExpectedTotalMinor != nil && *in.ExpectedTotalMinor != quote.TotalMinor {
		return plan{}, &TotalChangedError{
			Expected: money.New(*in.ExpectedTotalMinor, quote.Currency), Actual: money.New(quote.TotalMinor, quote.Currency),
		}
	}
	demand := demandOf(s.cart)
	allocations, err := inventory.Allocate(demand, inventory.Offers(s.levels, home.Latitude, home.Longitude))
	if err != nil {
		return plan{}, err
	}
	now := o.Now().UTC().Truncate(time.Microsecond) // as the database keeps it
	order := newOrder(ref, in, s, shipTo, quote)
	order.PlacedAt, order.UpdatedAt, order.ExpiresAt = now, now, now.Add(o.PayWithin)
	order.Payment = payment.Payment{
		Ref: ref, OrderID: ref.ID, Provider: in.Provider, Method: in.Method, State: payment.Pending,
		Currency: order.Currency, AmountMinor: order.TotalMinor, CreatedAt: now,
	}
	order.History = []Change{{Version: 1, Status: PendingPayment, Actor: o.buyer(in), At: now}}
	return plan{order: order, cartVersion: s.cart.Version, allocations: allocations, now: now}, nil
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
		if !line.Sellable || !line.Priced {
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

func newOrder(ref regions.Ref, in PlaceInput, s seen, shipTo Address, quote pricing.Quote) Order {
	order := Order{
		Ref: ref, Cart: in.Cart, Status: PendingPayment, Version: 1, Currency: quote.Currency, Country: shipTo.Country,
		SubtotalMinor: quote.SubtotalMinor, ShippingMinor: quote.ShippingMinor, TaxMinor: quote.TaxMinor, TotalMinor: quote.TotalMinor,
		PricesIncludeTax: quote.PricesIncludeTax, Email: s.email, ShipTo: shipTo, transition: uuid.New(),
	}
	if in.Account != nil {
		order.Account = &in.Account.ID
	}
	for i, line := range quote.Lines {
		order.Lines = append(order.Lines, Line{
			LineNo: int64(i + 1), SKU: line.SKU, ProductID: s.cart.Lines[i].ProductID, Title: s.cart.Lines[i].Title,
			Quantity: line.Quantity, UnitPriceMinor: line.UnitPriceMinor, SubtotalMinor: line.SubtotalMinor,
			TaxRate: line.TaxRate, TaxMinor: line.TaxMinor, TotalMinor: line.TotalMinor,
		})
	}
	return order
}

// buyer is who the history says placed the order.
func (o *Orders) buyer(in PlaceInput) string {
	if in.Account == nil {
		return "guest"
	}
	return o.Regions.FormatID(regions.AccountPrefix, *in.Account)
}

func (o *Orders) write(ctx context.Context, in PlaceInput, p plan) error {
	order := p.order
	publicID := o.PublicID(order.Ref)
	return o.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		in.Idempotency.QueueClaim(b, idempotency.Answer{Resource: publicID, Status: http.StatusCreated})
		cart.QueueCheckout(b, in.Cart, p.cartVersion)
		if err := queueInsert(b, order, stockRegions(p.allocations)); err != nil {
			return err
		}
		o.queueHistory(b, transition{order: order.Ref, id: order.transition, actor: o.buyer(in)})
		payment.QueueInsert(b, order.Payment, order.transition, p.now.Add(o.CheckAfter))
		inventory.QueueReserve(b, inventory.Cause{
			Order: order.Ref, OrderID: publicID, TransitionID: order.transition, Actor: o.buyer(in),
		}, p.allocations)
		return outbox.Queue(b, outbox.Event{
			Region: order.Ref.Region, Topic: "order.placed", Key: publicID,
			Payload: map[string]any{"order": publicID, "status": order.Status, "total_minor": order.TotalMinor, "currency": order.Currency},
		})
	})
}

func queueInsert(b *database.Batch, o Order, stockRegions []string) error {
	shipTo, err := json.Marshal(o.ShipTo)
	if err != nil {
		return fmt.Errorf("encode address: %w", err)
	}
	// $1 = region, $2 = id, $3 = account, $4 = cart's region, $5 = cart, $6 = status,
	// $7 = transition, $8 = regions of the stock, $9 = currency, $10 = country,
	// $11 = subtotal, $12 = shipping, $13 = tax, $14 = total, $15 = prices include tax,
	// $16 = e-mail, $17 = address, $18 = placed at, $19 = expires at
	b.Queue(`
INSERT INTO orders (region, id, account_id, cart_region, cart_id, status, transition_id, stock_regions, currency, country,
  subtotal_minor, shipping_minor, tax_minor, total_minor, prices_include_tax, email, ship_to, placed_at, updated_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text[]::crdb_internal_region[], $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $18, $19)`,
		o.Ref.Region, o.Ref.ID, o.Account, o.Cart.Region, o.Cart.ID, o.Status, o.transition, stockRegions, o.Currency, o.Country,
		o.SubtotalMinor, o.ShippingMinor, o.TaxMinor, o.TotalMinor, o.PricesIncludeTax, o.Email, string(shipTo), o.PlacedAt, o.ExpiresAt)
	var c lineColumns
	for _, line := range o.Lines {
		c.add(line)
	}
	// $1 = region, $2 = order, then a column of the lines each: $3 = line numbers,
	// $4 = SKUs, $5 = products, $6 = titles, $7 = quantities, $8 = unit prices,
	// $9 = subtotals, $10 = tax rates, $11 = taxes, $12 = totals
	b.Queue(`
INSERT INTO order_lines (region, order_id, line_no, sku, product_id, title, quantity, unit_price_minor, subtotal_minor, tax_rate_bp, tax_minor, total_minor)
SELECT $1::text::crdb_internal_region, $2::uuid, l.line_no, l.sku, l.product_id, l.title, l.quantity, l.unit_price, l.subtotal, l.tax_rate, l.tax, l.total
FROM unnest($3::int8[], $4::text[], $5::uuid[], $6::text[], $7::int8[], $8::int8[], $9::int8[], $10::int8[], $11::int8[], $12::int8[])
  AS l (line_no, sku, product_id, title, quantity, unit_price, subtotal, tax_rate, tax, total)`,
		o.Ref.Region, o.Ref.ID, c.lineNos, c.skus, c.products, c.titles, c.quantities, c.unitPrices, c.subtotals, c.taxRates, c.taxes, c.totals)
	return nil
}

type lineColumns struct {
	lineNos, quantities, unitPrices, subtotals, taxRates, taxes, totals []int64
	skus, titles                                                        []string
	products                                                            []uuid.UUID
}

func (c *lineColumns) add(l Line) {
	c.lineNos = append(c.lineNos, l.LineNo)
	c.skus = append(c.skus, l.SKU)
	c.products = append(c.products, l.ProductID)
	c.titles = append(c.titles, l.Title)
	c.quantities = append(c.quantities, l.Quantity)
	c.unitPrices = append(c.unitPrices, l.UnitPriceMinor)
	c.subtotals = append(c.subtotals, l.SubtotalMinor)
	c.taxRates = append(c.taxRates, int64(l.TaxRate))
	c.taxes = append(c.taxes, l.TaxMinor)
	c.totals = append(c.totals, l.TotalMinor)
}

func stockRegions(allocations []inventory.Allocation) []string {
	var names []string
	for _, a := range allocations { // sorted by region
		if len(names) == 0 || names[len(names)-1] != a.Region {
			names = append(names, a.Region)
		}
	}
	return names
}
