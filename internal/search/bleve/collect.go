package bleve

import (
	"bytes"
	"cmp"
	"math"

	"meridian/internal/search"
)

// A ranked row is a document that was found, with all that orders it.
type ranked struct {
	place place
	row   *row
	key   int64 // of the query's order, the greatest first
	score float64
}

// compareRanked puts the better first: by the query's order, relevance, popularity, id.
func compareRanked(a, b *ranked) int {
	return cmp.Or(cmp.Compare(b.key, a.key), cmp.Compare(b.score, a.score), cmp.Compare(b.row.popularity, a.row.popularity), compareIDs(a.row, b.row))
}

func compareIDs(a, b *row) int { return bytes.Compare(a.id[:], b.id[:]) }

// sortKey is a row's place in an order of which the greatest comes first; what lacks the value comes last.
func sortKey(r *row, by search.Sort, market uint32) int64 {
	switch by {
	case search.SortPriceAsc, search.SortPriceDesc:
		p, ok := r.price(market)
		switch {
		case !ok:
			return math.MinInt64
		case by == search.SortPriceAsc:
			return -p.minor
		}
		return p.minor
	case search.SortNewest:
		return r.listedMicro
	case search.SortRating:
		return int64(r.ratingMilli)
	case search.SortPopularity:
		return r.popularity
	}
	return 0
}

// A collector keeps the best of what was found: a heap whose first is the worst that is kept.
type collector struct {
	keep  int
	after *ranked // only what comes behind this; nil is everything
	heap  []ranked
	total int
}

func (c *collector) add(r ranked) {
	c.total++
	if c.keep == 0 || c.after != nil && compareRanked(&r, c.after) <= 0 {
		return
	}
	if len(c.heap) < c.keep {
		c.heap = append(c.heap, r)
		c.up(len(c.heap) - 1)
		return
	}
	if compareRanked(&r, &c.heap[0]) < 0 {
		c.heap[0] = r
		c.down(len(c.heap))
	}
}

// worse reports whether one is behind the other.
func (c *collector) worse(i, j int) bool { return compareRanked(&c.heap[i], &c.heap[j]) > 0 }

func (c *collector) up(i int) {
	for i > 0 && c.worse(i, (i-1)/2) {
		c.heap[i], c.heap[(i-1)/2] = c.heap[(i-1)/2], c.heap[i]
		i = (i - 1) / 2
	}
}

func (c *collector) down(n int) {
	for i := 0; ; {
		child := 2*i + 1
		if child >= n {
			return
		}
		if child+1 < n && c.worse(child+1, child) {
			child++
		}
		if !c.worse(child, i) {
			return
		}
		c.heap[i], c.heap[child] = c.heap[child], c.heap[i]
		i = child
	}
}

// sorted are the kept, the best first; the collector is empty afterwards.
func (c *collector) sorted() []ranked {
	for n := len(c.heap) - 1; n > 0; n-- {
		c.heap[0], c.heap[n] = c.heap[n], c.heap[0]
		c.down(n)
	}
	return c.heap
}
