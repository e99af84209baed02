package bleve

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"meridian/internal/search"
)

// A ranked row is a found document with the values that order it.
type ranked struct {
	place place
	row   *row
	key   int64 // by the query's sort, greatest first
	score float64
}

// compareRanked orders by the query's sort, relevance, popularity and id, best first.
func compareRanked(a, b *ranked) int {
	return cmp.Or(cmp.Compare(b.key, a.key), cmp.Compare(b.score, a.score),
		cmp.Compare(b.row.popularity, a.row.popularity), compareIDs(a.row, b.row))
}

func compareIDs(a, b *row) int { return bytes.Compare(a.id[:], b.id[:]) }

// sortKey returns the key of a row for a sort, greatest first. Rows without the value come last.
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

// A collector keeps the best of the rows that are added to it.
type collector struct {
	keep  int
	after *ranked // rows up to this one are counted but not kept; nil keeps from the first
	best  []ranked
	worst *ranked // of those kept, once there are keep of them
	total int
}

// add counts a row, and keeps it if it may be among the best.
func (c *collector) add(r ranked) {
	c.total++
	if !c.wants(&r) {
		return
	}
	c.best = append(c.best, r)
	if len(c.best) >= 2*c.keep { // sorting this rarely costs no more than a heap
		c.worst = &c.sorted()[c.keep-1]
	}
}

// wants reports whether a row may be among the best.
func (c *collector) wants(r *ranked) bool {
	return c.keep > 0 && (c.after == nil || compareRanked(r, c.after) > 0) && (c.worst == nil || compareRanked(r, c.worst) <= 0)
}

// sorted returns the rows that are kept, best first.
func (c *collector) sorted() []ranked {
	slices.SortFunc(c.best, func(a, b ranked) int { return compareRanked(&a, &b) })
	c.best = c.best[:min(len(c.best), c.keep)]
	return c.best
}
