package search

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/metric/noop"

	"meridian/internal/testkit"
)

// A shelf is an engine of a few products, as simple as the rules of matching allow; it can fail.
type shelf struct {
	mu       sync.Mutex
	products []Card
	fails    error
	hangs    bool
	partial  bool
	asked    int
}

func (s *shelf) Search(ctx context.Context, q Query) (Result, error) {
	s.mu.Lock()
	s.asked++
	fails, hangs := s.fails, s.hangs
	s.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return Result{}, ctx.Err()
	}
	if fails != nil {
		return Result{}, fails
	}
	var hits []Hit
	for _, p := range s.products {
		if hit, ok := fits(p, q); ok {
			hits = append(hits, hit)
		}
	}
	slices.SortStableFunc(hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), strings.Compare(a.Document.ID.String(), b.Document.ID.String()))
	})
	total := len(hits)
	hits = hits[min(q.Offset, total):min(q.Offset+q.Limit, total)]
	return Result{Hits: hits, Total: total, Partial: s.partial, Facets: Facets{Brands: []Count{{Value: "all", Count: total}}}}, nil
}

func (s *shelf) set(fails error, hangs bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails, s.hangs = fails, hangs
}

func (s *shelf) times() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// fits is whether a product is found, by words that are the beginning of the title's.
func fits(p Card, q Query) (Hit, bool) {
	f := q.Filter
	if len(f.Claims) > 0 { // nothing here claims anything
		return Hit{}, false
	}
	if slices.Contains(f.Exclude, p.ID) || len(f.IDs) > 0 && !slices.Contains(f.IDs, p.ID) ||
		len(f.Brands) > 0 && !slices.Contains(f.Brands, p.Brand) || f.Category != "" && f.Category != p.CategoryID || f.InStock &&
		p.Stock == StockOut {
		return Hit{}, false
	}
	wanted, found := words(q.Text), 0
	hit := Hit{Document: p, Highlights: map[string][]Fragment{}}
	for _, word := range wanted {
		for _, has := range words(p.Title) {
			if strings.HasPrefix(has, word) {
				found++
				hit.Highlights["title"] = append(hit.Highlights["title"], Fragment{Text: has, Match: true})
			}
		}
	}
	enough := found == len(wanted) || q.Match == MatchAny && found > 0
	hit.Score = float64(found+1) / float64(len(wanted)+1)
	return hit, enough
}

func product(n int, title, brand string) Card {
	id := uuid.UUID{15: byte(n), 14: byte(n >> 8)}
	return Card{ID: id, Title: title, Brand: brand, Slug: "p" + strconv.Itoa(n), Stock: StockIn}
}

// shelves are sources of answers, the region's own first.
func newShelves(t *testing.T, sources ...Source) *Searcher {
	t.Helper()
	metrics := testkit.Must(newMetrics(noop.NewMeterProvider()))(t)
	s := &Searcher{region: "eu-west", log: slog.New(slog.DiscardHandler), metrics: metrics, now: time.Now}
	s.terms.counts = make(map[string]*termCount)
	for _, one := range sources {
		s.sources = append(s.sources, newSource(one, s.log, metrics.circuit))
	}
	return s
}

func titles(hits []Hit) []string {
	var all []string
	for _, h := range hits {
		all = append(all, h.Document.Title)
	}
	return all
}
