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

// Strategies returns all strategies, the default first.
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
	b.QueueArgs(`
INSERT INTO carts (region, id, account_region, account_id, currency, country, created_at, updated_at, expires_at)
SELECT @home::crdb_internal_region, @fresh::uuid, @home::crdb_internal_region, @account::uuid, g.currency, g.country,
  @now::timestamptz, @now::timestamptz, @expires_at::timestamptz
FROM carts g
WHERE `+guestOpen+`
ON CONFLICT DO NOTHING`, c.mergeArgs(in).With(database.Args{"fresh": fresh.ID, "expires_at": c.Now().Add(c.CustomerLife)}))
}

// guestOpen picks the guest's cart g, and customerOpen the customer's t; mergeArgs are their
// arguments.
const (
	guestOpen = `g.region = @guest_region AND g.id = @guest AND g.account_id IS NULL AND g.status = 'open'
  AND g.expires_at > @now::timestamptz`
	customerOpen = `t.region = @home AND t.account_id = @account AND t.status = 'open'`
)

func (c *Carts) mergeArgs(in MergeInput) database.Args {
	return database.Args{
		"guest_region": in.Guest.Region, "guest": in.Guest.ID, "home": in.Customer.Region, "account": in.Customer.ID, "now": c.Now(),
	}
}

// queueMoveLines copies the lines; the guest's, which is closed, keeps its own.
func (c *Carts) queueMoveLines(b *database.Batch, in MergeInput) {
	b.QueueArgs(`
INSERT INTO cart_lines (region, cart_id, sku, quantity, added_at)
SELECT t.region, t.id, l.sku, l.quantity, l.added_at
FROM carts g
JOIN cart_lines l ON l.region = g.region AND l.cart_id = g.id
JOIN carts t ON `+customerOpen+`
WHERE `+guestOpen+`
ON CONFLICT (region, cart_id, sku) DO UPDATE
SET quantity = CASE @strategy::text
  WHEN 'sum' THEN least(cart_lines.quantity + excluded.quantity, @max_quantity::int8)
  WHEN 'max' THEN greatest(cart_lines.quantity, excluded.quantity)
  WHEN 'keep_guest' THEN excluded.quantity
  ELSE cart_lines.quantity END`, c.mergeArgs(in).With(database.Args{"strategy": string(in.Strategy), "max_quantity": MaxQuantity}))
}

// queueMergeVersions raises the version of the customer's cart if lines were moved to it, and
// adds the guest's coupons to its own, as many as a cart may have; or it refuses the batch by
// carts_version_current when the lines are too many.
func (c *Carts) queueMergeVersions(b *database.Batch, in MergeInput) {
	b.QueueArgs(`
UPDATE carts t
SET version = CASE
    WHEN (SELECT count(*) FROM cart_lines l WHERE l.region = t.region AND l.cart_id = t.id) <= @max_lines::int8
    THEN t.version + 1
    ELSE -1 END,
  coupons = ARRAY(
    SELECT e.code
    FROM unnest(t.coupons || g.coupons) WITH ORDINALITY AS e (code, place)
    GROUP BY e.code
    ORDER BY min(e.place)
    LIMIT @max_coupons::int8),
  updated_at = @now::timestamptz,
  expires_at = @expires_at::timestamptz
FROM carts g
WHERE `+customerOpen+` AND `+guestOpen,
		c.mergeArgs(in).With(database.Args{
			"max_lines": c.MaxLines, "max_coupons": promotion.MaxCoupons, "expires_at": c.Now().Add(c.CustomerLife),
		}))
}

// queueMerged closes the guest's cart: the statements before it act on an open one only.
func (c *Carts) queueMerged(b *database.Batch, guest regions.Ref) {
	b.Queue(`
UPDATE carts
SET status = 'merged', version = version + 1, updated_at = $3
WHERE region = $1 AND id = $2 AND account_id IS NULL AND status = 'open' AND expires_at > $3`,
		guest.Region, guest.ID, c.Now())
}
