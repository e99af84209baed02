package replay

import (
	"context"
	"time"

	"meridian/internal/lab/client"
)

// customer is an account of the run, and what was bought with it.
type customer struct {
	name    string
	country string
	session client.Session
	known   bool // registered in this run
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

// apply counts what the journal says of the customer.
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
			c.giveBack(g)
		}
	}
}

// soon is how long a token must hold to be used for a call.
const soon = time.Minute

// signIn makes sure of a session: an account is registered when it is first needed, and
// signed in again when the token runs out.
func (r *replayer) signIn(ctx context.Context, c *customer) error {
	switch {
	case time.Until(c.session.ExpiresAt) > soon:
		return nil
	case c.known:
		return r.signInAgain(ctx, c)
	}
	if err := r.enter(ctx, c); err != nil {
		return err
	}
	return r.happened(c, record{Registered: &registered{Customer: c.name}})
}

// enter registers the account, or signs it in if it is there.
func (r *replayer) enter(ctx context.Context, c *customer) error {
	session, err := r.from(c.country).Register(ctx, r.key("register", c.name), client.RegisterInput{
		Email: r.email(c), Password: r.password(c.name), Name: r.person(c.name), Country: c.country,
	})
	if client.CodeOf(err) == "email_taken" { // by an earlier run with the same seed
		return r.signInAgain(ctx, c)
	}
	c.session = session
	return err
}

func (r *replayer) signInAgain(ctx context.Context, c *customer) (err error) {
	c.session, err = r.from(c.country).SignIn(ctx, r.email(c), r.password(c.name))
	return err
}

// as makes calls of a customer's, once more with a new session where the token is no longer
// good.
func (r *replayer) as(ctx context.Context, c *customer, call func(by client.By) error) error {
	if err := r.signIn(ctx, c); err != nil {
		return err
	}
	err := call(c.session.By())
	if client.CodeOf(err) != "invalid_token" {
		return err
	}
	c.session = client.Session{}
	if err := r.signIn(ctx, c); err != nil {
		return err
	}
	return call(c.session.By())
}

// email is the customer's address. It names the seed, as another draw may live elsewhere.
func (r *replayer) email(c *customer) string {
	return "customer-" + c.name + "." + digest(r.choice.seed)[:8] + "@replay.example"
}

// password opens nothing but accounts that a replay made.
func (r *replayer) password(name string) string {
	return digest("password", r.choice.seed, name)[:32]
}

// person is a made-up name.
func (r *replayer) person(name string) string {
	n := number("person", name)
	return givenNames[n%uint64(len(givenNames))] + " " + familyNames[n>>32%uint64(len(familyNames))]
}

var (
	givenNames  = []string{"Ada", "Alan", "Barbara", "Donald", "Edsger", "Frances", "Grace", "Hedy", "John", "Katherine", "Leslie", "Margaret"}
	familyNames = []string{"Archer", "Baker", "Carter", "Draper", "Fletcher", "Hooper", "Mason", "Potter", "Smith", "Turner", "Weaver", "Wright"}
)

// address is where the customer, or the guest of an invoice, has things sent to.
func (r *replayer) address(who, country string) client.Address {
	a := client.Address{Name: r.person(who), Line1: "1 Market Street", City: "Newtown", Postcode: "10001", Country: country}
	if states := statesOf[country]; len(states) > 0 {
		a.State = states[number("state", who)%uint64(len(states))]
	}
	return a
}

// statesOf are the states that decide a tax, some of each country that has them.
var statesOf = map[string][]string{
	"US": {"CA", "FL", "IL", "NY", "TX", "WA"},
	"CA": {"BC", "ON", "QC"},
}
