package bench

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// cartLimits is the bare statements of one cart's life: three transactions, since it is
// three calls.
func cartLimits(ctx context.Context, r *run) ([]limit, error) {
	loop := &bareLoop{url: r.DatabaseURL, seed: r.Seed, Statements: 8, Rows: 5 + r.Lines}
	loop.once = func(ctx context.Context, conn *pgx.Conn, random *rand.Rand) (func(*pgx.Batch), error) {
		c := bareCart{market: r.markets[random.IntN(len(r.markets))], id: uuid.New()}
		for _, a := range r.goods.draw(random, false) {
			c.skus = append(c.skus, a.sku)
		}
		for _, queue := range []func(*pgx.Batch){c.create, c.read, c.change} {
			if err := send(ctx, conn, queue); err != nil {
				return nil, fmt.Errorf("bare cart: %w", err)
			}
		}
		return nil, nil
	}
	l, err := r.statementLimit(ctx, loop, "the bare statements of one cart in three transactions, no HTTP, no rules")
	return []limit{l}, err
}

// bareCart is a cart as the rows that its life leaves behind.
type bareCart struct {
	market market
	id     uuid.UUID
	skus   []string
}

func (c bareCart) create(b *pgx.Batch) {
	c.claim(b)
	b.Queue(`
INSERT INTO carts (region, id, currency, country, version, expires_at)
VALUES ($1, $2, $3, $4, 2, now() + INTERVAL '30 days')`, c.market.region, c.id, c.market.currency, c.market.country)
	b.Queue(`
INSERT INTO cart_lines (region, cart_id, sku, quantity)
SELECT $1::text::crdb_internal_region, $2::uuid, l.sku, 1
FROM unnest($3::text[]) AS l (sku)`, c.market.region, c.id, c.skus)
}

// read is the cart with what a page of it shows.
func (c bareCart) read(b *pgx.Batch) {
	b.Queue(`
SELECT c.currency, c.country, c.version, l.sku, l.quantity, p.title, e.amount_minor
FROM carts c
JOIN cart_lines l ON l.region = c.region AND l.cart_id = c.id
JOIN skus s ON s.sku = l.sku
JOIN products p ON p.id = s.product_id
JOIN price_entries e ON e.sku = l.sku AND e.list = 'catalogue-' || c.currency AND e.min_quantity = 1 AND e.valid_to IS NULL
WHERE c.region = $1 AND c.id = $2`, c.market.region, c.id)
}

func (c bareCart) change(b *pgx.Batch) {
	c.claim(b)
	b.Queue(`
UPDATE carts SET version = version + 1, updated_at = now()
WHERE region = $1 AND id = $2`, c.market.region, c.id)
	b.Queue(`
UPDATE cart_lines SET quantity = quantity + 1
WHERE region = $1 AND cart_id = $2 AND sku = $3`, c.market.region, c.id, c.skus[0])
	c.read(b)
}

// claim is the idempotency key of a call.
func (c bareCart) claim(b *pgx.Batch) {
	b.Queue(`
INSERT INTO idempotency_keys (region, scope, key, fingerprint, resource, status)
VALUES ($1, $2, $3, $4, $2, 200)`, c.market.region, "bench-"+c.id.String(), uuid.NewString(), c.id[:])
}
