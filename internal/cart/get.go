package cart

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/pricing"
	"meridian/regions"
)

// Get returns the cart, whatever its status, if it is the account's (a guest's where
// account is nil; the caller has checked the guest's token). Else it fails with
// ErrNotFound. One round trip.
func (c *Carts) Get(ctx context.Context, ref regions.Ref, account *regions.Ref) (Cart, error) {
	var cart Cart
	err := c.DB.Read(ctx, func(b *database.Batch) error {
		c.QueueGet(b, ref, &cart)
		return nil
	})
	switch {
	case err != nil:
		return Cart{}, fmt.Errorf("get cart: %w", err)
	case !cart.OwnedBy(account):
		return Cart{}, ErrNotFound
	}
	return cart, nil
}

// GetOpen returns the account's open cart, or ErrNotFound if it has none. One round trip.
func (c *Carts) GetOpen(ctx context.Context, account regions.Ref) (Cart, error) {
	var cart Cart
	err := c.DB.Read(ctx, func(b *database.Batch) error {
		c.queueGetOpen(b, account, &cart)
		return nil
	})
	if err != nil {
		return Cart{}, fmt.Errorf("get open cart: %w", err)
	}
	return cart, nil
}

// QueueGet adds the reading of a cart to a batch: the cart with its lines, prices and
// stock, in one statement. Where there is no such cart, or it has expired, the batch
// fails with ErrNotFound. Whose it is, and whether it is open, is for the caller to check.
func (c *Carts) QueueGet(b *database.Batch, ref regions.Ref, into *Cart) {
	b.Queue(cartQuery+`
WHERE c.region = $1 AND c.id = $2 AND c.expires_at > $3`+linesInOrder,
		ref.Region, ref.ID, c.Now(), c.Regions.Names()).Query(collectInto(into))
}

// QueueGetForCheckout adds the reading of several carts to a batch, in one statement. into
// gets those that there are and that have not expired; what is in stock is left out, for the
// checkout looks at that closer.
func (c *Carts) QueueGetForCheckout(b *database.Batch, refs []regions.Ref, into map[regions.Ref]Cart) {
	homes, ids := regions.Columns(refs)
	b.Queue(`
SELECT `+cartColumns+`, 0::int8`+cartJoins+wantedCarts+linesInOrder, homes, ids, c.Now()).Query(collectAll(into))
}

// queueGetAll is QueueGet for several carts, in one statement, as they are in into.
func (c *Carts) queueGetAll(b *database.Batch, refs []regions.Ref, into map[regions.Ref]Cart) {
	homes, ids := regions.Columns(refs)
	b.Queue(cartQuery+wantedCarts+linesInOrder, homes, ids, c.Now(), c.Regions.Names()).Query(collectAll(into))
}

// wantedCarts picks the carts of $1, their regions, and $2, their ids: one visit to the
// primary key each. A cart of the same id in another of the regions comes too, under its own
// name.
const wantedCarts = `
WHERE c.region = ANY($1::text[]::crdb_internal_region[]) AND c.id = ANY($2::uuid[]) AND c.expires_at > $3`

// collectAll gathers the rows of several carts.
func collectAll(into map[regions.Ref]Cart) func(rows pgx.Rows) error {
	return func(rows pgx.Rows) error {
		clear(into)
		list, err := pgx.CollectRows(rows, scanCart)
		for _, row := range list {
			if found, again := into[row.Ref]; again {
				found.Lines = append(found.Lines, row.Lines...)
				row = found
			}
			into[row.Ref] = row
		}
		return err
	}
}

// queueGetOpen is QueueGet for the open cart of an account.
func (c *Carts) queueGetOpen(b *database.Batch, account regions.Ref, into *Cart) {
	b.Queue(cartQuery+`
WHERE c.region = $1 AND c.account_id = $2 AND c.status = 'open' AND c.expires_at > $3`+linesInOrder,
		account.Region, account.ID, c.Now(), c.Regions.Names()).Query(collectInto(into))
}

// cartQuery is a row for each line of a cart, and one row for a cart without lines. Its
// WHERE clause has $1 to $3; $4 is the names of all regions, so that a line's stock is one
// visit to the primary key a region.
const cartQuery = `
SELECT ` + cartColumns + `,
  (SELECT coalesce(sum(k.on_hand - k.reserved - k.allocated), 0)::int8
   FROM stock k
   WHERE k.region = ANY($4::text[]::crdb_internal_region[]) AND k.sku = l.sku
     AND k.warehouse = ANY(ARRAY(SELECT w.code FROM warehouses w WHERE w.active)))` + cartJoins

// cartColumns and cartJoins are cartQuery without what is in stock. Of the sellers' prices
// only those in the cart's currency and in the SKU's base currency are of use.
const cartColumns = `c.region, c.id, c.account_region, c.account_id, c.currency, c.country, c.status,
  c.version, c.created_at, c.updated_at, c.expires_at,
  c.coupons, (SELECT a.customer_group FROM accounts a WHERE a.region = c.account_region AND a.id = c.account_id),
  CASE WHEN c.account_id IS NULL THEN false ELSE NOT EXISTS (
    SELECT 1 FROM orders o WHERE o.region = c.account_region AND o.account_id = c.account_id AND o.status <> 'cancelled') END,
  (SELECT v.version FROM pricing_state v WHERE v.id = 'rules'),
  l.sku, l.quantity, l.added_at, s.product_id, p.title, p.slug, p.images ->> 0, s.options,
  p.tax_category, p.category_id, s.base_currency, s.status = 'active' AND p.status = 'active',
  (SELECT jsonb_agg(jsonb_build_object(
            'list', e.list, 'min_quantity', e.min_quantity, 'amount_minor', e.amount_minor, 'valid_from', e.valid_from, 'valid_to', e.valid_to))
   FROM price_entries e
   WHERE e.sku = l.sku AND (e.valid_to IS NULL OR e.valid_to > now() - INTERVAL '365 days')
     AND (e.list NOT LIKE 'catalogue-%' OR e.list IN ('catalogue-' || c.currency, 'catalogue-' || s.base_currency)))`

const cartJoins = `
FROM carts c
LEFT JOIN cart_lines l ON l.region = c.region AND l.cart_id = c.id
LEFT JOIN skus s ON s.sku = l.sku
LEFT JOIN products p ON p.id = s.product_id`

const linesInOrder = `
ORDER BY l.added_at NULLS LAST, l.sku NULLS LAST`

// collectInto gathers the rows of cartQuery.
func collectInto(into *Cart) func(rows pgx.Rows) error {
	return func(rows pgx.Rows) error {
		*into = Cart{}
		list, err := pgx.CollectRows(rows, scanCart)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return ErrNotFound
		}
		*into = list[0]
		for _, more := range list[1:] {
			into.Lines = append(into.Lines, more.Lines...)
		}
		return nil
	}
}

// scanCart reads one row of cartQuery: a cart with one line or none.
func scanCart(row pgx.CollectableRow) (Cart, error) {
	var c Cart
	var l nullableLine
	var accountRegion *string
	var accountID *uuid.UUID
	var group *string
	err := row.Scan(&c.Ref.Region, &c.Ref.ID, &accountRegion, &accountID, &c.Currency, &c.Country, &c.Status,
		&c.Version, &c.CreatedAt, &c.UpdatedAt, &c.ExpiresAt,
		&c.Coupons, &group, &c.FirstOrder, &c.rules,
		&l.sku, &l.quantity, &l.addedAt, &l.productID, &l.title, &l.slug, &l.imageURL, &l.options,
		&l.taxCategory, &l.category, &l.baseCurrency, &l.sellable, &l.entries, &l.available)
	if err != nil {
		return Cart{}, err
	}
	if accountRegion != nil && accountID != nil {
		c.Account = &regions.Ref{Region: *accountRegion, ID: *accountID}
	}
	if group != nil {
		c.Group = *group
	}
	if l.sku != nil {
		c.Lines = []Line{l.line()}
	}
	return c, nil
}

// nullableLine is the right side of cartQuery's joins: all of it is NULL for a cart
// without lines, and a line may be without picture or price.
type nullableLine struct {
	sku, title, slug, imageURL, taxCategory, category, baseCurrency *string
	quantity                                                        *int64
	available                                                       int64
	addedAt                                                         *time.Time
	productID                                                       *uuid.UUID
	options                                                         map[string]string
	sellable                                                        *bool
	entries                                                         pricing.StoredEntries
}

// line is the row as a line; its sku, and so all that the schema requires, is not NULL.
func (n nullableLine) line() Line {
	l := Line{
		SKU:       *n.sku,
		ProductID: *n.productID,
		Title:     *n.title,
		Slug:      *n.slug,
		Options:   n.options,
		Quantity:  *n.quantity,
		Sellable:  *n.sellable,
		Available: n.available,
		AddedAt:   *n.addedAt,
		Article: pricing.PricedSKU{
			SKU: *n.sku, BaseCurrency: money.Currency(*n.baseCurrency), TaxCategory: *n.taxCategory, Category: *n.category,
			Sellable: *n.sellable, Entries: n.entries.Entries(),
		},
	}
	if n.imageURL != nil {
		l.ImageURL = *n.imageURL
	}
	return l
}
