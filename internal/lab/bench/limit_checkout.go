package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/regions"
)

// bareOrder is one order as the rows that a whole checkout leaves behind: a guest's cart
// that was ordered, the order, its payment, its stock, its events and webhook.
type bareOrder struct {
	set          *regions.Set
	market       market
	articles     []article
	cart, id     uuid.UUID
	transition   uuid.UUID
	public       string // the order's public id
	total        int64
	paid         bool // false leaves it as it is when it has just been placed
	skus         []string
	titles       []string
	products     []uuid.UUID
	prices, nos  []int64
	reservations []uuid.UUID
}

func newBareOrder(set *regions.Set, m market, articles []article, paid bool) bareOrder {
	o := bareOrder{set: set, market: m, articles: slices.Clone(articles), cart: uuid.New(), id: uuid.New(), transition: uuid.New(), paid: paid}
	o.public = set.FormatID(regions.OrderPrefix, regions.Ref{Region: m.region, ID: o.id})
	// Stock rows are taken in one order by everybody, so that nobody waits in a circle.
	slices.SortFunc(o.articles, func(a, b article) int { return strings.Compare(a.sku, b.sku) })
	for i, a := range o.articles {
		o.skus, o.titles, o.products = append(o.skus, a.sku), append(o.titles, a.title), append(o.products, a.product)
		o.prices, o.nos = append(o.prices, a.prices[m.currency]), append(o.nos, int64(i+1))
		o.reservations = append(o.reservations, uuid.New())
		o.total += a.prices[m.currency]
	}
	return o
}

// rows is how many rows queue writes.
func (o bareOrder) rows() int {
	if o.paid {
		return 10 + 6*len(o.articles)
	}
	return 7 + 5*len(o.articles)
}

// queue adds the order's statements to a batch, which is one transaction and one round
// trip. Nothing is read, and nothing written twice: each row is inserted as it is in the
// end, and a stock row is changed once.
func (o bareOrder) queue(b *pgx.Batch) {
	o.queueCart(b)
	o.queueOrder(b)
	o.queueReservations(b)
	o.queueMessages(b)
	o.queueUnits(b)
}

func (o bareOrder) queueCart(b *pgx.Batch) {
	// $1 = region, $2 = cart, $3 = currency, $4 = country
	b.Queue(`
INSERT INTO carts (region, id, currency, country, status, version, expires_at)
VALUES ($1, $2, $3, $4, 'ordered', 3, now() + INTERVAL '30 days')`, o.market.region, o.cart, o.market.currency, o.market.country)
	b.Queue(`
INSERT INTO cart_lines (region, cart_id, sku, quantity)
SELECT $1::text::crdb_internal_region, $2::uuid, l.sku, 1
FROM unnest($3::text[]) AS l (sku)`, o.market.region, o.cart, o.skus)
	// $1 = region, $2 = the cart's public id, $3, $4 = keys, $5 = fingerprint, $6 = the order's public id
	b.Queue(`
INSERT INTO idempotency_keys (region, scope, key, fingerprint, resource, status)
VALUES ($1, $2, $3, $5, $2, 200), ($1, $2, $4, $5, $6, 201)`,
		o.market.region, o.set.FormatID(regions.CartPrefix, regions.Ref{Region: o.market.region, ID: o.cart}),
		uuid.NewString(), uuid.NewString(), o.transition[:], o.public)
}

func (o bareOrder) queueOrder(b *pgx.Batch) {
	status, versions, payment, captured := "pending_payment", []string{"pending_payment"}, "pending", int64(0)
	if o.paid {
		status, versions, payment, captured = "paid", []string{"pending_payment", "paid"}, "captured", o.total
	}
	// $1 = region, $2 = order, $3 = cart, $4 = status, $5 = version, $6 = transition, $7 = region of the stock,
	// $8 = currency, $9 = country, $10 = total, $11 = e-mail, $12 = address
	b.Queue(`
INSERT INTO orders (region, id, cart_region, cart_id, status, version, transition_id, stock_regions, currency, country,
  subtotal_minor, shipping_minor, tax_minor, total_minor, prices_include_tax, email, ship_to, expires_at)
VALUES ($1, $2, $1, $3, $4, $5, $6, ARRAY[$7::text]::crdb_internal_region[], $8, $9, $10, 0, 0, $10, true, $11, $12, now() + INTERVAL '30 minutes')`,
		o.market.region, o.id, o.cart, status, len(versions), o.transition, o.market.warehouseRegion,
		o.market.currency, o.market.country, o.total, buyerEmail, `{"name": "A Shopper", "line1": "1 Long Street", "city": "Town", "postcode": "12345", "country": "`+o.market.country+`"}`)
	// $1 = region, $2 = order, $3 = line numbers, $4 = SKUs, $5 = products, $6 = titles, $7 = prices
	b.Queue(`
INSERT INTO order_lines (region, order_id, line_no, sku, product_id, title, quantity, unit_price_minor, subtotal_minor, tax_rate_bp, tax_minor, total_minor)
SELECT $1::text::crdb_internal_region, $2::uuid, l.line_no, l.sku, l.product_id, l.title, 1, l.price, l.price, 0, 0, l.price
FROM unnest($3::int8[], $4::text[], $5::uuid[], $6::text[], $7::int8[]) AS l (line_no, sku, product_id, title, price)`,
		o.market.region, o.id, o.nos, o.skus, o.products, o.titles, o.prices)
	b.Queue(`
INSERT INTO order_history (region, order_id, version, status, actor)
SELECT $1::text::crdb_internal_region, $2::uuid, h.version, h.status, 'guest'
FROM unnest($3::int8[], $4::text[]) AS h (version, status)`, o.market.region, o.id, []int64{1, 2}[:len(versions)], versions)
	// $1 = region, $2 = order, $3 = status, $4 = currency, $5 = amount, $6 = captured, $7 = transition
	b.Queue(`
INSERT INTO payments (region, id, order_id, provider, provider_ref, method, status, currency, amount_minor, captured_minor, transition_id, next_check_at)
VALUES ($1, $2, $2, 'sandbox', 'bench', 'card_success', $3, $4, $5, $6, $7, now() + INTERVAL '1 hour')`,
		o.market.region, o.id, payment, o.market.currency, o.total, captured, o.transition)
}

func (o bareOrder) queueReservations(b *pgx.Batch) {
	status, kinds, reserved, given := "held", []string{"reserve"}, []int64{1}, []int64{0}
	if o.paid {
		status, kinds, reserved, given = "allocated", []string{"reserve", "allocate"}, []int64{1, -1}, []int64{0, 1}
	}
	// $1 = stock's region, $2 = ids, $3 = SKUs, $4 = warehouse, $5 = region, $6 = order, $7 = line numbers, $8 = status, $9 = transition
	b.Queue(`
INSERT INTO reservations (region, id, sku, warehouse, order_region, order_id, line_no, quantity, status, transition_id)
SELECT $1::text::crdb_internal_region, l.id, l.sku, $4::text, $5::text::crdb_internal_region, $6::uuid, l.line_no, 1, $8::text, $9::uuid
FROM unnest($2::uuid[], $3::text[], $7::int8[]) AS l (id, sku, line_no)`,
		o.market.warehouseRegion, o.reservations, o.skus, o.market.warehouse, o.market.region, o.id, o.nos, status, o.transition)
	// $1 = stock's region, $2 = SKUs, $3 = warehouse, $4 = order, $5 = kinds, $6, $7 = changes
	b.Queue(`
INSERT INTO stock_movements (region, sku, warehouse, kind, reserved_delta, allocated_delta, actor, reference)
SELECT $1::text::crdb_internal_region, l.sku, $3::text, m.kind, m.reserved, m.allocated, 'guest', $4::text
FROM unnest($2::text[]) AS l (sku), unnest($5::text[], $6::int8[], $7::int8[]) AS m (kind, reserved, allocated)`,
		o.market.warehouseRegion, o.skus, o.market.warehouse, o.public, kinds, reserved, given)
}

// queueUnits changes the stock rows: last, so that one that others want is locked for as
// short as can be.
func (o bareOrder) queueUnits(b *pgx.Batch) {
	held, allocated := 1, 0
	if o.paid {
		held, allocated = 0, 1
	}
	for _, sku := range o.skus {
		b.Queue(`
UPDATE stock SET reserved = reserved + $4, allocated = allocated + $5, updated_at = now()
WHERE region = $1 AND sku = $2 AND warehouse = $3`, o.market.warehouseRegion, sku, o.market.warehouse, held, allocated)
	}
}

func (o bareOrder) queueMessages(b *pgx.Batch) {
	topics := []string{"order.placed"}
	if o.paid {
		topics = append(topics, "order.paid")
	}
	payload, _ := json.Marshal(map[string]any{"order": o.public, "status": "pending_payment", "total_minor": o.total, "currency": o.market.currency})
	// Delivered already: the workers, which would deliver it, are the shop's.
	b.Queue(`
INSERT INTO outbox (region, topic, key, payload, attempts, delivered_at, expires_at)
SELECT $1::text::crdb_internal_region, e.topic, $2::text, $3::jsonb, 1, now(), now() + INTERVAL '7 days'
FROM unnest($4::text[]) AS e (topic)`, o.market.region, o.public, string(payload), topics)
	if !o.paid {
		return
	}
	b.Queue(`
INSERT INTO webhook_inbox (region, provider, event_id, event, attempts, processed_at, expires_at)
VALUES ($1, 'sandbox', $2, $3, 1, now(), now() + INTERVAL '30 days')`, o.market.region, "bench-"+o.id.String(), o.webhook())
}

// webhook is an event as long as the sandbox's.
func (o bareOrder) webhook() string {
	text, _ := json.Marshal(map[string]any{
		"ID": "bench-" + o.id.String(), "Type": "payment.succeeded", "PaymentID": o.public, "OccurredAt": time.Now().UTC(),
		"Outcome": map[string]any{
			"Status": "succeeded", "ProviderRef": "bench-" + o.cart.String(), "FailureCode": "", "ClientSecret": "",
			"Amount": map[string]any{"Minor": o.total, "Currency": o.market.currency}, "CapturedMinor": o.total, "RefundedMinor": 0,
		},
	})
	return string(text)
}

// settle adds the statements that make a placed order a paid one, so that the limit of
// placing leaves nothing open. They are not measured.
func (o bareOrder) settle(b *pgx.Batch) {
	b.Queue(`
UPDATE orders SET status = 'paid', version = 2, updated_at = now()
WHERE region = $1 AND id = $2`, o.market.region, o.id)
	b.Queue(`
INSERT INTO order_history (region, order_id, version, status, actor)
VALUES ($1, $2, 2, 'paid', 'system')`, o.market.region, o.id)
	b.Queue(`
UPDATE payments SET status = 'captured', captured_minor = amount_minor, updated_at = now()
WHERE region = $1 AND id = $2`, o.market.region, o.id)
	b.Queue(`
UPDATE reservations SET status = 'allocated', updated_at = now()
WHERE region = $1 AND order_id = $2`, o.market.warehouseRegion, o.id)
	b.Queue(`
INSERT INTO stock_movements (region, sku, warehouse, kind, reserved_delta, allocated_delta, actor, reference)
SELECT $1::text::crdb_internal_region, l.sku, $3::text, 'allocate', -1, 1, 'system', $4::text
FROM unnest($2::text[]) AS l (sku)`, o.market.warehouseRegion, o.skus, o.market.warehouse, o.public)
	b.Queue(`
INSERT INTO outbox (region, topic, key, payload, attempts, delivered_at, expires_at)
VALUES ($1, 'order.paid', $2, '{}', 1, now(), now() + INTERVAL '7 days')`, o.market.region, o.public)
	for _, sku := range o.skus {
		b.Queue(`
UPDATE stock SET reserved = reserved - 1, allocated = allocated + 1, updated_at = now()
WHERE region = $1 AND sku = $2 AND warehouse = $3`, o.market.warehouseRegion, sku, o.market.warehouse)
	}
}

// bareOrders is the loop of bare orders: whole ones or only placed, of random SKUs or with
// the hot one first.
func bareOrders(c Config, g *goods, markets []market, hot, paid bool) *bareLoop {
	draw := func(r *rand.Rand) bareOrder {
		return newBareOrder(c.Regions, markets[r.IntN(len(markets))], g.draw(r, hot), paid)
	}
	sample := draw(rand.New(rand.NewPCG(c.Seed, 0)))
	var batch pgx.Batch
	sample.queue(&batch)
	l := &bareLoop{
		url: c.DatabaseURL, seed: c.Seed,
		Statements: batch.Len(), Rows: sample.rows(),
	}
	l.once = func(ctx context.Context, conn *pgx.Conn, r *rand.Rand) (func(*pgx.Batch), error) {
		o := draw(r)
		if err := send(ctx, conn, o.queue); err != nil {
			return nil, fmt.Errorf("bare order: %w", err)
		}
		if paid {
			return nil, nil
		}
		return o.settle, nil
	}
	return l
}

func send(ctx context.Context, conn *pgx.Conn, queue func(*pgx.Batch)) error {
	var batch pgx.Batch
	queue(&batch)
	return conn.SendBatch(ctx, &batch).Close()
}
