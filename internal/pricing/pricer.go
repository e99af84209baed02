package pricing

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/maypok86/otter/v2"

	"meridian/internal/catalog/skus"
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
	// MaxSKUs bounds the SKUs that are remembered. Default 150,000.
	MaxSKUs int
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
	if c.MaxSKUs == 0 {
		c.MaxSKUs = 150_000
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Pricer answers what things cost. It is safe for concurrent use.
type Pricer struct {
	Config
	rules   atomic.Pointer[Rules]
	loading sync.Mutex // one loads rules, the others take what it loaded
	priced  *otter.Cache[string, *PricedSKU]

	watch *database.Watch
	seen  time.Time // the database's clock at the last poll
}

// New returns the prices of a database. Run Watch for answers out of memory.
func New(config Config) (*Pricer, error) {
	p := &Pricer{Config: config.withDefaults()}
	var err error
	p.priced, err = otter.New(&otter.Options[string, *PricedSKU]{MaximumSize: p.MaxSKUs})
	if err != nil {
		return nil, fmt.Errorf("price cache: %w", err)
	}
	p.watch = database.NewWatch(database.WatchConfig{Poll: p.pollChanges, MaxStaleness: MaxStaleness, Now: p.Now,
		Warning: "changes of prices cannot be read: prices come from the database"})
	return p, nil
}

// Moment returns now, as the database keeps it.
func (p *Pricer) Moment() time.Time { return database.Moment(p.Now()) }

// Since returns how far back prices and rules have to be read for a price at a moment and the lowest
// before it.
func Since(at time.Time) time.Time { return at.Add(-window) }

// RulesOf returns the rules at the version that a batch of the caller's has read (QueueVersion):
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

// Current returns the rules of now, for a caller who has just read their version: those in memory
// where they are kept up to date, else as RulesOf.
func (p *Pricer) Current(ctx context.Context, version int64) (*Rules, error) {
	if r := p.rules.Load(); r != nil && p.fresh() {
		return r, nil
	}
	return p.RulesOf(ctx, version, p.Now())
}

// fresh reports whether memory may answer.
func (p *Pricer) fresh() bool { return p.Lead > MaxStaleness && p.watch.Fresh() }

// Age returns how old an answer from memory may be now; 0 while prices come from the database.
func (p *Pricer) Age() time.Duration {
	if !p.fresh() {
		return 0
	}
	return p.watch.Age()
}

// A Snapshot holds rules and SKUs of one moment of the database.
type Snapshot struct {
	Rules *Rules
	SKUs  map[string]*PricedSKU
}

// Lookup returns rules and the prices of some SKUs, for prices at a moment: out of memory
// where all of them are in it, else in one round trip. Unknown SKUs are left out.
// also are reads of the caller's, made in the same round trip.
func (p *Pricer) Lookup(ctx context.Context, skus []string, at time.Time, also ...func(b *database.Batch)) (Snapshot, error) {
	rules := p.rules.Load()
	recent := at.After(p.Now().Add(-memoryWindow))
	if !p.fresh() || !recent || rules == nil {
		return p.read(ctx, skus, at, also)
	}
	s := Snapshot{Rules: rules, SKUs: make(map[string]*PricedSKU, len(skus))}
	var missing []string
	for _, sku := range skus {
		a, known := p.priced.GetIfPresent(sku)
		switch {
		case !known:
			missing = append(missing, sku)
		case a != nil:
			s.SKUs[sku] = a
		}
	}
	if missing == nil && also == nil {
		return s, nil
	}
	polls := p.watch.Polls()
	more, err := p.read(ctx, missing, at, also)
	if err != nil {
		return Snapshot{}, err
	}
	for sku, a := range more.SKUs {
		s.SKUs[sku] = a
		if p.watch.Polls() == polls { // else a poll may have dropped what was read before it
			p.priced.Set(sku, a)
		}
	}
	s.Rules = more.Rules
	return s, nil
}

// read reads SKUs, and the rules with them unless they are known. Of a moment to come
// it reads from now on: what is remembered of it must do for now, too.
func (p *Pricer) read(ctx context.Context, skus []string, at time.Time, also []func(b *database.Batch)) (Snapshot, error) {
	if now := p.Now(); at.After(now) {
		at = now
	}
	s := Snapshot{SKUs: make(map[string]*PricedSKU, len(skus))}
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
		QueuePricedSKUs(b, skus, Since(at), s.SKUs)
		for _, queue := range also {
			queue(b)
		}
		return nil
	})
	if err != nil {
		return Snapshot{}, fmt.Errorf("read prices: %w", err)
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

// Watch keeps memory no staler than MaxStaleness until ctx ends. While polls fail, and after it
// returns, memory does not answer.
func (p *Pricer) Watch(ctx context.Context) { p.watch.Run(ctx) }

// PollOnce asks once what has changed. One round trip, and one more where rules have.
func (p *Pricer) PollOnce(ctx context.Context) error { return p.watch.PollOnce(ctx) }

func (p *Pricer) pollChanges(ctx context.Context) error {
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
FROM `+skus.AllSQL+` s
WHERE s.updated_at > $1
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
		p.priced.InvalidateAll()
	}
	for _, sku := range changed {
		p.priced.Invalidate(sku)
	}
	p.seen = now
	return nil
}

// Sign makes the quote id of terms.
func (p *Pricer) Sign(t Terms) (string, error) { return t.sign(p.Key) }

// ReadQuote returns the terms of a quote id. It fails with ErrQuoteInvalid or, with the terms,
// with ErrQuoteExpired.
func (p *Pricer) ReadQuote(id string) (Terms, error) { return readTerms(p.Key, id, p.Now()) }

// Booking is what an amount is worth in the reporting currency.
type Booking struct {
	Currency money.Currency
	// Rate is units of the reporting currency for one of the amount's, rounded to eight decimals.
	Rate  money.Decimal
	ratio money.Ratio
}

// Book returns the booking of a currency at a moment; none where there is no rate: ok is false.
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

// Minor returns minor in the reporting currency, rounded half to even.
func (b Booking) Minor(minor int64) (int64, error) { return money.Exact.Convert(b.ratio, minor) }
