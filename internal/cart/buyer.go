package cart

import (
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/regions"
)

// Buyer is what prices depend on of who buys. The zero Buyer is a guest.
type Buyer struct {
	// Group is the customer's group, whose price lists count; empty for everybody else.
	Group string
	// FirstOrder is true of a customer who has not ordered before.
	FirstOrder bool
}

// QueueBuyer adds to a batch the reading of an account's Buyer, as carts have it. An account
// that there is not leaves it as it is.
func QueueBuyer(b *database.Batch, account regions.Ref, into *Buyer) {
	b.Queue(`
SELECT a.customer_group, NOT EXISTS (
  SELECT 1
  FROM orders o
  WHERE o.region = a.region AND o.account_id = a.id AND o.status <> 'cancelled')
FROM accounts a
WHERE a.region = $1 AND a.id = $2`, account.Region, account.ID).Query(database.CollectFirst(into, func(row pgx.CollectableRow) (buyer Buyer, err error) {
		err = row.Scan(&buyer.Group, &buyer.FirstOrder)
		return buyer, err
	}))
}
