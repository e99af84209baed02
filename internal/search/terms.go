package search

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"meridian/internal/database"
)

// The bounds of the search terms that are kept.
const (
	termsEvery   = 5 * time.Second
	maxTerms     = 5000 // counted between two writes; more are dropped
	maxTermBytes = 60
	minShoppers  = 3 // who must have searched for a text before it is stored or suggested
	completions  = 2000
)

// TermLife is how long a term is kept after its last search.
const TermLife = 30 * 24 * time.Hour

// A Term is a text that shoppers of a region searched for.
type Term struct {
	Text string
	// Searches is the number of searches, Unmet the number of those that found nothing without relaxing the query.
	Searches, Unmet int64
	SearchedAt      time.Time
}

// A termCounter counts search texts between two writes, and holds the most frequent terms. A text may identify the
// person who typed it: it stays in memory until minShoppers shoppers have searched for it, and is dropped if they do
// not within pendingLife.
type termCounter struct {
	mu      sync.Mutex
	counts  map[string]*termCount
	pending time.Time              // when texts were last dropped for want of shoppers
	known   atomic.Pointer[[]Term] // by text
}

type termCount struct {
	searches, unmet int64
	shoppers        []string // at most minShoppers, distinct
}

// pendingLife is how long a text waits for more shoppers.
const pendingLife = time.Hour

// common reports whether enough shoppers have searched for the text.
func (c *termCount) common() bool { return len(c.shoppers) >= minShoppers }

// count counts a shopper's search, unless its text looks personal or is too long.
func (t *termCounter) count(text, shopper string, unmet bool) {
	term := normal(text)
	if term == "" || len(term) > maxTermBytes || personal(term) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.counts[term]
	if c == nil {
		if len(t.counts) >= maxTerms {
			return
		}
		c = &termCount{}
		t.counts[term] = c
	}
	c.searches++
	if unmet {
		c.unmet++
	}
	if !c.common() && !slices.Contains(c.shoppers, shopper) {
		c.shoppers = append(c.shoppers, shopper)
	}
}

// personal reports whether a text looks like an email address or a telephone number.
func personal(term string) bool {
	const longestNumber = 5
	digits := 0
	for _, r := range term {
		if r >= '0' && r <= '9' {
			digits++
		} else if r != ' ' && r != '-' && r != '+' {
			digits = 0
		}
		if digits > longestNumber {
			return true
		}
	}
	return strings.ContainsAny(term, "@")
}

// take removes the terms that may be stored from the counter and returns them.
func (t *termCounter) take(now time.Time) map[string]*termCount {
	t.mu.Lock()
	defer t.mu.Unlock()
	taken, waiting := make(map[string]*termCount), make(map[string]*termCount)
	for text, c := range t.counts {
		if c.common() || t.isKnown(text) {
			taken[text] = c
		} else {
			waiting[text] = c
		}
	}
	if now.Sub(t.pending) > pendingLife {
		waiting, t.pending = make(map[string]*termCount), now
	}
	t.counts = waiting
	return taken
}

// isKnown reports whether the text is among the frequent terms, which are stored already.
func (t *termCounter) isKnown(text string) bool {
	known := t.known.Load()
	if known == nil {
		return false
	}
	_, found := slices.BinarySearchFunc(*known, text, func(k Term, text string) int { return strings.Compare(k.Text, text) })
	return found
}

// FlushTerms stores the counted terms in one round trip and reads the most frequent terms in another. Counts that
// cannot be stored are lost, since nothing depends on their being exact.
func (s *Searcher) FlushTerms(ctx context.Context) {
	if err := s.writeTerms(ctx, s.terms.take(s.now())); err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "counts of searched texts are lost", "error", err)
		return
	}
	frequent, err := s.Terms(ctx, s.region, false, completions)
	if err != nil {
		return // those known stay
	}
	slices.SortFunc(frequent, func(a, b Term) int { return strings.Compare(a.Text, b.Text) })
	s.terms.known.Store(&frequent)
}

// termRow is a row of search_terms.
type termRow struct {
	Region          string `cast:"crdb_internal_region"`
	Term            string
	Searches, Unmet int64
}

func (s *Searcher) writeTerms(ctx context.Context, counts map[string]*termCount) error {
	if len(counts) == 0 {
		return nil
	}
	var rows []termRow
	for _, text := range slices.Sorted(maps.Keys(counts)) { // one order for all writers
		rows = append(rows, termRow{Region: s.region, Term: text, Searches: counts[text].searches, Unmet: counts[text].unmet})
	}
	return s.db.Write(ctx, func(b *database.Batch) error {
		database.QueueInsert(b, "search_terms AS t", rows, `ON CONFLICT (region, term) DO UPDATE
SET searches = t.searches + excluded.searches, unmet = t.unmet + excluded.unmet, searched_at = now()`)
		return nil
	})
}

// Terms returns a region's most frequent search terms or, with unmet, those that most often found nothing as asked. One
// round trip.
func (s *Searcher) Terms(ctx context.Context, region string, unmet bool, limit int) ([]Term, error) {
	order, only := "searches DESC, term", ""
	if unmet {
		order, only = "unmet DESC, term", "AND unmet > 0"
	}
	terms, err := database.List(ctx, s.db, pgx.RowToStructByPos[Term], `
SELECT term, searches, unmet, searched_at
FROM search_terms
WHERE region = $1 `+only+`
ORDER BY `+order+`
LIMIT $2::int8`, region, limit)
	if err != nil {
		return nil, fmt.Errorf("list searched texts: %w", err)
	}
	return terms, nil
}

// SweepTerms deletes at most limit of the region's terms that nobody has searched for within TermLife, and returns how
// many it deleted.
func (s *Searcher) SweepTerms(ctx context.Context, limit int) (deleted int, err error) {
	err = s.db.WriteIdempotent(ctx, func(b *database.Batch) error {
		b.Queue(`
DELETE FROM search_terms
WHERE region = $1 AND term IN (
  SELECT o.term
  FROM search_terms o
  WHERE o.region = $1 AND o.searched_at < $2
  ORDER BY o.searched_at
  LIMIT $3::int8)`, s.region, s.now().Add(-TermLife), limit).Exec(func(tag pgconn.CommandTag) error {
			deleted = int(tag.RowsAffected())
			return nil
		})
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("delete old searched texts: %w", err)
	}
	return deleted, nil
}

// completing returns the frequent terms that begin with the typed text, most frequent first.
func (t *termCounter) completing(typed string, limit int) []string {
	known := t.known.Load()
	if known == nil || typed == "" {
		return nil
	}
	start, _ := slices.BinarySearchFunc(*known, typed, func(k Term, typed string) int { return strings.Compare(k.Text, typed) })
	var fitting []Term
	for _, k := range (*known)[start:] {
		if !strings.HasPrefix(k.Text, typed) {
			break
		}
		if k.Unmet == 0 && k.Text != typed {
			fitting = append(fitting, k)
		}
	}
	slices.SortStableFunc(fitting, func(a, b Term) int { return int(b.Searches - a.Searches) })
	var texts []string
	for _, k := range fitting[:min(limit, len(fitting))] {
		texts = append(texts, k.Text)
	}
	return texts
}
