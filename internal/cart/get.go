package cart

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/account"
	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/money"
	"meridian/internal/pricing"
	"meridian/internal/pricing/changes"
	"meridian/regions"
)

// Get returns the cart, whatever its status, if it is the account's (a guest's where
// by is nil; the caller has checked the guest's token). Else it fails with
// ErrNotFound. One round trip.
func (c *Carts) Get(ctx context.Context, ref regions.Ref, by *regions.Ref) (Cart, error) {
	var cart Cart
	err := c.DB.Read(ctx, func(b *database.Batch) error {
		c.QueueGet(b, ref, &cart)
		return nil
	})
	switch {
	case err != nil:
		return Cart{}, fmt.Errorf("get cart: %w", err)
	case !cart.OwnedBy(by):
		return Cart{}, ErrNotFound
	}
	return cart, nil
}

// GetOpen returns the customer's open cart, or ErrNotFound if it has none. One round trip.
func (c *Carts) GetOpen(ctx context.Context, customer regions.Ref) (Cart, error) {
	var cart Cart
	err := c.DB.Read(ctx, func(b *database.Batch) error {
		c.queueGetOpen(b, customer, &cart)
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
	b.QueueArgs(c.cartQuery()+`
WHERE c.region = @region AND c.id = @id AND c.expires_at > @now`+linesInOrder,
		c.readArgs().With(database.Args{"region": ref.Region, "id": ref.ID})).Query(collectFirst(into))
}

// queueGetOpen adds the reading of a customer's open cart to a batch, as QueueGet does.
func (c *Carts) queueGetOpen(b *database.Batch, customer regions.Ref, into *Cart) {
	b.QueueArgs(c.cartQuery()+`
WHERE c.region = @region AND c.account_id = @id AND c.status = 'open' AND c.expires_at > @now`+linesInOrder,
		c.readArgs().With(database.Args{"region": customer.Region, "id": customer.ID})).Query(collectFirst(into))
}

// wantedCarts picks carts by the arrays @region and @id: one visit to the primary key each. A
// cart of the same id in another of the regions comes too, under its own name.
const wantedCarts = `
WHERE c.region = ANY(@region::text[]::crdb_internal_region[]) AND c.id = ANY(@id::uuid[]) AND c.expires_at > @now`

// cartQuery returns the query of carts with the stock of their lines; readArgs are its arguments.
func (c *Carts) cartQuery() string {
	return c.query(inventory.ForSaleSQL("l.sku", "@all_regions::text[]"))
}

func (c *Carts) readArgs() database.Args {
	return database.Args{"now": c.Now(), "all_regions": c.Regions.Names()}
}

// query returns a statement, up to its WHERE clause, with a row for each line of a cart and one
// row for a cart without lines. available is SQL for what of a line l is for sale.
func (c *Carts) query(available string) string {
	// Of the sellers' prices only those in the cart's currency and in the SKU's base currency are of use.
	const ofUse = `e.list NOT LIKE 'catalogue-%' OR e.list IN ('catalogue-' || c.currency, 'catalogue-' || s.base_currency)`
	return `
SELECT c.region, c.id, c.account_region, c.account_id, c.currency, c.country, c.status,
  c.version, c.created_at, c.updated_at, c.expires_at, c.coupons,
  (SELECT a.customer_group FROM ` + account.CustomersSQL + ` a WHERE a.region = c.account_region AND a.id = c.account_id),
  CASE WHEN c.account_id IS NULL THEN false ELSE NOT ` + c.OrderedSQL("c.account_region", "c.account_id") + ` END,
  ` + changes.VersionSQL + `,
  l.sku, l.quantity, l.added_at, s.product_id, s.title, s.slug, s.images ->> 0, s.options,
  s.tax_category, s.category_id, s.base_currency, s.sold,
  ` + pricing.StoredEntriesSQL("l.sku", ofUse) + `,
  ` + available + `
FROM carts c
LEFT JOIN cart_lines l ON l.region = c.region AND l.cart_id = c.id
LEFT JOIN ` + catalog.SKUsSQL + ` s ON s.sku = l.sku`
}

const linesInOrder = `
ORDER BY l.added_at NULLS LAST, l.sku NULLS LAST`

// collectFirst returns a callback that reads the rows of one cart; it fails with ErrNotFound if
// there are none.
func collectFirst(into *Cart) func(rows pgx.Rows) error {
	return func(rows pgx.Rows) error {
		*into = Cart{}
		carts := make(map[regions.Ref]Cart, 1)
		err := collectAll(carts)(rows)
		if err == nil && len(carts) == 0 {
			return ErrNotFound
		}
		for _, one := range carts {
			*into = one
		}
		return err
	}
}

// collectAll returns a callback that reads the rows of several carts.
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

// scanCart reads one row of query: a cart with one line or none.
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

// nullableLine is the right side of the joins: all of it is NULL for a cart
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

// line returns the row as a line; its sku, and so all that the schema requires, is not NULL.
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
