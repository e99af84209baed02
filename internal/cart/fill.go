package cart

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/regions"
)

// filling is a guest's new cart on its way, with its first lines.
type filling struct {
	ref  regions.Ref
	in   CreateInput
	put  edits // what is put in; nothing is removed
	made Cart
	err  error
}

// fill makes a guest's cart with its first lines, together with those that other guests
// begin at the same time: one round trip to write them and one to read them. The reading is a
// transaction of its own, since it looks at stock, which every checkout changes: one that
// also writes would make them fail, and be made to fail by them. fill's error says that this
// could not be done so, not why.
func (c *Carts) fill(ctx context.Context, ref regions.Ref, in CreateInput, put edits) (Cart, error) {
	f := &filling{ref: ref, in: in, put: put}
	if err := c.shared.Do(ctx, ref.Region, f); err != nil {
		return Cart{}, err
	}
	return f.made, f.err
}

// fillTogether makes carts in one transaction; where that is refused, by halves.
func (c *Carts) fillTogether(ctx context.Context, group []*filling) {
	err := c.writeFillings(ctx, group)
	if err != nil && len(group) > 1 && database.Divisible(err) {
		database.Divide(ctx, c.shared.Again, group, c.fillTogether)
		return
	}
	for _, f := range group {
		f.err = err
	}
}

func (c *Carts) writeFillings(ctx context.Context, group []*filling) error {
	err := c.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		var claims []idempotency.Claim
		for _, f := range group {
			if f.in.Idempotency.Key != "" {
				claims = append(claims, idempotency.Claim{
					Key: f.in.Idempotency, Answer: idempotency.Answer{Resource: c.publicID(f.ref), Status: http.StatusCreated},
				})
			}
		}
		if claims != nil {
			idempotency.QueueClaims(b, claims...)
		}
		c.queueFilled(b, group)
		return nil
	})
	if err != nil {
		return err
	}
	return c.readFillings(ctx, group)
}

func (c *Carts) readFillings(ctx context.Context, group []*filling) error {
	made := make(map[regions.Ref]Cart)
	refs := make([]regions.Ref, len(group))
	for i, f := range group {
		refs[i] = f.ref
	}
	err := c.DB.Read(ctx, func(b *database.Batch) error {
		c.queueGetAll(b, refs, made)
		return nil
	})
	for _, f := range group {
		f.made = made[f.ref]
	}
	return err
}

// queueFilled adds carts and their lines. A cart one of whose SKUs is not sold breaks
// carts_version_current, one that is there already carts_pkey.
func (c *Carts) queueFilled(b *database.Batch, group []*filling) {
	var homes, currencies, countries, lineHomes, skus []string
	var ids, lineCarts []uuid.UUID
	var sizes, quantities []int64
	for _, f := range group {
		homes, ids = append(homes, f.ref.Region), append(ids, f.ref.ID)
		currencies, countries = append(currencies, string(f.in.Currency)), append(countries, f.in.Country)
		sizes = append(sizes, int64(len(f.put.put)))
		for i, sku := range f.put.put {
			lineHomes, lineCarts = append(lineHomes, f.ref.Region), append(lineCarts, f.ref.ID)
			skus, quantities = append(skus, sku), append(quantities, f.put.quantities[i])
		}
	}
	now := c.Now()
	// $1 = regions, $2 = ids, $3 = currencies, $4 = countries, $5 = numbers of lines, $6 = now,
	// $7 = expiry, then a column of the lines each: $8 = carts, $9 = SKUs
	b.Queue(`
INSERT INTO carts (region, id, currency, country, version, created_at, updated_at, expires_at)
SELECT c.region::crdb_internal_region, c.id, c.currency, c.country,
  CASE WHEN c.size = (
    SELECT count(*)
    FROM unnest($8::uuid[], $9::text[]) AS l (cart, sku)
    JOIN skus s ON s.sku = l.sku AND s.status = 'active'
    JOIN products p ON p.id = s.product_id AND p.status = 'active'
    WHERE l.cart = c.id
  ) THEN 1 ELSE -1 END,
  $6::timestamptz, $6::timestamptz, $7::timestamptz
FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::int8[]) AS c (region, id, currency, country, size)`,
		homes, ids, currencies, countries, sizes, now, now.Add(c.life(nil)), lineCarts, skus)
	b.Queue(`
INSERT INTO cart_lines (region, cart_id, sku, quantity)
SELECT l.region::crdb_internal_region, l.cart, l.sku, l.quantity
FROM unnest($1::text[], $2::uuid[], $3::text[], $4::int8[]) AS l (region, cart, sku, quantity)`,
		lineHomes, lineCarts, skus, quantities)
}
