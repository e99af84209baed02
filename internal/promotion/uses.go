package promotion

import (
	"fmt"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/regions"
)

// Use is what one promotion gave one order.
type Use struct {
	Promotion, Title, Coupon string
	// TotalLimit and CustomerLimit are those that it is counted against; 0 is none.
	TotalLimit, CustomerLimit int64
	// Customer is a keyed hash of who ordered: the same for all orders of a person. It is needed
	// where there is a CustomerLimit.
	Customer []byte
	Order    regions.Ref
	// DiscountMinor was taken off the goods, ShippingMinor off the shipping.
	DiscountMinor, ShippingMinor int64
}

// Use is the use of the promotion by a customer's order.
func (a Applied) Use(order regions.Ref, customer []byte) Use {
	return Use{
		Promotion: a.Promotion, Title: a.Title, Coupon: a.Coupon, TotalLimit: a.TotalLimit, CustomerLimit: a.CustomerLimit,
		Customer: customer, Order: order, DiscountMinor: a.DiscountMinor(), ShippingMinor: a.ShippingMinor,
	}
}

// QueueUses adds the uses of new orders to the batch that places them, after the statement
// that inserts the orders: the counters of the promotions that have limits, each raised once
// by what all the orders take of it, in the one order in which everybody takes them; then
// what each order was given. If a limit does not allow it, its CHECK fails the whole batch:
// UsedUp tells. An order uses a promotion once at most.
//
// It fails, with nothing added, where a limit for each customer is to be held for nobody.
func QueueUses(b *database.Batch, uses ...Use) error {
	for _, u := range uses {
		if u.CustomerLimit > 0 && len(u.Customer) == 0 {
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
// in all or by a customer.
func UsedUp(err error) bool {
	return database.Violates(err, "promotion_uses_within") || database.Violates(err, "promotion_customer_uses_within")
}

func queueTotals(b *database.Batch, uses []Use) {
	var c counterColumns
	for _, u := range uses {
		if u.TotalLimit > 0 {
			c.count(customerUse{promotion: u.Promotion}, u.TotalLimit)
		}
	}
	if c.promotions == nil {
		return
	}
	// What is proposed passes the CHECK wherever the result could: PostgreSQL checks both.
	// $1 = promotions, $2 = uses, $3 = limits
	b.Queue(`
INSERT INTO promotion_uses AS p (promotion, used, allowed)
SELECT u.promotion, u.uses, u.allowed
FROM unnest($1::text[], $2::int8[], $3::int8[]) AS u (promotion, uses, allowed)
ORDER BY u.promotion
ON CONFLICT (promotion) DO UPDATE SET used = p.used + excluded.used, allowed = excluded.allowed`,
		c.promotions, c.uses, c.allowed)
}

func queueCustomers(b *database.Batch, uses []Use) {
	var c counterColumns
	for _, u := range uses {
		if u.CustomerLimit > 0 {
			c.count(customerUse{u.Promotion, string(u.Customer)}, u.CustomerLimit)
		}
	}
	if c.promotions == nil {
		return
	}
	// $1 = promotions, $2 = customers, $3 = uses, $4 = limits
	b.Queue(`
INSERT INTO promotion_customer_uses AS p (promotion, customer, used, allowed)
SELECT u.promotion, u.customer, u.uses, u.allowed
FROM unnest($1::text[], $2::bytea[], $3::int8[], $4::int8[]) AS u (promotion, customer, uses, allowed)
ORDER BY u.promotion, u.customer
ON CONFLICT (promotion, customer) DO UPDATE SET used = p.used + excluded.used, allowed = excluded.allowed`,
		c.promotions, c.customers, c.uses, c.allowed)
}

// counterColumns are rows of counters, each once, a column a field.
type counterColumns struct {
	promotions    []string
	customers     [][]byte
	uses, allowed []int64
	at            map[customerUse]int
}

// count adds a use to the row of its counter. Where a limit has just changed and the uses
// know different ones, the lowest holds.
func (c *counterColumns) count(of customerUse, limit int64) {
	i, seen := c.at[of]
	if !seen {
		if c.at == nil {
			c.at = make(map[customerUse]int)
		}
		i = len(c.promotions)
		c.at[of] = i
		c.promotions, c.customers = append(c.promotions, of.promotion), append(c.customers, []byte(of.customer))
		c.uses, c.allowed = append(c.uses, 0), append(c.allowed, limit)
	}
	c.uses[i]++
	c.allowed[i] = min(c.allowed[i], limit)
}

// queueGiven adds the rows that say what orders were given, and which counters a release has
// to lower: the total where limited, the customer's where the row carries one.
func queueGiven(b *database.Batch, uses []Use) {
	var c givenColumns
	for _, u := range uses {
		c.add(u)
	}
	// $1 = regions, $2 = orders, $3 = promotions, $4 = titles, $5 = coupons, $6 = customers,
	// $7 = off goods, $8 = off shipping, $9 = counted in total
	b.Queue(`
INSERT INTO order_promotions (region, order_id, promotion, title, coupon, customer, discount_minor, shipping_minor, limited)
SELECT u.region::crdb_internal_region, u.order_id, u.promotion, u.title, u.coupon, u.customer, u.discount, u.shipping, u.limited
FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::int8[], $8::int8[], $9::bool[])
  AS u (region, order_id, promotion, title, coupon, customer, discount, shipping, limited)`,
		c.regions, c.orders, c.promotions, c.titles, c.coupons, c.customers, c.discounts, c.shipping, c.limited)
}

// givenColumns are rows of order_promotions, a column a field.
type givenColumns struct {
	regions, promotions, titles, coupons []string
	orders                               []uuid.UUID
	customers                            [][]byte
	discounts, shipping                  []int64
	limited                              []bool
}

func (c *givenColumns) add(u Use) {
	counted := []byte{}
	if u.CustomerLimit > 0 {
		counted = u.Customer
	}
	c.regions = append(c.regions, u.Order.Region)
	c.orders = append(c.orders, u.Order.ID)
	c.promotions = append(c.promotions, u.Promotion)
	c.titles = append(c.titles, u.Title)
	c.coupons = append(c.coupons, u.Coupon)
	c.customers = append(c.customers, counted)
	c.discounts = append(c.discounts, u.DiscountMinor)
	c.shipping = append(c.shipping, u.ShippingMinor)
	c.limited = append(c.limited, u.TotalLimit > 0)
}
