package cart

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/promotion"
	"meridian/regions"
)

// Strategy decides the quantity of a SKU that both carts hold. A SKU that one of them
// holds is in the merged cart in any case.
type Strategy string

// The strategies of a merge.
const (
	MergeSum          Strategy = "sum"           // both together, at most MaxQuantity
	MergeMax          Strategy = "max"           // the larger of the two
	MergeKeepCustomer Strategy = "keep_customer" // the customer's
	MergeKeepGuest    Strategy = "keep_guest"    // the guest's
)

// Strategies are all strategies, the default first.
func Strategies() []Strategy {
	return []Strategy{MergeSum, MergeMax, MergeKeepCustomer, MergeKeepGuest}
}

// MergeInput moves a guest's cart into a customer's.
type MergeInput struct {
	// Guest is the guest's cart; the caller has checked its token.
	Guest regions.Ref
	// Customer is the account that signed in.
	Customer regions.Ref
	// Strategy defaults to MergeSum.
	Strategy Strategy
}

// Merge moves the lines and coupons of a guest's cart to the customer's open cart in the home
// region and returns that one. If there is none it is made, in the guest's currency and country.
// The guest's cart is then merged for good: merging it again changes nothing and returns
// the customer's open cart. One round trip; it may be repeated.
//
// It fails with *invalid.Error, *TooManyLinesError, ErrNotFound when there is no such
// guest's cart (or it was merged before and no cart of the customer is open), and
// ErrNotOpen when it was ordered; nothing is then changed.
func (c *Carts) Merge(ctx context.Context, in MergeInput) (Cart, error) {
	if in.Strategy == "" {
		in.Strategy = MergeSum
	}
	if !slices.Contains(Strategies(), in.Strategy) {
		return Cart{}, invalid.New("merge", "strategy", "must be sum, max, keep_customer or keep_guest")
	}
	fresh := regions.Ref{Region: in.Customer.Region, ID: uuid.New()}
	var merged Cart
	var guest string
	err := c.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		c.queueGuestStatus(b, in.Guest, &guest)
		c.queueClearExpired(b, in.Customer)
		c.queueMergeTarget(b, in, fresh)
		c.queueMoveLines(b, in)
		c.queueMergeVersions(b, in)
		c.queueMerged(b, in.Guest)
		c.queueGetOpen(b, in.Customer, &merged)
		return nil
	})
	switch {
	case database.Violates(err, "carts_version_current"):
		return Cart{}, &TooManyLinesError{Max: c.MaxLines}
	case guest == StatusOrdered:
		return Cart{}, ErrNotOpen
	case err != nil:
		return Cart{}, fmt.Errorf("merge carts: %w", err)
	case guest == "":
		return Cart{}, ErrNotFound
	}
	return merged, nil
}

// queueGuestStatus reads the status of the guest's cart before the merge; "" if there is none.
func (c *Carts) queueGuestStatus(b *database.Batch, guest regions.Ref, into *string) {
	*into = ""
	b.Queue(`
SELECT status
FROM carts
WHERE region = $1 AND id = $2 AND account_id IS NULL AND expires_at > $3`,
		guest.Region, guest.ID, c.Now()).Query(database.CollectFirst(into, pgx.RowTo[string]))
}

// queueMergeTarget makes the customer's open cart, if there is none and there is
// something to merge.
func (c *Carts) queueMergeTarget(b *database.Batch, in MergeInput, fresh regions.Ref) {
	now := c.Now()
	// $1 = guest's region, $2 = guest's cart, $3 = now, $4 = home region, $5 = new id, $6 = account, $7 = expiry
	b.Queue(`
INSERT INTO carts (region, id, account_region, account_id, currency, country, created_at, updated_at, expires_at)
SELECT $4::crdb_internal_region, $5::uuid, $4::crdb_internal_region, $6::uuid, g.currency, g.country,
  $3::timestamptz, $3::timestamptz, $7::timestamptz
FROM carts g
WHERE g.region = $1 AND g.id = $2 AND g.account_id IS NULL AND g.status = 'open' AND g.expires_at > $3::timestamptz
ON CONFLICT DO NOTHING`,
		in.Guest.Region, in.Guest.ID, now, fresh.Region, fresh.ID, in.Customer.ID, now.Add(c.CustomerLife))
}

// queueMoveLines copies the lines; the guest's, which is closed, keeps its own.
func (c *Carts) queueMoveLines(b *database.Batch, in MergeInput) {
	// $1 = guest's region, $2 = guest's cart, $3 = now, $4 = home region, $5 = account, $6 = strategy, $7 = most units
	b.Queue(`
INSERT INTO cart_lines (region, cart_id, sku, quantity, added_at)
SELECT t.region, t.id, l.sku, l.quantity, l.added_at
FROM carts g
JOIN cart_lines l ON l.region = g.region AND l.cart_id = g.id
JOIN carts t ON t.region = $4 AND t.account_id = $5 AND t.status = 'open'
WHERE g.region = $1 AND g.id = $2 AND g.account_id IS NULL AND g.status = 'open' AND g.expires_at > $3
ON CONFLICT (region, cart_id, sku) DO UPDATE
SET quantity = CASE $6::text
  WHEN 'sum' THEN least(cart_lines.quantity + excluded.quantity, $7::int8)
  WHEN 'max' THEN greatest(cart_lines.quantity, excluded.quantity)
  WHEN 'keep_guest' THEN excluded.quantity
  ELSE cart_lines.quantity END`,
		in.Guest.Region, in.Guest.ID, c.Now(), in.Customer.Region, in.Customer.ID, string(in.Strategy), MaxQuantity)
}

// queueMergeVersions raises the version of the customer's cart if lines were moved to it, and
// adds the guest's coupons to its own, as many as a cart may have; or it refuses the batch by
// carts_version_current when the lines are too many.
func (c *Carts) queueMergeVersions(b *database.Batch, in MergeInput) {
	now := c.Now()
	// $1 = guest's region, $2 = guest's cart, $3 = now, $4 = home region, $5 = account, $6 = most lines, $7 = expiry,
	// $8 = most coupons
	b.Queue(`
UPDATE carts t
SET version = CASE
    WHEN (SELECT count(*) FROM cart_lines l WHERE l.region = t.region AND l.cart_id = t.id) <= $6::int8
    THEN t.version + 1
    ELSE -1 END,
  coupons = ARRAY(
    SELECT e.code
    FROM unnest(t.coupons || g.coupons) WITH ORDINALITY AS e (code, place)
    GROUP BY e.code
    ORDER BY min(e.place)
    LIMIT $8::int8),
  updated_at = $3::timestamptz,
  expires_at = $7::timestamptz
FROM carts g
WHERE t.region = $4 AND t.account_id = $5 AND t.status = 'open'
  AND g.region = $1 AND g.id = $2 AND g.account_id IS NULL AND g.status = 'open' AND g.expires_at > $3::timestamptz`,
		in.Guest.Region, in.Guest.ID, now, in.Customer.Region, in.Customer.ID, c.MaxLines, now.Add(c.CustomerLife), promotion.MaxCoupons)
}

// queueMerged closes the guest's cart: the statements before it act on an open one only.
func (c *Carts) queueMerged(b *database.Batch, guest regions.Ref) {
	b.Queue(`
UPDATE carts
SET status = 'merged', version = version + 1, updated_at = $3
WHERE region = $1 AND id = $2 AND account_id IS NULL AND status = 'open' AND expires_at > $3`,
		guest.Region, guest.ID, c.Now())
}
