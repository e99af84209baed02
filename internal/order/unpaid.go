package order

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"meridian/internal/cart"
	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/promotion"
	"meridian/regions"
)

// UnpaidLimits bound what orders hold before they are paid, by who placed them. Each zero number takes the default named
// at its field. All but Guests are of a SKU in the whole shop, and orders count in their home region, as they are read there
// with each checkout: those that several pods plan at the same moment do not know of each other. Guests is of a stock row,
// which bounds it by itself.
type UnpaidLimits struct {
	// Guest is for one guest, known by the e-mail address: 100 units or 25 %.
	Guest inventory.UnpaidLimit
	// Customer is for one account: 10,000 units, which is the most that a line has, or 50 %.
	Customer inventory.UnpaidLimit
	// Network is for all guests of one client network: 1,000 units or 25 %. Customers are held to that of Customer by
	// their network, too.
	Network inventory.UnpaidLimit
	// Guests is for all guests together, and exact: no guest's order brings the units of a stock row that are held for
	// unpaid orders above it. 500 units or 50 %.
	Guests inventory.UnpaidLimit
}

func (l UnpaidLimits) withDefaults() UnpaidLimits {
	return UnpaidLimits{
		Guest:    limitOr(l.Guest, 100, 25),
		Customer: limitOr(l.Customer, cart.MaxQuantity, 50),
		Network:  limitOr(l.Network, 1000, 25),
		Guests:   limitOr(l.Guests, 500, 50),
	}
}

func limitOr(limit inventory.UnpaidLimit, units, percent int64) inventory.UnpaidLimit {
	return inventory.UnpaidLimit{Units: cmp.Or(limit.Units, units), Percent: cmp.Or(limit.Percent, percent)}
}

// An Excess is a SKU of which a checkout asks for more units than its buyer may hold unpaid.
type Excess struct {
	SKU    string
	Wanted int64
	// Held is what unpaid orders of the buyer, or of the buyer's network, hold already; Allowed is the most they may. Both
	// are zero where guests together hold as much as they may.
	Held, Allowed int64
}

// TooManyUnpaidError is returned for a checkout that would hold too many units before they are paid.
type TooManyUnpaidError struct{ Excesses []Excess }

func (e *TooManyUnpaidError) Error() string {
	first := e.Excesses[0]
	return fmt.Sprintf("%d units of %s are too many to hold unpaid: %d are held, %d allowed",
		first.Wanted, first.SKU, first.Held, first.Allowed)
}

// holder is by whom and of which SKU units are held unpaid.
type holder struct{ who, sku string }

// unpaid is how many units are held, as it was read, to which orders are added in turn.
type unpaid map[holder]int64

// add counts what a checkout holds.
func (u unpaid) add(c *checkout, demand []inventory.Demand) {
	for _, d := range demand {
		for _, who := range [][]byte{c.network, c.buyer()} {
			if len(who) > 0 {
				u[holder{string(who), d.SKU}] += d.Quantity
			}
		}
	}
}

// queueUnpaid adds to a batch of reads what unpaid orders of the checkouts' buyers and networks hold of the SKUs of their
// carts, in their home regions.
func (o *Orders) queueUnpaid(b *database.Batch, calls []*checkout, carts []regions.Ref, into unpaid) {
	var homes []string
	var networks, buyers [][]byte
	for _, c := range calls {
		homes = append(homes, o.homeOf(c.in))
		if c.network != nil {
			networks = append(networks, c.network)
		}
		if who := c.buyer(); who != nil {
			buyers = append(buyers, who)
		}
	}
	if len(networks)+len(buyers) == 0 {
		return
	}
	skus := cart.SKUsSQL(carts)
	b.QueueArgs(`
SELECT held.unpaid_network, held.unpaid_buyer, l.sku, sum(l.quantity)::int8
FROM (
  SELECT o.region, o.id, o.unpaid_network, o.unpaid_buyer
  FROM orders o
  WHERE o.region = ANY(@homes::text[]::crdb_internal_region[]) AND o.status = 'pending_payment'
    AND o.unpaid_network = ANY(@networks::bytea[])
  UNION
  SELECT o.region, o.id, o.unpaid_network, o.unpaid_buyer
  FROM orders o
  WHERE o.region = ANY(@homes::text[]::crdb_internal_region[]) AND o.status = 'pending_payment'
    AND o.unpaid_buyer = ANY(@buyers::bytea[])
) AS held
JOIN order_lines l ON l.region = held.region AND l.order_id = held.id
WHERE l.sku IN (`+skus.SQL+`)
GROUP BY held.unpaid_network, held.unpaid_buyer, l.sku`,
		skus.Args.With(database.Args{"homes": homes, "networks": networks, "buyers": buyers})).Query(func(rows pgx.Rows) error {
		clear(into)
		var network, buyer []byte
		var sku string
		var units int64
		_, err := pgx.ForEachRow(rows, []any{&network, &buyer, &sku, &units}, func() error {
			into[holder{string(network), sku}] += units
			into[holder{string(buyer), sku}] += units
			return nil
		})
		return err
	})
}

// allocate decides which warehouses send a checkout's goods, of those that its buyer may hold unpaid. It fails with
// *inventory.SoldOutError or *TooManyUnpaidError.
func (o *Orders) allocate(
	c *checkout, s seen, demand []inventory.Demand, levels inventory.Levels, to regions.Region,
) ([]inventory.Allocation, error) {
	limit := inventory.Unlimited
	if c.in.Account == nil {
		limit = o.Unpaid.Guests
	}
	allocations, err := inventory.Allocate(demand, levels.Offers(demand, to.Latitude, to.Longitude, limit))
	if err != nil && c.in.Account == nil {
		if _, sold := inventory.Allocate(demand, levels.Offers(demand, to.Latitude, to.Longitude, inventory.Unlimited)); sold != nil {
			return nil, sold
		}
		return nil, guestsHold(err)
	}
	if err != nil {
		return nil, err
	}
	if excesses := o.excesses(c, s, demand, levels); excesses != nil {
		return nil, &TooManyUnpaidError{Excesses: excesses}
	}
	return allocations, nil
}

// guestsHold returns the error of a checkout that is short only of what guests may hold.
func guestsHold(err error) error {
	short, ok := err.(*inventory.SoldOutError) //nolint:errorlint // Allocate returns it as it is
	if !ok {
		return err
	}
	tooMany := new(TooManyUnpaidError)
	for _, s := range short.Shortages {
		tooMany.Excesses = append(tooMany.Excesses, Excess{SKU: s.SKU, Wanted: s.Wanted})
	}
	return tooMany
}

// excesses returns the SKUs of which the checkout would hold more than its buyer, or the buyer's network, may.
func (o *Orders) excesses(c *checkout, s seen, demand []inventory.Demand, levels inventory.Levels) []Excess {
	own, network := o.Unpaid.Customer, o.Unpaid.Customer
	if c.in.Account == nil {
		own, network = o.Unpaid.Guest, o.Unpaid.Network
	}
	wanted := make(map[string]int64)
	var skus []string
	for _, d := range demand {
		if wanted[d.SKU] == 0 {
			skus = append(skus, d.SKU)
		}
		wanted[d.SKU] += d.Quantity
	}
	var excesses []Excess
	for _, sku := range skus {
		for _, by := range []struct {
			who   []byte
			limit inventory.UnpaidLimit
		}{{c.buyer(), own}, {c.network, network}} {
			held, allowed := s.unpaid[holder{string(by.who), sku}], by.limit.Of(levels.Unsold(sku))
			if len(by.who) > 0 && held+wanted[sku] > allowed {
				excesses = append(excesses, Excess{SKU: sku, Wanted: wanted[sku], Held: held, Allowed: allowed})
				break
			}
		}
	}
	return excesses
}

// hash returns a keyed hash of a text: nobody without the key can tell the text.
func (o *Orders) hash(text string) []byte {
	hash := hmac.New(sha256.New, o.CustomerKey)
	hash.Write([]byte(text))
	return hash.Sum(nil)
}

// identify notes by what a checkout's buyer is known, as far as the e-mail address is known. A hash of an address is no
// personal data: nobody without the key can tell the address.
func (o *Orders) identify(c *checkout, email string) {
	c.customer = promotion.Customer{}
	if email != "" {
		c.customer.Email = o.hash(strings.ToLower(email))
	}
	if c.in.Account != nil {
		c.customer.Account = promotion.AccountKey(*c.in.Account)
	}
	if c.in.Network != "" && c.network == nil {
		c.network = o.hash("network " + c.in.Network)
	}
}

// buyer returns what the units that the checkout holds are counted by: the account, or a guest's e-mail address.
func (c *checkout) buyer() []byte {
	if c.customer.Account != nil {
		return c.customer.Account
	}
	return c.customer.Email
}
