package order

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"meridian/internal/cart"
	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/inventory"
	"meridian/internal/outbox"
	"meridian/internal/payment"
	"meridian/internal/promotion"
	"meridian/regions"
)

// write makes the planned orders: one batch, all of it or nothing. The stock comes first
// (see queueLock).
func (o *Orders) write(ctx context.Context, planned []*placing) error {
	return o.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		var w placedRows
		for _, p := range planned {
			if err := w.add(o, p); err != nil {
				return err
			}
		}
		inventory.QueueReserve(b, w.holds...)
		idempotency.QueueClaims(b, w.claims...)
		cart.QueueCheckout(b, w.checkouts...)
		queueOrders(b, w.orders)
		queueLines(b, w.orders)
		queueHistory(b, transitionColumnsOf(w.transitions))
		payment.QueueInsert(b, w.payments...)
		if err := promotion.QueueUses(b, w.uses...); err != nil {
			return err
		}
		return outbox.Queue(b, w.events...)
	})
}

// placedRows are the rows of new orders, table by table.
type placedRows struct {
	holds       []inventory.Hold
	claims      []idempotency.Claim
	checkouts   []cart.Checkout
	orders      []newRow
	transitions []transition
	payments    []payment.New
	uses        []promotion.Use
	events      []outbox.Event
}

// newRow is an order with what only its row holds.
type newRow struct {
	Order
	shipTo       string // JSON
	stockRegions string // separated by commas
}

func (w *placedRows) add(o *Orders, p *placing) error {
	order, publicID, actor := p.plan.order, o.PublicID(p.plan.order.Ref), o.buyer(p.in)
	shipTo, err := json.Marshal(order.ShipTo)
	if err != nil {
		return fmt.Errorf("encode address: %w", err)
	}
	t := transition{order: order.Ref, id: order.transition, actor: actor}
	w.holds = append(w.holds, inventory.Hold{Cause: o.cause(t), Allocations: p.plan.allocations})
	w.claims = append(w.claims, idempotency.Claim{
		Key: p.in.Idempotency, Answer: idempotency.Answer{Resource: publicID, Status: http.StatusCreated},
	})
	w.checkouts = append(w.checkouts, cart.Checkout{Cart: p.in.Cart, Version: p.plan.cartVersion})
	w.orders = append(w.orders, newRow{Order: order, shipTo: string(shipTo), stockRegions: stockRegions(p.plan.allocations)})
	w.transitions = append(w.transitions, t)
	w.payments = append(w.payments, payment.New{
		Payment: order.Payment, Transition: order.transition, CheckAt: p.plan.now.Add(o.CheckAfter),
	})
	w.uses = append(w.uses, p.plan.uses...)
	w.events = append(w.events, outbox.Event{
		Region: order.Ref.Region, Topic: "order.placed", Key: publicID,
		Payload: map[string]any{"order": publicID, "status": order.Status, "total_minor": order.TotalMinor, "currency": order.Currency},
	})
	return nil
}

func stockRegions(allocations []inventory.Allocation) string {
	var names []string
	for _, a := range allocations { // sorted by region
		if len(names) == 0 || names[len(names)-1] != a.Region {
			names = append(names, a.Region)
		}
	}
	return strings.Join(names, ",")
}

func queueOrders(b *database.Batch, orders []newRow) {
	var c orderRowColumns
	for _, order := range orders {
		c.add(order)
	}
	// $1 = regions, $2 = ids, $3 = accounts, $4 = carts' regions, $5 = carts, $6 = statuses,
	// $7 = transitions, $8 = regions of the stock, $9 = currencies, $10 = countries,
	// $11 = subtotals, $12 = shipping, $13 = taxes, $14 = totals, $15 = prices include tax,
	// $16 = e-mails, $17 = addresses, $18 = placed at, $19 = expires at, $20 = discounts,
	// $21 = markets, $22 = customer groups, $23 = priced at
	b.Queue(`
INSERT INTO orders (region, id, account_id, cart_region, cart_id, status, transition_id, stock_regions, currency, country,
  subtotal_minor, shipping_minor, tax_minor, total_minor, prices_include_tax, email, ship_to, placed_at, updated_at, expires_at,
  discount_minor, market, customer_group, priced_at)
SELECT o.region::crdb_internal_region, o.id, o.account_id, o.cart_region::crdb_internal_region, o.cart_id, o.status, o.transition_id,
  string_to_array(o.stock_regions, ',')::crdb_internal_region[], o.currency, o.country,
  o.subtotal, o.shipping, o.tax, o.total, o.prices_include_tax, o.email, o.ship_to::jsonb, o.placed_at, o.placed_at, o.expires_at,
  o.discount, o.market, o.customer_group, o.priced_at
FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::text[], $7::uuid[], $8::text[], $9::text[], $10::text[],
    $11::int8[], $12::int8[], $13::int8[], $14::int8[], $15::bool[], $16::text[], $17::text[], $18::timestamptz[], $19::timestamptz[],
    $20::int8[], $21::text[], $22::text[], $23::timestamptz[])
  AS o (region, id, account_id, cart_region, cart_id, status, transition_id, stock_regions, currency, country,
    subtotal, shipping, tax, total, prices_include_tax, email, ship_to, placed_at, expires_at,
    discount, market, customer_group, priced_at)`,
		c.regions, c.ids, c.accounts, c.cartRegions, c.carts, c.statuses, c.transitions, c.stockRegions, c.currencies, c.countries,
		c.subtotals, c.shipping, c.taxes, c.totals, c.pricesIncludeTax, c.emails, c.addresses, c.placedAt, c.expiresAt,
		c.discounts, c.markets, c.groups, c.pricedAt)
}

// orderRowColumns are rows of orders, a column a field.
type orderRowColumns struct {
	regions, cartRegions, statuses, stockRegions, currencies, countries, emails, addresses, markets, groups []string
	ids, carts, transitions                                                                                 []uuid.UUID
	accounts                                                                                                []*uuid.UUID
	subtotals, discounts, shipping, taxes, totals                                                           []int64
	pricesIncludeTax                                                                                        []bool
	placedAt, expiresAt, pricedAt                                                                           []time.Time
}

func (c *orderRowColumns) add(o newRow) {
	c.regions = append(c.regions, o.Ref.Region)
	c.ids = append(c.ids, o.Ref.ID)
	c.accounts = append(c.accounts, o.Account)
	c.cartRegions = append(c.cartRegions, o.Cart.Region)
	c.carts = append(c.carts, o.Cart.ID)
	c.statuses = append(c.statuses, string(o.Status))
	c.transitions = append(c.transitions, o.transition)
	c.stockRegions = append(c.stockRegions, o.stockRegions)
	c.currencies = append(c.currencies, string(o.Currency))
	c.countries = append(c.countries, o.Country)
	c.subtotals = append(c.subtotals, o.SubtotalMinor)
	c.shipping = append(c.shipping, o.ShippingMinor)
	c.taxes = append(c.taxes, o.TaxMinor)
	c.totals = append(c.totals, o.TotalMinor)
	c.pricesIncludeTax = append(c.pricesIncludeTax, o.PricesIncludeTax)
	c.emails = append(c.emails, o.Email)
	c.addresses = append(c.addresses, o.shipTo)
	c.placedAt = append(c.placedAt, o.PlacedAt)
	c.expiresAt = append(c.expiresAt, o.ExpiresAt)
	c.discounts = append(c.discounts, o.DiscountMinor)
	c.markets = append(c.markets, o.Market)
	c.groups = append(c.groups, o.Group)
	c.pricedAt = append(c.pricedAt, o.PricedAt)
}

func queueLines(b *database.Batch, orders []newRow) {
	var c lineColumns
	for _, order := range orders {
		for _, line := range order.Lines {
			c.add(order.Ref, line)
		}
	}
	// $1 = regions, $2 = orders, $3 = line numbers, $4 = SKUs, $5 = products, $6 = titles,
	// $7 = quantities, $8 = unit prices, $9 = subtotals, $10 = tax rates, $11 = taxes, $12 = totals,
	// $13 = discounts, $14 = derivations, $15 = reporting currencies, $16 = rates of these,
	// $17 = totals and $18 = taxes in them
	b.Queue(`
INSERT INTO order_lines (region, order_id, line_no, sku, product_id, title, quantity, unit_price_minor, subtotal_minor, tax_rate_bp, tax_minor, total_minor,
  discount_minor, derivation, reporting_currency, reporting_rate, reporting_total_minor, reporting_tax_minor)
SELECT l.region::crdb_internal_region, l.order_id, l.line_no, l.sku, l.product_id, l.title, l.quantity, l.unit_price, l.subtotal, l.tax_rate, l.tax, l.total,
  l.discount, l.derivation::jsonb, l.reporting_currency, l.reporting_rate, l.reporting_total, l.reporting_tax
FROM unnest($1::text[], $2::uuid[], $3::int8[], $4::text[], $5::uuid[], $6::text[], $7::int8[], $8::int8[], $9::int8[], $10::int8[], $11::int8[], $12::int8[],
    $13::int8[], $14::text[], $15::text[], $16::text[], $17::int8[], $18::int8[])
  AS l (region, order_id, line_no, sku, product_id, title, quantity, unit_price, subtotal, tax_rate, tax, total,
    discount, derivation, reporting_currency, reporting_rate, reporting_total, reporting_tax)`,
		c.regions, c.orders, c.lineNos, c.skus, c.products, c.titles, c.quantities, c.unitPrices, c.subtotals, c.taxRates, c.taxes, c.totals,
		c.discounts, c.derivations, c.currencies, c.rates, c.bookedTotals, c.bookedTaxes)
}

// lineColumns are rows of order_lines, a column a field.
type lineColumns struct {
	lineNos, quantities, unitPrices, subtotals, discounts, taxRates, taxes, totals []int64
	bookedTotals, bookedTaxes                                                      []int64
	regions, skus, titles, derivations, currencies, rates                          []string
	orders, products                                                               []uuid.UUID
}

func (c *lineColumns) add(order regions.Ref, l Line) {
	c.regions = append(c.regions, order.Region)
	c.orders = append(c.orders, order.ID)
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
	c.discounts = append(c.discounts, l.DiscountMinor)
	c.derivations = append(c.derivations, string(l.Derivation))
	c.currencies = append(c.currencies, string(l.booked.currency))
	c.rates = append(c.rates, l.booked.rateText())
	c.bookedTotals = append(c.bookedTotals, l.booked.totalMinor)
	c.bookedTaxes = append(c.bookedTaxes, l.booked.taxMinor)
}
