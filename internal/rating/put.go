package rating

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// Put gives a product a customer's stars, in place of those the customer gave it before, and returns what all customers
// think of it then. One round trip. It may be repeated.
//
// Errors: ErrNoProduct, ErrNotBought, ErrAccountClosed. Stars are LeastStars to MostStars; the caller has checked.
func (r *Ratings) Put(ctx context.Context, of Key, stars int64) (Total, error) {
	var found standing
	err := r.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		found = standing{}
		r.queueStars(b, of, stars)
		queueCount(b, of)
		r.queueStanding(b, of, &found)
		return nil
	})
	if err != nil {
		return Total{}, fmt.Errorf("rate a product: %w", err)
	}
	return found.total, found.refusal()
}

// queueStars writes the rating, if the customer may give it.
func (r *Ratings) queueStars(b *database.Batch, of Key, stars int64) {
	// $1 = customer's region, $2 = customer, $3 = product, $4 = stars
	b.Queue(`
INSERT INTO ratings AS r (region, account_id, product_id, stars)
SELECT a.region, a.id, $3::uuid, $4::int8
FROM `+r.CustomersSQL+` a
WHERE a.region = $1 AND a.id = $2 AND a.status = 'active' AND `+r.BoughtSQL("$1", "$2", "$3")+`
ON CONFLICT (region, account_id, product_id) DO UPDATE SET stars = excluded.stars, updated_at = now()
WHERE r.stars <> excluded.stars`, of.Customer.Region, of.Customer.ID, of.Product, stars)
}

// queueCount brings the product's sum to what the rating is now.
func queueCount(b *database.Batch, of Key) {
	key := []any{of.Customer.Region, of.Customer.ID, of.Product}
	b.Queue(`
INSERT INTO product_ratings (product_id)
SELECT r.product_id
FROM ratings r
WHERE r.region = $1 AND r.account_id = $2 AND r.product_id = $3
ON CONFLICT (product_id) DO NOTHING`, key...)
	b.Queue(`
UPDATE product_ratings s
SET stars_sum = s.stars_sum + r.stars - r.counted, ratings = s.ratings + CASE WHEN r.counted = 0 THEN 1 ELSE 0 END, updated_at = now()
FROM ratings r
WHERE r.region = $1 AND r.account_id = $2 AND r.product_id = $3 AND s.product_id = r.product_id AND r.counted <> r.stars`, key...)
	b.Queue(`
UPDATE ratings
SET counted = stars
WHERE region = $1 AND account_id = $2 AND product_id = $3 AND counted <> stars`, key...)
}

// standing is what a customer may do about a product, and what all think of it.
type standing struct {
	open, onSale, bought bool
	total                Total
}

// refusal returns why the customer may not rate the product, nil where they may.
func (s standing) refusal() error {
	switch {
	case !s.open:
		return ErrAccountClosed
	case s.bought:
		return nil
	case !s.onSale:
		return ErrNoProduct
	}
	return ErrNotBought
}

// queueStanding reads how the customer and the product stand at the end of the batch.
func (r *Ratings) queueStanding(b *database.Batch, of Key, into *standing) {
	b.Queue(`
SELECT EXISTS (SELECT 1 FROM `+r.CustomersSQL+` a WHERE a.region = $1 AND a.id = $2 AND a.status = 'active'),
  EXISTS (SELECT 1 FROM `+r.ProductsSQL+` p WHERE p.id = $3 AND p.on_sale),
  `+r.BoughtSQL("$1", "$2", "$3")+`,
  coalesce((SELECT s.stars_sum FROM product_ratings s WHERE s.product_id = $3), 0),
  coalesce((SELECT s.ratings FROM product_ratings s WHERE s.product_id = $3), 0)`,
		of.Customer.Region, of.Customer.ID, of.Product).QueryRow(func(row pgx.Row) error {
		return row.Scan(&into.open, &into.onSale, &into.bought, &into.total.Stars, &into.total.Ratings)
	})
}
