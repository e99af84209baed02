package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/account"
	"meridian/internal/database"
	"meridian/internal/lab/client"
	"meridian/internal/lab/localshop"
	"meridian/internal/lab/shopper"
	"meridian/internal/local"
	"meridian/regions"
)

// Config says how the tour goes. Regions, Dir and Out are required.
type Config struct {
	Regions *regions.Set
	// Dir is an empty folder for the shop.
	Dir string
	// DatabaseURL is an empty database to use instead of starting one in Dir.
	DatabaseURL string
	// Buyers race for Units; 400 for 50.
	Buyers, Units int
	// Shoppers buy on and on, all at the same time, while a region is taken away; 12. A
	// multiple of the regions' number has as many in each.
	Shoppers int
	// Watch is how long those are watched before the region goes, while it is away and when it
	// is back; 2 s.
	Watch time.Duration
	// Limit is how long the whole tour may take; 0 for as long as the machine needs.
	Limit time.Duration
	// Seed chooses the goods.
	Seed uint64
	// Color is for terminals.
	Color bool
	// Out gets the report, Log the servers' log lines.
	Out io.Writer
	Log *slog.Logger
	// Argon2 is the cost of hashing a password; zero takes the default. Tracer, if not nil, sees
	// every statement.
	Argon2 account.Argon2
	Tracer pgx.QueryTracer
	// Version of the binary.
	Version string
}

func (c Config) withDefaults() Config {
	c.Buyers = cmp.Or(c.Buyers, 400)
	c.Units = cmp.Or(c.Units, 50)
	c.Shoppers = cmp.Or(c.Shoppers, 12)
	c.Watch = cmp.Or(c.Watch, 2*time.Second)
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	return c
}

// Validate reports everything that is wrong, all at once.
func (c Config) Validate() error {
	c = c.withDefaults()
	var invalid []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			invalid = append(invalid, fmt.Errorf(format, args...))
		}
	}
	need(c.Regions != nil && c.Dir != "" && c.Out != nil, "the regions, the folder or the output is missing")
	need(c.Units >= 1 && c.Buyers >= c.Units && c.Buyers <= maxBuyers,
		"%d buyers for %d units: use 1 unit or more, and from as many buyers as units up to %d", c.Buyers, c.Units, maxBuyers)
	need(c.Shoppers >= len(places) && c.Watch > 0, "%d shoppers, watched for %s: use %d shoppers or more, and a time above 0",
		c.Shoppers, c.Watch, len(places))
	need(c.Limit >= 0, "a limit of %s: use a time above 0, or 0 for none", c.Limit)
	return errors.Join(invalid...)
}

// maxBuyers bounds how many checkouts are held open at once.
const maxBuyers = 5000

// ErrBroken is returned for a tour on which the shop did not do what it promises.
var ErrBroken = errors.New("the shop did not keep what it promises")

// errTooSlow ends a tour that takes too long.
var errTooSlow = errors.New("the tour took too long")

// tour is one run of the demo.
type tour struct {
	Config
	printer

	end      context.CancelCauseFunc // cuts the tour short
	shop     *localshop.Shop
	address  local.Address
	db       *database.DB
	edge     client.Client // where all shoppers go; from returns one in a country
	operator *shopper.Account
	goods    []good
	orders   []purchase // of the customers
	trials   []trial    // the payments of every kind
}

// acts lists the acts of the tour, in order.
var acts = []struct {
	title string
	play  func(t *tour, ctx context.Context) error
	about string
}{
	{"A shop opens", (*tour).open, "One process here, many in production: a database, four regions' servers with their workers, " +
		"a payment company's sandbox, and the edge that sends each shopper to the nearest region."},
	{"Browsing in four regions", (*tour).browse, "The same product, asked for again and again. Each shopper is sent to the nearest " +
		"region, which answers from its memory, in the shopper's own currency."},
	{"Customers from four countries", (*tour).register, "Each registers, fills a cart and orders. Their rows stay in their home " +
		"region, and they sign in from anywhere."},
	{"A race for the last units", (*tour).race, "Buyers in all four regions check out at the same moment. The database's " +
		"constraints decide who was first."},
	{"Payments that go wrong", (*tour).pay, "One order with each of the payment company's test cards, placed before the race; an " +
		"order waits " + payWithin.String() + " for its payment here. Each ends as it must, and nobody pays twice."},
	{"A region is lost", (*tour).lose, "While shoppers of all regions buy, one region's server is cut off in the middle of whatever " +
		"it does, workers and all. Later it comes back."},
	{"Money back", (*tour).refund, "An operator refunds one unit of an order, and tries to refund more than was paid."},
	{"The audit", (*tour).audit, "Nothing may be left pending. Then the whole database is held against the shop's invariants, and " +
		"its payments against the payment company's own books."},
}

// Run goes through the tour and writes its report. The error wraps ErrBroken if the shop broke a promise; any other
// error says that the tour could not be gone through to its end.
func Run(ctx context.Context, config Config) (err error) {
	if err := config.Validate(); err != nil {
		return err
	}
	t := &tour{Config: config.withDefaults()}
	t.printer = printer{out: t.Out, color: t.Color, started: time.Now()}
	t.edge = client.Client{HTTP: client.NewHTTP(t.Buyers), Attempts: 3}
	defer t.edge.HTTP.CloseIdleConnections()
	ctx, t.end = context.WithCancelCause(ctx)
	defer t.end(nil)
	if t.Limit > 0 {
		defer time.AfterFunc(t.Limit, func() { t.end(fmt.Errorf("%w: more than %s", errTooSlow, t.Limit)) }).Stop()
	}
	defer func() { err = errors.Join(err, t.close()) }()
	t.heading()
	err = t.play(ctx)
	return t.conclude(context.Cause(ctx), err)
}

func (t *tour) play(ctx context.Context) error {
	for i, act := range acts {
		t.act(i+1, act.title, act.about)
		if err := act.play(t, ctx); err != nil {
			return fmt.Errorf("%s: %w", act.title, err)
		}
	}
	return nil
}

const (
	// payWithin is how long an order waits for its payment: short, so that the tour sees the
	// end of those that are never paid.
	payWithin = 4 * time.Second
	// checkAfter is when a worker asks what became of a payment nobody heard of.
	checkAfter = time.Second
)

// close closes what open has opened.
func (t *tour) close() error {
	if t.db != nil {
		t.db.Close()
	}
	if t.shop == nil {
		return nil
	}
	return t.shop.Close()
}

// random returns a source of choices: the same for the same seed and stream.
func (t *tour) random(stream int) *rand.Rand { return rand.New(rand.NewPCG(t.Seed, uint64(stream))) }

// from returns the shop to a shopper somewhere: the edge, told by a CDN where they are.
func (t *tour) from(at place) *client.Client {
	return shopper.From(&t.edge, at.country, at.state)
}
