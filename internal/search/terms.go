package search

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"meridian/internal/database"
)

// Bounds of what is kept of the texts that were searched for.
const (
	termsEvery   = 5 * time.Second
	maxTerms     = 5000 // counted between two writes; further ones are not
	maxTermBytes = 60
	minShoppers  = 3 // how many must have searched for a text before it is written down or offered to others
	completions  = 2000
)

// TermLife is how long a text that nobody searches for any more is kept.
const TermLife = 30 * 24 * time.Hour

// A Term is a text that shoppers of a region searched for.
type Term struct {
	Text string
	// Searches is how often, Unmet how often nothing fitted it as it was asked.
	Searches, Unmet int64
	SearchedAt      time.Time
}

// termCounter counts searched texts between two writes, and knows the most frequent ones. A text may say something of
// who typed it: it stays in memory until several shoppers have searched for the same, and is forgotten when they do not
// within pendingLife.
type termCounter struct {
	mu      sync.Mutex
	counts  map[string]*termCount
	pending time.Time              // since when texts wait for more shoppers
	known   atomic.Pointer[[]Term] // by text
}

type termCount struct {
	searches, unmet int64
	shoppers        []string // the first minShoppers, different ones
}

// pendingLife is how long a text waits for more shoppers.
const pendingLife = time.Hour

// common is whether enough shoppers have searched for the text.
func (c *termCount) common() bool { return len(c.shoppers) >= minShoppers }

// count counts a search of somebody, unless its text looks like a person's or is too long to be another's.
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

// personal is whether a text looks like an address or a number of a person: it is not kept then.
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

// take takes out of the counter what may be written: texts that enough have searched for.
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

// isKnown is whether the text is among the frequent ones, which are written already.
func (t *termCounter) isKnown(text string) bool {
	known := t.known.Load()
	if known == nil {
		return false
	}
	_, found := slices.BinarySearchFunc(*known, text, func(k Term, text string) int { return strings.Compare(k.Text, text) })
	return found
}

// FlushTerms writes what was counted, in one round trip, and reads the most frequent texts, in another. Counts that
// cannot be written are lost: they are no accounts.
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

func (s *Searcher) writeTerms(ctx context.Context, counts map[string]*termCount) error {
	if len(counts) == 0 {
		return nil
	}
	var texts []string
	for text := range counts {
		texts = append(texts, text)
	}
	slices.Sort(texts) // one order for all writers
	var searches, unmet []int64
	for _, text := range texts {
		searches, unmet = append(searches, counts[text].searches), append(unmet, counts[text].unmet)
	}
	return s.db.Write(ctx, func(b *database.Batch) error {
		b.Queue(`
INSERT INTO search_terms AS t (region, term, searches, unmet)
SELECT $1::text::crdb_internal_region, n.term, n.searches, n.unmet
FROM unnest($2::text[], $3::int8[], $4::int8[]) AS n (term, searches, unmet)
ON CONFLICT (region, term) DO UPDATE
SET searches = t.searches + excluded.searches, unmet = t.unmet + excluded.unmet, searched_at = now()`,
			s.region, texts, searches, unmet)
		return nil
	})
}

// Terms lists the texts searched for in a region: the most frequent, or those that most often found nothing as they
// were asked. One round trip.
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

// SweepTerms deletes up to limit texts of the region that nobody searched for within TermLife, and says how many.
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

// completing are the frequent texts that begin with what was typed, the most frequent first.
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
