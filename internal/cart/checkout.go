package cart

import (
	"meridian/internal/database"
	"meridian/regions"
)

// QueueGetForCheckout adds the reading of several carts to a batch, in one statement. into
// gets those that exist and have not expired. Lines have no Available: a checkout reads the stock
// rows themselves.
func (c *Carts) QueueGetForCheckout(b *database.Batch, refs []regions.Ref, into map[regions.Ref]Cart) {
	b.QueueArgs(c.query("0::int8", wantedCarts),
		database.Columns(refs).With(database.Args{"now": c.Now()})).Query(collectAll(into))
}

// SKUsSQL returns a query of the SKUs (sku) that carts hold.
func SKUsSQL(carts []regions.Ref) database.Query {
	return database.Query{
		SQL: `SELECT DISTINCT l.sku
  FROM ` + database.Unnest[regions.Ref]("c") + `
  JOIN cart_lines l ON l.region = c.region::crdb_internal_region AND l.cart_id = c.id`,
		Args: database.Columns(carts),
	}
}

// Checkout is a cart that becomes an order's, at the version at which it was read.
type Checkout struct {
	Cart    regions.Ref `db:"*"`
	Version int64       `db:"seen_version"`
}

// QueueCheckout adds to a batch the statement by which open carts become orders'. If one
// of them is not open, or not at that version any more, it breaks carts_version_current
// and so the whole batch.
func QueueCheckout(b *database.Batch, checkouts ...Checkout) {
	b.QueueArgs(`
UPDATE carts c
SET status = 'ordered',
  version = CASE WHEN c.status = 'open' AND c.version = seen.seen_version THEN c.version + 1 ELSE -1 END,
  updated_at = now()
FROM `+database.Unnest[Checkout]("seen")+`
WHERE c.region = seen.region::crdb_internal_region AND c.id = seen.id`, database.Columns(checkouts))
}
