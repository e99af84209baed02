package replay

import (
	"context"

	"meridian/internal/lab/client"
	"meridian/internal/lab/shopper"
)

// customer is an account of the run, and what was bought with it.
type customer struct {
	name    string
	account *shopper.Account // nil until the customer shops in this session
	known   bool             // registered in this run
	bought  []*bought
}

// bought is an order of a customer.
type bought struct {
	order string
	lines []boughtLine // by their number less 1
}

// boughtLine is units of a SKU, and how many of them were given back.
type boughtLine struct {
	goods
	returned int64
}

// apply applies what the journal says of the customer.
func (c *customer) apply(r record) {
	switch {
	case r.Registered != nil:
		c.known = true
	case r.Placed != nil:
		order := &bought{order: r.Placed.Order}
		for _, g := range r.Placed.Goods {
			order.lines = append(order.lines, boughtLine{goods: g})
		}
		c.bought = append(c.bought, order)
	case r.Done != nil:
		for _, g := range r.Done.Given {
			c.countReturned(g)
		}
	}
}

// register makes sure that the customer has an account.
func (r *replayer) register(ctx context.Context, c *customer) error {
	if c.known {
		return nil
	}
	if err := c.account.Register(ctx, r.from(c.account.Country), r.key("register", c.name)); err != nil {
		return err
	}
	return r.note(c, record{Registered: &registered{Customer: c.name}})
}

// account returns the account of that name. Its address names the seed, as another draw may live elsewhere; its password
// opens nothing but accounts that a replay made.
func (r *replayer) account(name, country string) *shopper.Account {
	return shopper.NewAccount(client.RegisterInput{
		Email:    "customer-" + name + "." + digest(r.Seed)[:8] + "@replay.example",
		Password: digest("password", r.Seed, name)[:32], Name: r.person(name), Country: country,
	}, client.Session{})
}

// shopper returns the buyer of an invoice; c is nil for a guest.
func (r *replayer) shopper(c *customer, in invoice) shopper.Shopper {
	s := shopper.Shopper{Client: r.from(in.country), Country: in.country}
	if c == nil {
		s.Email, s.ShipTo = "guest-"+numberOf(in.name)+"@replay.example", r.address("guest "+in.name, in.country)
	} else {
		s.Account, s.ShipTo = c.account, r.address(c.name, in.country)
	}
	return s
}

// person returns a made-up name.
func (r *replayer) person(name string) string {
	n := number("person", name)
	return givenNames[n%uint64(len(givenNames))] + " " + familyNames[n>>32%uint64(len(familyNames))]
}

var (
	givenNames = []string{
		"Ada", "Alan", "Barbara", "Donald", "Edsger", "Frances", "Grace", "Hedy", "John", "Katherine", "Leslie", "Margaret",
	}
	familyNames = []string{
		"Archer", "Baker", "Carter", "Draper", "Fletcher", "Hooper", "Mason", "Potter", "Smith", "Turner", "Weaver", "Wright",
	}
)

// address returns where the customer, or the guest of an invoice, has things sent to.
func (r *replayer) address(who, country string) client.Address {
	a := client.Address{Name: r.person(who), Line1: "1 Market Street", City: "Newtown", Postcode: "10001", Country: country}
	if states := statesOf[country]; len(states) > 0 {
		a.State = states[number("state", who)%uint64(len(states))]
	}
	return a
}

// statesOf lists states that decide a tax, some of each country that has them.
var statesOf = map[string][]string{
	"US": {"CA", "FL", "IL", "NY", "TX", "WA"},
	"CA": {"BC", "ON", "QC"},
}
