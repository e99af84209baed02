package promotion

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// Used is how often promotions were used, as it was read, from which orders are served in
// turn. A nil Used knows of no use. It is not safe for concurrent use.
type Used struct {
	total    map[string]int64
	customer map[customerUse]int64
	first    map[string]bool // accounts whose first order was just planned
}

type customerUse struct{ promotion, customer string }

// QueueUsed adds to a batch of reads how often promotions were used, in all and by the customers
// of these keys (Customer.Keys), so that a checkout that would be refused is refused before it writes. What it
// finds may have changed by the time of the writing: there the database decides.
func QueueUsed(b *database.Batch, promotions []string, customers [][]byte, into *Used) {
	used := Used{total: make(map[string]int64), customer: make(map[customerUse]int64), first: make(map[string]bool)}
	*into = used
	if len(promotions) == 0 {
		return
	}
	b.Queue(`
SELECT promotion, used
FROM promotion_uses
WHERE promotion = ANY($1::text[])`, promotions).Query(func(rows pgx.Rows) error {
		var promotion string
		var n int64
		_, err := pgx.ForEachRow(rows, []any{&promotion, &n}, func() error {
			used.total[promotion] = n
			return nil
		})
		return err
	})
	if len(customers) == 0 {
		return
	}
	b.Queue(`
SELECT promotion, customer, used
FROM promotion_customer_uses
WHERE promotion = ANY($1::text[]) AND customer = ANY($2::bytea[])`, promotions, customers).Query(func(rows pgx.Rows) error {
		var promotion string
		var customer []byte
		var n int64
		_, err := pgx.ForEachRow(rows, []any{&promotion, &customer, &n}, func() error {
			used.customer[customerUse{promotion, string(customer)}] = n
			return nil
		})
		return err
	})
}

// Uses returns how many orders use promotions, of those that have a limit in total: the others
// are not counted. One round trip.
func (p Promotions) Uses(ctx context.Context, promotions []string) (map[string]int64, error) {
	var used Used
	err := p.db.Read(ctx, func(b *database.Batch) error {
		QueueUsed(b, promotions, nil, &used)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count the uses of promotions: %w", err)
	}
	return used.total, nil
}

// Left reports whether a customer may use a promotion once more under its limits, 0 being none.
func (u *Used) Left(promotion string, customer Customer, totalLimit, customerLimit int64) bool {
	if u == nil {
		return true
	}
	if totalLimit > 0 && u.total[promotion] >= totalLimit {
		return false
	}
	return customerLimit == 0 || !slices.ContainsFunc(customer.Keys(), func(key []byte) bool {
		return u.customer[customerUse{promotion, string(key)}] >= customerLimit
	})
}

// hadFirst reports whether a first order of the customer was planned since the uses were read.
func (u *Used) hadFirst(customer Customer) bool { return u != nil && u.first[string(customer.Account)] }

// Take counts the promotions of a customer's order as used, so that the next is not offered them.
func (u *Used) Take(customer Customer, applied ...Applied) {
	for _, a := range applied {
		u.total[a.Promotion]++
		for _, key := range customer.Keys() {
			u.customer[customerUse{a.Promotion, string(key)}]++
		}
		if a.FirstOrder {
			u.first[string(customer.Account)] = true
		}
	}
}
