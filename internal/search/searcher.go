package search

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"meridian/internal/database"
)

// Config configures a Searcher. DB and at least one source are required.
type Config struct {
	// DB stores query rules and search terms; its region is the region of the searcher's shoppers.
	DB *database.DB
	// Sources answer queries, best first: the region's own index, other regions' by distance, the database.
	Sources []Source
	Log     *slog.Logger
	Meter   metric.MeterProvider
	// Now returns the current time; nil means time.Now.
	Now func() time.Time
}

// A Searcher answers the searches of a region's shoppers. It is safe for concurrent use.
type Searcher struct {
	db      *database.DB
	region  string
	sources []*source
	log     *slog.Logger
	metrics *metrics
	now     func() time.Time
	rules   atomic.Pointer[[]Rule] // nil before the first poll
	terms   termCounter
}

// New returns a Searcher. It knows query rules and frequent search terms once Watch runs.
func New(c Config) (*Searcher, error) {
	if c.DB == nil || len(c.Sources) == 0 {
		return nil, errors.New("search: a database and a source must be given")
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Meter == nil {
		c.Meter = noop.NewMeterProvider()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Searcher{db: c.DB, region: c.DB.Region(), log: c.Log, now: c.Now}
	s.terms.counts = make(map[string]*termCount)
	var err error
	if s.metrics, err = newMetrics(c.Meter); err != nil {
		return nil, err
	}
	for _, one := range c.Sources {
		s.sources = append(s.sources, newSource(one, c.Log, s.metrics.circuit))
		s.metrics.circuit(one.Name, false)
	}
	return s, nil
}

// Over returns a Searcher that asks one engine, without query rules and counts of terms. It is for measuring what
// shoppers of an engine find.
func Over(engine Engine) (*Searcher, error) {
	s := &Searcher{log: slog.Default(), now: time.Now}
	var err error
	if s.metrics, err = newMetrics(noop.NewMeterProvider()); err != nil {
		return nil, err
	}
	s.terms.counts = make(map[string]*termCount)
	s.sources = []*source{newSource(Source{Name: "engine", Engine: engine, Timeout: time.Minute}, s.log, s.metrics.circuit)}
	return s, nil
}

// A Request is a shopper's query.
type Request struct {
	Query
	// Shopper distinguishes shoppers, for example by the address that the call came from. It is kept in memory for at
	// most an hour, so that the searches of a single person are not stored.
	Shopper string
	// LoosenFilters drops the filters if nothing is found with them. Otherwise Answer.Without says what there would be.
	LoosenFilters bool
	// Loosened is how the first page of the same search was relaxed, so that its other pages are relaxed alike.
	Loosened Loosened
}

// An Answer is the result of a shopper's search.
type Answer struct {
	Result
	// Pinned is the number of leading hits placed by query rules, whatever their score.
	Pinned int
	// Partial is the number of hits at the end that have only some of the words. They fill a short list up to a page, and
	// do not count in Total.
	Partial  int
	Degraded Degraded
	// Loosened says how the query was relaxed because nothing matched it as it was asked.
	Loosened Loosened
	// Without says how many products there are without each of the filters, if nothing matched with all of them.
	Without []Without
	// Claims are what the text asks to rely on, such as gluten_free: only products with such a label are found.
	Claims []string
	// DidYouMean is the text with apparent typing errors corrected, or "".
	DidYouMean string
	// Redirect is where a query rule sends shoppers who search for this text, or "".
	Redirect string
	// Rules are the ids of the query rules that applied.
	Rules []string
}

// Search answers a request. It fails with ErrUnavailable if no source answers, the database included.
func (s *Searcher) Search(ctx context.Context, r Request) (Answer, error) {
	began := time.Now()
	answer, err := s.search(ctx, r)
	s.metrics.searched(ctx, time.Since(began), answer, err)
	if err == nil && r.Offset == 0 {
		s.terms.count(r.Text, r.Shopper, answer.Loosened != NotLoosened || answer.Total == 0)
	}
	return answer, err
}

func (s *Searcher) search(ctx context.Context, r Request) (Answer, error) {
	if err := r.Validate(); err != nil {
		return Answer{}, err
	}
	if wordless(r.Text) {
		return Answer{}, nil
	}
	rules := s.effects(r.Text)
	q := rules.hide(r.Query)
	q.Filter.Claims, q.Text = askedClaims(r.Text)
	q.Highlight, q.Rest = q.Text != "", r.Loosened == NotLoosened && q.fills() && !rules.reorder()
	answer, err := s.page(ctx, r.Loosened.apply(q), rules)
	if err != nil {
		return Answer{}, err
	}
	answer.Loosened = r.Loosened
	if r.Loosened == NotLoosened && r.Offset == 0 && answer.Degraded != FromDatabase {
		if answer, err = s.relax(ctx, q, answer, rules, r.LoosenFilters); err != nil {
			return Answer{}, err
		}
	}
	answer.Claims = q.Filter.Claims
	answer.DidYouMean = corrected(r.Text, q.Text, answer.Hits[:len(answer.Hits)-answer.Partial])
	answer.Redirect, answer.Rules = rules.redirect, rules.ids
	return answer, nil
}

// relax relaxes a query that found nothing, and fills a list of hits that is short.
func (s *Searcher) relax(ctx context.Context, q Query, answer Answer, rules ruleEffects, filters bool) (Answer, error) {
	if answer.Total > 0 {
		return s.fill(ctx, q, answer)
	}
	relaxed, err := s.loosen(ctx, q, answer, rules, filters)
	if err == nil && (relaxed.Loosened == NotLoosened || relaxed.Loosened == LoosenedWords) {
		relaxed.Without, err = s.without(ctx, q)
	}
	return relaxed, err
}

// worse returns the more degraded of a and b.
func worse(a, b Degraded) Degraded {
	order := []Degraded{NotDegraded, RemoteRegion, FromDatabase}
	return order[max(slices.Index(order, a), slices.Index(order, b))]
}

// Watch refreshes the query rules, which indexes are filled, and the frequent search terms, until ctx ends.
func (s *Searcher) Watch(ctx context.Context) {
	var running sync.WaitGroup
	for _, from := range s.sources {
		if from.Filled != nil {
			running.Go(func() { every(ctx, time.Second, func() { s.checkFilled(ctx, from) }) })
		}
	}
	running.Go(func() { s.watchRules(ctx) })
	running.Go(func() {
		every(ctx, termsEvery, func() { s.FlushTerms(ctx) })
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		s.FlushTerms(last)
	})
	running.Wait()
}

// every calls do at once and then after each interval, until ctx ends.
func every(ctx context.Context, interval time.Duration, do func()) {
	for ctx.Err() == nil {
		do()
		select {
		case <-ctx.Done():
		case <-time.After(interval):
		}
	}
}

// checkFilled records whether a source's index is complete. If the source does not answer, the last known state stays:
// its breaker decides then.
func (s *Searcher) checkFilled(ctx context.Context, from *source) {
	bounded, cancel := context.WithTimeout(ctx, from.Timeout)
	defer cancel()
	full, err := from.Filled(bounded)
	if err != nil {
		return
	}
	if from.filled.Swap(full) != full {
		s.log.InfoContext(ctx, "search index", "source", from.Name, "complete", full)
	}
}
