package search

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"meridian/internal/database"
)

// Config is what a Searcher works with. DB and at least one source must be set.
type Config struct {
	// DB keeps query rules and counts searched texts; its region is whose shoppers search here.
	DB *database.DB
	// Sources answer queries, the best first: the region's own index, other regions' by nearness, the database.
	Sources []Source
	Log     *slog.Logger
	Meter   metric.MeterProvider
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// A Searcher answers what the region's shoppers look for. It is safe for concurrent use.
type Searcher struct {
	db      *database.DB
	region  string
	sources []*source
	log     *slog.Logger
	telling *instruments
	now     func() time.Time
	rules   ruleBook
	terms   termCounter
}

// New returns a searcher. Rules and what was searched before are known once Watch runs.
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
	if s.telling, err = newInstruments(c.Meter); err != nil {
		return nil, err
	}
	for _, one := range c.Sources {
		s.sources = append(s.sources, newSource(one, c.Log, s.telling.circuit))
		s.telling.circuit(one.Name, false)
	}
	return s, nil
}

// A Request is a query as a shopper puts it.
type Request struct {
	Query
	// Shopper tells one from another, such as the address that the call came from. It is kept in memory for an hour at
	// most, so that what a single person searches for is not written down.
	Shopper string
	// Loosened is how the first page of the same search was loosened, so that its other pages are too.
	Loosened Loosened
}

// An Answer is what a shopper gets.
type Answer struct {
	Result
	// Pinned is how many of the first hits a query rule has put there, whatever their score.
	Pinned   int
	Degraded Degraded
	// Loosened says that nothing was found as it was asked, and how less was asked then.
	Loosened Loosened
	// DidYouMean is the text with what look like typing errors mended; empty where none does.
	DidYouMean string
	// Redirect is where a query rule sends whoever searches for this; empty mostly.
	Redirect string
	// Rules are the ids of the query rules that took part.
	Rules []string
}

// Search answers a request. It fails with ErrUnavailable when nothing answers, the database included.
func (s *Searcher) Search(ctx context.Context, r Request) (Answer, error) {
	began := time.Now()
	answer, err := s.search(ctx, r)
	s.telling.searched(ctx, time.Since(began), answer, err)
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
	does := s.rules.effect(r.Text, s.region, s.now())
	q := does.hide(r.Query)
	q.Highlight = q.Text != ""
	answer, err := s.page(ctx, r.Loosened.apply(q), does)
	if err != nil {
		return Answer{}, err
	}
	answer.Loosened = r.Loosened
	if answer.Total == 0 && r.Loosened == NotLoosened && r.Offset == 0 && answer.Degraded != FromDatabase {
		if answer, err = s.loosen(ctx, q, answer, does); err != nil {
			return Answer{}, err
		}
	}
	answer.DidYouMean = correct(r.Text, answer.Hits)
	answer.Redirect, answer.Rules = does.redirect, does.ids
	return answer, nil
}

// plain is a page without pins and boosts.
func (s *Searcher) plain(ctx context.Context, q Query) (Answer, error) {
	found, from, err := s.ask(ctx, q)
	if err != nil {
		return Answer{}, err
	}
	return Answer{Result: found, Degraded: from.Degraded}, nil
}

// worse is the worse of two ways to be degraded.
func worse(a, b Degraded) Degraded {
	order := []Degraded{NotDegraded, RemoteRegion, FromDatabase}
	for _, d := range order {
		if a == d {
			return b
		}
		if b == d {
			return a
		}
	}
	return a
}

// Watch keeps the query rules, the knowledge of which index is full and the list of searched texts fresh until ctx
// ends.
func (s *Searcher) Watch(ctx context.Context) {
	var running sync.WaitGroup
	for _, from := range s.sources {
		if from.Filled != nil {
			running.Go(func() { every(ctx, time.Second, func() { s.lookAt(ctx, from) }) })
		}
	}
	running.Go(func() { every(ctx, rulesEvery, func() { s.PollRules(ctx) }) })
	running.Go(func() {
		every(ctx, termsEvery, func() { s.FlushTerms(ctx) })
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		s.FlushTerms(last)
	})
	running.Wait()
}

// every does something at once and then after each pause, until ctx ends.
func every(ctx context.Context, pause time.Duration, do func()) {
	for ctx.Err() == nil {
		do()
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// lookAt finds out whether a source's index holds everything. One that does not answer keeps what was known of it:
// its breaker decides.
func (s *Searcher) lookAt(ctx context.Context, from *source) {
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

// words are the words of a text outside of quotes, in lower case.
func words(text string) []string {
	var all []string
	for i, part := range strings.Split(text, `"`) {
		if i%2 == 0 {
			all = append(all, strings.FieldsFunc(strings.ToLower(part), notInWord)...)
		}
	}
	return all
}

// wordless is whether a text was typed that has nothing to look for in it, such as signs alone. It finds nothing; no
// text at all finds everything.
func wordless(text string) bool {
	return strings.TrimSpace(text) != "" && !strings.ContainsFunc(text, func(r rune) bool { return !notInWord(r) })
}

// normal is a text as query rules and counts know it: lower case, single spaces.
func normal(text string) string { return strings.Join(strings.Fields(strings.ToLower(text)), " ") }
