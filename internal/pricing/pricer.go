package pricing

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/maypok86/otter/v2"

	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/pricing/changes"
	"meridian/internal/secret"
)

const (
	// MaxStaleness is how old rules and prices in memory may be.
	MaxStaleness = 2 * time.Second
	// DefaultLead is how long before it is in force a change is written: longer than any pod
	// may go on with what it remembers, so that all change over at the same instant.
	DefaultLead = 5 * time.Second

	pollEvery   = time.Second
	pollAgain   = 250 * time.Millisecond
	pollOverlap = 15 * time.Second // as the catalogue's: a change's time is when its transaction began
	pollMost    = 10_000           // more changed SKUs than that, and all are dropped

	// memoryWindow is how far back the moments are that memory answers for.
	memoryWindow = 30 * 24 * time.Hour
	// window is how far back rules and prices in memory reach: LowestReach before any of these
	// moments, so that memory and the database say the same.
	window = memoryWindow + LowestReach
)

// Config is what a Pricer works with. DB and Key must be set.
type Config struct {
	DB *database.DB
	// Key signs quotes: it is the same on all pods of a shop.
	Key secret.Bytes
	// Lead is how long before it is in force a change of prices or rules must be written; where
	// it is not longer than MaxStaleness, nothing is remembered. Negative is none. Default DefaultLead.
	Lead time.Duration
	// QuoteLife is how long checkout honours a quote. Default 15 minutes.
	QuoteLife time.Duration
	// MaxRateAge is when an exchange rate is marked as stale. Default 96 hours: a long weekend.
	MaxRateAge time.Duration
	// Reporting is the currency that finance reports in. Default EUR.
	Reporting money.Currency
	// MaxArticles bounds the SKUs that are remembered. Default 150,000.
	MaxArticles int
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

func (c Config) withDefaults() Config {
	if c.Lead == 0 {
		c.Lead = DefaultLead
	}
	c.Lead = max(c.Lead, 0)
	if c.QuoteLife == 0 {
		c.QuoteLife = 15 * time.Minute
	}
	if c.MaxRateAge == 0 {
		c.MaxRateAge = 96 * time.Hour
	}
	if c.Reporting == "" {
		c.Reporting = "EUR"
	}
	if c.MaxArticles == 0 {
		c.MaxArticles = 150_000
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Pricer answers what things cost. It is safe for concurrent use.
type Pricer struct {
	Config
	rules    atomic.Pointer[Rules]
	loading  sync.Mutex // one loads rules, the others take what it loaded
	articles *otter.Cache[string, *Article]

	polling sync.Mutex
	seen    time.Time    // the database's clock at the last poll
	freshAt atomic.Int64 // when the last successful poll began, UnixNano; 0 is never
}

// New returns the prices of a database. Run Watch for answers out of memory.
func New(config Config) (*Pricer, error) {
	p := &Pricer{Config: config.withDefaults()}
	var err error
	p.articles, err = otter.New(&otter.Options[string, *Article]{MaximumSize: p.MaxArticles})
	if err != nil {
		return nil, fmt.Errorf("price cache: %w", err)
	}
	return p, nil
}

// Moment is now, as the database keeps it.
func (p *Pricer) Moment() time.Time { return p.Now().UTC().Truncate(time.Microsecond) }

// Since is how far back prices and rules have to be read for a price at a moment and the lowest
// before it.
func Since(at time.Time) time.Time { return at.Add(-window) }

// RulesOf are the rules at the version that a batch of the caller's has read (QueueVersion):
// those in memory, or, where others changed them, those of the database. at is the earliest
// moment that will be asked about.
func (p *Pricer) RulesOf(ctx context.Context, version int64, at time.Time) (*Rules, error) {
	if r := p.rules.Load(); r != nil && r.Version >= version && !r.Since.After(at.Add(-LowestReach)) {
		return r, nil
	}
	return p.load(ctx, version, at)
}

// load reads the rules, one round trip, and remembers them unless they are of long ago.
func (p *Pricer) load(ctx context.Context, version int64, at time.Time) (*Rules, error) {
	p.loading.Lock()
	defer p.loading.Unlock()
	since := p.Now().Add(-window)
	past := since.After(at.Add(-LowestReach))
	if past {
		since = at.Add(-LowestReach)
	} else if r := p.rules.Load(); r != nil && r.Version >= version && r.Since.After(since.Add(-memoryWindow/2)) {
		return r, nil // another was quicker
	}
	var rows RuleRows
	err := p.DB.Read(ctx, func(b *database.Batch) error {
		QueueRules(b, since, &rows)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read price rules: %w", err)
	}
	rules := NewRules(rows)
	if !past {
		p.rules.Store(rules)
	}
	return rules, nil
}

// Current are the rules of now, for a caller who has just read their version: those in memory
// where they are kept up to date, else as RulesOf.
func (p *Pricer) Current(ctx context.Context, version int64) (*Rules, error) {
	if r := p.rules.Load(); r != nil && p.fresh() {
		return r, nil
	}
	return p.RulesOf(ctx, version, p.Now())
}

// fresh reports whether memory may answer.
func (p *Pricer) fresh() bool {
	at := p.freshAt.Load()
	return at != 0 && p.Lead > MaxStaleness && p.Now().Sub(time.Unix(0, at)) < MaxStaleness
}

// Age is how old an answer out of memory is at most, in this moment; 0 while everything is
// read from the database.
func (p *Pricer) Age() time.Duration {
	if !p.fresh() {
		return 0
	}
	return p.Now().Sub(time.Unix(0, p.freshAt.Load()))
}

// Sight is rules and articles of one moment of the database.
type Sight struct {
	Rules    *Rules
	Articles map[string]*Article
}

// See looks up rules and the articles of some SKUs, for prices at a moment: out of memory
// where all of them are in it, else in one round trip. SKUs that there are not are left out.
// also are reads of the caller's, made in the same round trip.
func (p *Pricer) See(ctx context.Context, skus []string, at time.Time, also ...func(b *database.Batch)) (Sight, error) {
	rules := p.rules.Load()
	recent := at.After(p.Now().Add(-memoryWindow))
	if !p.fresh() || !recent || rules == nil {
		return p.look(ctx, skus, at, also)
	}
	s := Sight{Rules: rules, Articles: make(map[string]*Article, len(skus))}
	var missing []string
	for _, sku := range skus {
		a, known := p.articles.GetIfPresent(sku)
		switch {
		case !known:
			missing = append(missing, sku)
		case a != nil:
			s.Articles[sku] = a
		}
	}
	if missing == nil && also == nil {
		return s, nil
	}
	began := p.freshAt.Load()
	more, err := p.look(ctx, missing, at, also)
	if err != nil {
		return Sight{}, err
	}
	for sku, a := range more.Articles {
		s.Articles[sku] = a
		if p.freshAt.Load() == began { // else a poll may have dropped what was read before it
			p.articles.Set(sku, a)
		}
	}
	s.Rules = more.Rules
	return s, nil
}

// look reads articles, and the rules with them unless they are known. Of a moment to come
// it reads from now on: what is remembered of it must do for now, too.
func (p *Pricer) look(ctx context.Context, skus []string, at time.Time, also []func(b *database.Batch)) (Sight, error) {
	if now := p.Now(); at.After(now) {
		at = now
	}
	s := Sight{Articles: make(map[string]*Article, len(skus))}
	known := p.rules.Load()
	past := !at.After(p.Now().Add(-memoryWindow))
	var version int64
	var rows RuleRows
	err := p.DB.Read(ctx, func(b *database.Batch) error {
		if known == nil || past {
			until := time.Time{}
			if past {
				until = at
			}
			QueuePastRules(b, Since(at), until, &rows)
		} else {
			changes.QueueVersion(b, &version)
		}
		QueueArticles(b, skus, Since(at), s.Articles)
		for _, queue := range also {
			queue(b)
		}
		return nil
	})
	if err != nil {
		return Sight{}, fmt.Errorf("read prices: %w", err)
	}
	if known == nil || past {
		s.Rules = NewRules(rows)
		if !past {
			p.rules.CompareAndSwap(nil, s.Rules)
		}
		return s, nil
	}
	s.Rules, err = p.RulesOf(ctx, version, at)
	return s, err
}

// Watch keeps memory no staler than MaxStaleness until ctx ends: it asks the database each
// second what has changed. While that fails, and after it returns, memory does not answer.
func (p *Pricer) Watch(ctx context.Context) {
	failing := false
	for {
		wait := pollEvery
		err := p.PollOnce(ctx)
		if err != nil && ctx.Err() == nil {
			wait = pollAgain
			if !failing {
				slog.WarnContext(ctx, "changes of prices cannot be read: prices come from the database", "error", err)
			}
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// PollOnce asks once what has changed. One round trip, and one more where rules have.
func (p *Pricer) PollOnce(ctx context.Context) error {
	p.polling.Lock()
	defer p.polling.Unlock()
	ctx, cancel := context.WithTimeout(ctx, MaxStaleness)
	defer cancel()
	began := p.Now()
	var now time.Time
	var version int64
	var changed []string
	err := p.DB.Read(ctx, func(b *database.Batch) error {
		b.Queue(`SELECT now()`).QueryRow(func(row pgx.Row) error { return row.Scan(&now) })
		changes.QueueVersion(b, &version)
		if p.seen.IsZero() {
			return nil // nothing is remembered yet
		}
		b.Queue(`
SELECT DISTINCT e.sku
FROM price_entries e
WHERE e.changed_at > $1
UNION
SELECT s.sku
FROM products p
JOIN skus s ON s.product_id = p.id
WHERE p.updated_at > $1
LIMIT $2`, p.seen.Add(-pollOverlap), pollMost+1).Query(database.Collect(&changed, pgx.RowTo[string]))
		return nil
	})
	if err != nil {
		return fmt.Errorf("poll changes of prices: %w", err)
	}
	if _, err := p.RulesOf(ctx, version, began); err != nil {
		return err
	}
	if len(changed) > pollMost {
		p.articles.InvalidateAll()
	}
	for _, sku := range changed {
		p.articles.Invalidate(sku)
	}
	p.seen = now
	p.freshAt.Store(began.UnixNano())
	return nil
}

// Sign makes the quote id of terms.
func (p *Pricer) Sign(t Terms) (string, error) { return t.sign(p.Key) }

// ReadQuote is the terms of a quote id. It fails with ErrQuoteInvalid or, with the terms,
// with ErrQuoteExpired.
func (p *Pricer) ReadQuote(id string) (Terms, error) { return readTerms(p.Key, id, p.Now()) }

// Booking is what an amount is worth in the reporting currency.
type Booking struct {
	Currency money.Currency
	// Rate is units of the reporting currency for one of the amount's, rounded to eight decimals.
	Rate  money.Decimal
	ratio money.Ratio
}

// Book is the booking of a currency at a moment; none where there is no rate: ok is false.
func (p *Pricer) Book(r *Rules, c money.Currency, at time.Time) (b Booking, ok bool) {
	from, err := r.Rates.At(c, at)
	if err != nil {
		return Booking{}, false
	}
	to, err := r.Rates.At(p.Reporting, at)
	if err != nil {
		return Booking{}, false
	}
	rate, err := money.Quotient(to.Rate, from.Rate)
	if err != nil {
		return Booking{}, false
	}
	// The amounts follow from the rate as it is written down, so that anyone can check them.
	ratio, err := r.ratios.of(conversion{c, one, p.Reporting, rate, one})
	return Booking{Currency: p.Reporting, Rate: rate, ratio: ratio}, err == nil
}

// Minor is minor in the reporting currency, rounded half to even.
func (b Booking) Minor(minor int64) (int64, error) { return money.Exact.Convert(b.ratio, minor) }
