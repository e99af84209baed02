package cart

import (
	"bytes"
	"context"
	"fmt"
	"slices"
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
	b.QueueArgs(c.cartQuery(`c.region = @region AND c.id = @id AND c.expires_at > @now`),
		c.readArgs().With(database.Args{"region": ref.Region, "id": ref.ID})).Query(collectFirst(into))
}

// queueGetOpen adds the reading of a customer's open cart to a batch, as QueueGet does.
func (c *Carts) queueGetOpen(b *database.Batch, customer regions.Ref, into *Cart) {
	b.QueueArgs(c.cartQuery(`c.region = @region AND c.account_id = @id AND c.status = 'open' AND c.expires_at > @now`),
		c.readArgs().With(database.Args{"region": customer.Region, "id": customer.ID})).Query(collectFirst(into))
}

// wantedCarts picks carts by the arrays @region and @id: one visit to the primary key each. A
// cart of the same id in another of the regions comes too, under its own name.
const wantedCarts = `c.region = ANY(@region::text[]::crdb_internal_region[]) AND c.id = ANY(@id::uuid[]) AND c.expires_at > @now`

// cartQuery returns a statement that reads the carts c that a condition picks, with the stock of their lines. readArgs
// are its arguments, besides those of the condition.
func (c *Carts) cartQuery(where string) string {
	return c.query(inventory.ForSaleSQL("l.sku", "@all_regions::text[]"), where)
}

func (c *Carts) readArgs() database.Args {
	return database.Args{"now": c.Now(), "all_regions": c.Regions.Names()}
}

// query returns a statement with a row for each price of a line of the carts c that a condition picks, and a row for a
// line without prices and for a cart without lines. available is SQL for what of a line l is for sale. It is one
// statement, because the cart's home may be far, and flat, because CockroachDB runs a subquery that makes an array of a
// line's prices once a line. The lines are made first, so that what is for sale is not asked for each price.
func (c *Carts) query(available, where string) string {
	// Of the sellers' prices only those in the cart's currency and in the SKU's base currency are of use.
	const ofUse = `e.list NOT LIKE 'catalogue-%' OR e.list IN ('catalogue-' || x.currency, 'catalogue-' || x.base_currency)`
	return `
WITH x AS MATERIALIZED (
  SELECT c.region, c.id, c.account_region, c.account_id, c.currency, c.country, c.status,
    c.version, c.created_at, c.updated_at, c.expires_at, c.coupons, a.customer_group,
    c.account_id IS NOT NULL AND NOT ` + c.OrderedSQL("c.account_region", "c.account_id") + ` AS first_order,
    ` + changes.VersionSQL + ` AS rules,
    l.sku, l.quantity, l.added_at, s.product_id, s.title, s.slug, s.images ->> 0 AS image, s.options,
    s.tax_category, s.category_id, s.base_currency, s.sold,
    ` + available + ` AS available
  FROM carts c
  LEFT JOIN ` + account.CustomersSQL + ` a ON a.region = c.account_region AND a.id = c.account_id
  LEFT JOIN cart_lines l ON l.region = c.region AND l.cart_id = c.id
  LEFT JOIN ` + catalog.SKUsSQL + ` s ON s.sku = l.sku
  WHERE ` + where + `
)
SELECT x.region, x.id, x.account_region, x.account_id, x.currency, x.country, x.status,
  x.version, x.created_at, x.updated_at, x.expires_at, x.coupons, x.customer_group, x.first_order, x.rules,
  x.sku, x.quantity, x.added_at, x.product_id, x.title, x.slug, x.image, x.options,
  x.tax_category, x.category_id, x.base_currency, x.sold, x.available,
  ` + pricing.EntryColumns + `
FROM x` + pricing.JoinEntriesSQL("x.sku", ofUse) + `
ORDER BY x.added_at NULLS LAST, x.sku NULLS LAST, x.id, x.region, ` + pricing.EntryOrder
}

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
		defer rows.Close()
		var r cartRow
		for rows.Next() {
			if err := r.scan(rows); err != nil {
				return err
			}
			cart, again := into[r.cart.Ref]
			if !again {
				cart = r.cart
			}
			if r.newLine && r.line.sku != nil {
				cart.Lines = append(cart.Lines, r.line.line())
			}
			if last := len(cart.Lines) - 1; last >= 0 {
				article := &cart.Lines[last].Article
				article.Entries = r.entry.AppendTo(article.Entries)
			}
			into[r.cart.Ref] = cart
		}
		return rows.Err()
	}
}

// cartRow is a row of query: a cart with one line or none, and one price of that or none.
type cartRow struct {
	cart  Cart
	line  nullableLine
	entry pricing.EntryRow
	// newLine says that the row is the first of its line.
	newLine bool
	// key is the line's cart and SKU, as the database sent them.
	key []byte
}

// The places of the columns of query that tell a line, and of its prices.
const (
	columnRegion, columnID, columnSKU = 0, 1, 15
	firstEntryColumn                  = 28
)

// scan reads a row. The columns of the cart and the line are read for the first row of a line only.
func (r *cartRow) scan(rows pgx.Rows) error {
	values := rows.RawValues()
	key := slices.Concat(values[columnRegion], values[columnID], values[columnSKU])
	r.newLine = r.key == nil || !bytes.Equal(key, r.key)
	if !r.newLine {
		return rows.Scan(append(make([]any, firstEntryColumn), r.entry.Targets()...)...)
	}
	r.key, r.cart, r.line = key, Cart{}, nullableLine{}
	c, l := &r.cart, &r.line
	var accountRegion *string
	var accountID *uuid.UUID
	var group *string
	err := rows.Scan(append([]any{&c.Ref.Region, &c.Ref.ID, &accountRegion, &accountID, &c.Currency, &c.Country, &c.Status,
		&c.Version, &c.CreatedAt, &c.UpdatedAt, &c.ExpiresAt, &c.Coupons, &group, &c.FirstOrder, &c.rules,
		&l.sku, &l.quantity, &l.addedAt, &l.productID, &l.title, &l.slug, &l.imageURL, &l.options,
		&l.taxCategory, &l.category, &l.baseCurrency, &l.sellable, &l.available}, r.entry.Targets()...)...)
	if err != nil {
		return err
	}
	if accountRegion != nil && accountID != nil {
		c.Account = &regions.Ref{Region: *accountRegion, ID: *accountID}
	}
	if group != nil {
		c.Group = *group
	}
	return nil
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
}

// line returns the row as a line without prices; its sku, and so all that the schema requires, is not NULL.
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
			Sellable: *n.sellable,
		},
	}
	if n.imageURL != nil {
		l.ImageURL = *n.imageURL
	}
	return l
}
