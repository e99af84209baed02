package replay

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"meridian/internal/lab/client"
	"meridian/internal/lab/report"
	"meridian/internal/lab/shopper"
	"meridian/regions"
)

// Config says what to replay and where. File, Regions, Shop and State are required.
type Config struct {
	// File is the path of the orders; Regions are the shop's.
	File    string
	Regions *regions.Set
	Shop    Shop
	// State is the path of the journal that lets the run be resumed.
	State string
	// Seed decides what is drawn; "1" if empty.
	Seed string
	// CountriesAsIs leaves buyers in the file's countries, nearly all in one region.
	CountriesAsIs bool
	// From and Until bound the invoices by the file's clock, Until being left out itself; zero
	// is no bound. Limit is how many invoices are replayed at most; 0 for all.
	From, Until time.Time
	Limit       int
	// Speed is how many seconds of the stream go by in one; 0 is as fast as the shop can.
	Speed float64
	// Clients is how many buyers there are at once; 32 if 0.
	Clients int
	// Progress, if not nil, is called after each invoice with how many are dealt with.
	Progress func(done, total int64)
	// Tell, if not nil, is called with each step that begins.
	Tell func(step string)
}

// Shop is the address of a shop's edge and the account that operates it: an operator, who is also an admin where articles
// must be added.
type Shop struct{ URL, OperatorEmail, OperatorPassword string }

// ErrShopAway is returned when the shop did not answer for so long that the run ended. The run can be resumed.
var ErrShopAway = errors.New("the shop does not answer: run the same command again to go on when it does")

// callAttempts is how often a call is made until a shop is given up: with the client's pauses that is about 40 seconds,
// longer than a restart takes.
const callAttempts = 25

// ErrInvalid is wrapped by the errors of a Config.
var ErrInvalid = errors.New("this cannot be replayed")

// Validate reports everything that is wrong, all at once.
func (c Config) Validate() error {
	var invalid []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			invalid = append(invalid, fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...))
		}
	}
	need(c.File != "", "the file is missing")
	need(c.Regions != nil, "the regions are missing")
	need(c.Shop.URL != "", "the shop's address is missing")
	need(c.State != "", "the state file is missing")
	need(c.Speed >= 0, "a speed of %g: give 0 or more", c.Speed)
	need(c.Clients >= 0 && c.Clients <= 10_000, "%d clients: give 1 to 10000", c.Clients)
	need(c.Limit >= 0, "--limit %d: give 1 or more invoices, or 0 for all", c.Limit)
	need(c.Until.IsZero() || c.From.Before(c.Until), "no time from %s to %s", c.From, c.Until)
	return errors.Join(invalid...)
}

func (c Config) withDefaults() Config {
	c.Clients = cmp.Or(c.Clients, 32)
	c.Seed = cmp.Or(c.Seed, "1")
	if c.Progress == nil {
		c.Progress = func(int64, int64) {}
	}
	if c.Tell == nil {
		c.Tell = func(string) {}
	}
	return c
}

// replayer is a run at work.
type replayer struct {
	Config
	client   *client.Client
	operator *shopper.Account
	run      string
	state    *state
	atlas    *atlas // for places, not for people: those are drawn while the file is read
	sold     map[string]bool
	calls    report.Calls
	survey   Survey
}

// Run replays the file and reports what came of it. It may be called again with the same State after it was cut off. An
// error, unless it wraps ErrInvalid, comes with the report so far.
func Run(ctx context.Context, c Config) (Report, error) {
	if err := c.Validate(); err != nil {
		return Report{}, err
	}
	c = c.withDefaults()
	r := &replayer{
		Config: c, atlas: newAtlas(c.Regions, c.Seed, c.CountriesAsIs),
		operator: shopper.NewAccount(client.RegisterInput{Email: c.Shop.OperatorEmail, Password: c.Shop.OperatorPassword}, client.Session{}),
	}
	r.client = &client.Client{Base: c.Shop.URL, HTTP: client.NewHTTP(c.Clients), Attempts: callAttempts, Observe: r.calls.Observe}
	c.Tell("reading the file")
	var err error
	if r.survey, err = c.survey(); err != nil {
		return Report{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	report := Report{File: c.File, Survey: r.survey}
	if err := r.open(ctx); err != nil {
		return report, stoppedBy(ctx, err)
	}
	err = r.replay(ctx, &report)
	report.Tally = r.state.counted()
	return report, stoppedBy(ctx, errors.Join(err, r.state.journal.close()))
}

// open signs the operator in and opens the journal, which must be of this run.
func (r *replayer) open(ctx context.Context) (err error) {
	if err := r.operator.SignIn(ctx, r.client); err != nil {
		return fmt.Errorf("sign in as the operator %s: %w", r.operator.Email, err)
	}
	r.state, err = openState(r.State, begun{
		Run: strings.ToLower(rand.Text()), Shop: r.operator.Session().Account.ID, File: r.survey.digest,
		Choice: fmt.Sprintf("seed=%s as_is=%t from=%s until=%s limit=%d",
			r.Seed, r.CountriesAsIs, day(r.From), day(r.Until), cmp.Or(r.Limit, -1)),
	})
	if err == nil {
		r.run = r.state.begun.Run
	}
	return err
}

func day(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.Format(time.RFC3339)
}

func (r *replayer) replay(ctx context.Context, report *Report) (err error) {
	r.Tell("receiving stock")
	if report.Stocked, err = r.stock(ctx); err != nil {
		return err
	}
	r.Tell("replaying")
	before, began := r.state.counted().Orders, time.Now()
	r.calls.Reset()
	err = r.dispatch(ctx)
	report.Session = newSession(began, &r.calls, r.state.counted().Orders-before)
	if err != nil {
		return err
	}
	r.Tell("waiting until nothing is pending")
	report.Outcome, err = r.settle(ctx)
	return err
}

// stoppedBy returns the error that a run ends with: ErrShopAway where the shop was asked and did not answer.
func stoppedBy(ctx context.Context, err error) error {
	var problem *client.ProblemError
	switch {
	case err == nil, ctx.Err() != nil, errors.Is(err, ErrOtherRun):
		return err
	case errors.As(err, &problem) && !away(problem.Status):
		return err
	case errors.As(err, &problem), errors.As(err, new(*url.Error)), errors.As(err, new(net.Error)), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w (%w)", ErrShopAway, err)
	}
	return err
}

// queued is how many invoices wait for each buyer.
const queued = 16

// dispatch hands the invoices to the buyers, each customer's to the same one.
func (r *replayer) dispatch(ctx context.Context) error {
	pace := pace{speed: r.Speed}
	group, ctx := errgroup.WithContext(ctx)
	queues := make([]chan invoice, r.Clients)
	for i := range queues {
		queues[i] = make(chan invoice, queued)
		group.Go(func() error { return r.serve(ctx, queues[i]) })
	}
	group.Go(func() error {
		defer func() {
			for _, queue := range queues {
				close(queue)
			}
		}()
		return r.each(func(line, error) {}, func(in invoice, _ *atlas) error {
			if r.state.isDone(in.name) {
				return nil
			}
			if err := pace.await(ctx, in.at); err != nil {
				return err
			}
			select {
			case queues[r.buyerOf(in)] <- in:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	return group.Wait()
}

// buyerOf returns which buyer replays an invoice: for a customer always the same.
func (r *replayer) buyerOf(in invoice) int {
	words := []string{"customer", in.customer}
	if in.customer == "" {
		words = []string{"guest", in.name}
	}
	return int(number(words...) % uint64(r.Clients))
}

// serve replays a buyer's invoices, one after the other.
func (r *replayer) serve(ctx context.Context, queue <-chan invoice) error {
	for in := range queue {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var c *customer
		if in.customer != "" {
			c = r.state.customer(in.customer)
			if c.account == nil {
				c.account = r.account(in.customer, in.country)
			}
		}
		if err := r.replayInvoice(ctx, c, in); err != nil {
			return fmt.Errorf("invoice %s: %w", in.name, err)
		}
	}
	return nil
}

// replayInvoice replays an invoice; c is nil for a guest's.
func (r *replayer) replayInvoice(ctx context.Context, c *customer, in invoice) (err error) {
	d := &done{Invoice: in.name, Kind: in.kind, Customer: in.customer}
	switch in.kind {
	case kindOrder:
		err = r.buy(ctx, c, in, d)
	case kindCancellation:
		err = r.takeReturn(ctx, c, in, d)
	case kindStockAdjustment:
		err = r.adjustStock(ctx, in, d)
	}
	if err != nil {
		return err
	}
	if err := r.note(c, record{Done: d}); err != nil {
		return err
	}
	r.Progress(r.state.counted().Invoices, r.survey.total())
	return nil
}

// note writes a record to the journal and applies it to the customer, nil for none.
func (r *replayer) note(c *customer, rec record) error {
	if c != nil {
		c.apply(rec)
	}
	return r.state.note(rec)
}

// key returns the idempotency key of a step of the run.
func (r *replayer) key(words ...string) string {
	return digest(append([]string{r.run}, words...)...)[:40]
}

// from returns the shop as somebody in that country reaches it.
func (r *replayer) from(country string) *client.Client {
	return shopper.From(r.client, country, "")
}

// asOperator makes a call as the operator.
func (r *replayer) asOperator(ctx context.Context, call func(by client.By) error) error {
	return r.operator.Do(ctx, r.client, call)
}

// pace lets the stream's time go by, so many seconds in one.
type pace struct {
	speed   float64
	started time.Time
	first   time.Time
}

// await waits until it is the time of an invoice.
func (p *pace) await(ctx context.Context, at time.Time) error {
	if p.speed == 0 {
		return nil
	}
	if p.first.IsZero() {
		p.first, p.started = at, time.Now()
	}
	due := p.started.Add(time.Duration(float64(at.Sub(p.first)) / p.speed))
	client.Sleep(ctx, time.Until(due))
	return ctx.Err()
}
