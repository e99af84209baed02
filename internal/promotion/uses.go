package promotion

import (
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/regions"
)

// Use is what one promotion gave one order.
type Use struct {
	Promotion, Title, Coupon string
	// TotalLimit and CustomerLimit are those that it is counted against; 0 is none.
	TotalLimit, CustomerLimit int64
	// Customer is who ordered. It is needed where there is a CustomerLimit.
	Customer Customer
	// FirstOrder says that it was given for being the first order of the customer's account.
	FirstOrder bool
	Order      regions.Ref
	// DiscountMinor was taken off the goods, ShippingMinor off the shipping.
	DiscountMinor, ShippingMinor int64
}

// Use returns the use of the promotion by a customer's order.
func (a Applied) Use(order regions.Ref, customer Customer) Use {
	return Use{
		Promotion: a.Promotion, Title: a.Title, Coupon: a.Coupon, TotalLimit: a.TotalLimit, CustomerLimit: a.CustomerLimit,
		Customer: customer, FirstOrder: a.FirstOrder, Order: order, DiscountMinor: a.DiscountMinor(), ShippingMinor: a.ShippingMinor,
	}
}

// QueueUses adds the uses of new orders to the batch that places them, after the statement
// that inserts the orders: the counters of the promotions that have limits, each raised once
// by what all the orders take of it, in the one order in which everybody takes them; then
// what each order was given. If a limit does not allow it, or an account had a first order
// already, a constraint fails the whole batch: UsedUp tells. An order uses a promotion once at most.
//
// It fails, with nothing added, where a limit for each customer is to be held for nobody.
func QueueUses(b *database.Batch, uses ...Use) error {
	for _, u := range uses {
		if u.CustomerLimit > 0 && len(u.Customer.Email) == 0 {
			return fmt.Errorf("promotion %s: a use that is limited for each customer needs the customer", u.Promotion)
		}
	}
	if len(uses) > 0 {
		queueTotals(b, uses)
		queueCustomers(b, uses)
		queueGiven(b, uses)
	}
	return nil
}

// UsedUp reports whether a batch failed because a promotion was used as often as it may be,
// in all or by a customer, or the customer's first order was another one.
func UsedUp(err error) bool {
	return database.Violates(err, "promotion_uses_within") || database.Violates(err, "promotion_customer_uses_within") ||
		database.Violates(err, "order_promotions_first_order_key")
}

// totalRow and customerRow are counters, and what a batch adds to them.
type totalRow struct {
	Promotion     string
	Used, Allowed int64
}

type customerRow struct {
	Promotion     string
	Customer      []byte
	Used, Allowed int64
}

func queueTotals(b *database.Batch, uses []Use) {
	counts := make(map[string]totalRow)
	for _, u := range uses {
		if u.TotalLimit > 0 {
			row, seen := counts[u.Promotion]
			counts[u.Promotion] = totalRow{u.Promotion, row.Used + 1, lowest(row.Allowed, seen, u.TotalLimit)}
		}
	}
	// What is proposed passes the CHECK wherever the result could: PostgreSQL checks both.
	database.QueueInsert(b, "promotion_uses AS p", slices.Collect(maps.Values(counts)), `ORDER BY r.promotion
ON CONFLICT (promotion) DO UPDATE SET used = p.used + excluded.used, allowed = excluded.allowed`)
}

func queueCustomers(b *database.Batch, uses []Use) {
	counts := make(map[customerUse]customerRow)
	for _, u := range uses {
		if u.CustomerLimit == 0 {
			continue
		}
		for _, customer := range u.Customer.Keys() {
			key := customerUse{u.Promotion, string(customer)}
			row, seen := counts[key]
			counts[key] = customerRow{u.Promotion, customer, row.Used + 1, lowest(row.Allowed, seen, u.CustomerLimit)}
		}
	}
	database.QueueInsert(b, "promotion_customer_uses AS p", slices.Collect(maps.Values(counts)), `ORDER BY r.promotion, r.customer
ON CONFLICT (promotion, customer) DO UPDATE SET used = p.used + excluded.used, allowed = excluded.allowed`)
}

// lowest returns the limit that holds where one has just changed and the uses know different
// ones: the lowest.
func lowest(known int64, seen bool, limit int64) int64 {
	if seen {
		return min(known, limit)
	}
	return limit
}

// orderRow is a row of order_promotions.
type orderRow struct {
	Region                       string `cast:"crdb_internal_region"`
	OrderID                      uuid.UUID
	Promotion, Title, Coupon     string
	Customer, Account            []byte
	FirstOrderOf                 []byte
	DiscountMinor, ShippingMinor int64
	Limited                      bool
}

// queueGiven adds the rows that say what orders were given, and which counters a release has
// to lower: the total where limited, those of the customer's keys where the row carries them.
// One row of an order carries the account whose first order it is: the index has an account once.
func queueGiven(b *database.Batch, uses []Use) {
	rows := make([]orderRow, len(uses))
	first := make(map[regions.Ref]bool)
	for i, u := range uses {
		row := orderRow{
			Region: u.Order.Region, OrderID: u.Order.ID, Promotion: u.Promotion, Title: u.Title, Coupon: u.Coupon,
			Customer: []byte{}, Account: []byte{}, FirstOrderOf: []byte{},
			DiscountMinor: u.DiscountMinor, ShippingMinor: u.ShippingMinor, Limited: u.TotalLimit > 0,
		}
		if u.CustomerLimit > 0 {
			row.Customer, row.Account = u.Customer.Email, append(row.Account, u.Customer.Account...)
		}
		if u.FirstOrder && len(u.Customer.Account) > 0 && !first[u.Order] {
			first[u.Order], row.FirstOrderOf = true, u.Customer.Account
		}
		rows[i] = row
	}
	database.QueueInsert(b, "order_promotions", rows)
}
