package recommend

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// Bounds of what is counted between two writes.
const (
	// maxProducts and maxPairs are how many different ones there is room for, over all shards.
	maxProducts = 20_000
	maxPairs    = 20_000
	// maxRate is how many events a second are counted one by one; of more, every second, third … is, for as many.
	maxRate = 5_000
	// shards keep requests that count at the same time out of each other's way.
	shards = 16
)

// counts are the events since they were last taken. Products are spread over shards; pairs, which only orders have, are
// together. The zero value counts nothing and drops all.
type counts struct {
	// every is of how many events one is counted, for all of them; seen is how many there were, counted or not.
	every, seen atomic.Int64
	// dropped is how many events found no room.
	dropped  atomic.Int64
	products [shards]shard
	pairs    pairShard
}

// did is how often each action was done with a product.
type did [actions]int64

type shard struct {
	mu   sync.Mutex
	room int
	of   map[uuid.UUID]did
}

type pairShard struct {
	mu   sync.Mutex
	room int
	of   map[pair]int64
}

func newCounts(products, pairs int) *counts {
	c := new(counts)
	c.every.Store(1)
	for i := range c.products {
		c.products[i] = shard{room: (products + shards - 1) / shards, of: make(map[uuid.UUID]did)}
	}
	c.pairs = pairShard{room: pairs, of: make(map[pair]int64)}
	return c
}

// count notes an event. Views are sampled when there are too many of them: one of n is counted, n times, so that the
// expected sum is right. Orders are few, and each says much: they never are.
func (c *counts) count(product uuid.UUID, what action) {
	if c == nil {
		return
	}
	c.seen.Add(1)
	times := int64(1)
	if what != ordered {
		if times = c.every.Load(); times > 1 && rand.Int64N(times) != 0 {
			return
		}
	}
	if !c.products[product[0]%shards].add(product, what, times) {
		c.dropped.Add(times)
	}
}

func (s *shard) add(product uuid.UUID, what action, times int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum, known := s.of[product]
	if !known && len(s.of) >= s.room {
		return false
	}
	sum[what] += times
	s.of[product] = sum
	return true
}

// pair notes that products were in one order, each two of them.
func (c *counts) pair(products []uuid.UUID) {
	if c == nil {
		return
	}
	c.pairs.mu.Lock()
	defer c.pairs.mu.Unlock()
	for i, a := range products {
		for _, b := range products[i+1:] {
			if !c.pairs.add(pairOf(a, b), 1) {
				c.dropped.Add(1)
			}
		}
	}
}

func (s *pairShard) add(p pair, times int64) bool {
	if _, known := s.of[p]; !known && len(s.of) >= s.room {
		return false
	}
	s.of[p] += times
	return true
}

// taken is what was counted in a time.
type taken struct {
	products map[uuid.UUID]did
	pairs    map[pair]int64
}

// take empties the counts, and says from now on, by how many events there were in the time since they were last
// taken, of how many one is counted.
func (c *counts) take(since time.Duration) taken {
	allowed := int64(maxRate * max(since, time.Second).Seconds())
	c.every.Store(max(1, (c.seen.Swap(0)+allowed-1)/allowed))
	all := taken{products: make(map[uuid.UUID]did)}
	for i := range c.products {
		s := &c.products[i]
		s.mu.Lock()
		of := s.of
		s.of = make(map[uuid.UUID]did, len(of))
		s.mu.Unlock()
		for product, sum := range of {
			all.products[product] = sum
		}
	}
	c.pairs.mu.Lock()
	defer c.pairs.mu.Unlock()
	all.pairs, c.pairs.of = c.pairs.of, make(map[pair]int64, len(c.pairs.of))
	return all
}

// putBack counts again what was taken and could not be written, as far as there is room.
func (c *counts) putBack(all taken) {
	for product, sum := range all.products {
		for what, times := range sum {
			if times > 0 && !c.products[product[0]%shards].add(product, action(what), times) {
				c.dropped.Add(times)
			}
		}
	}
	c.pairs.mu.Lock()
	defer c.pairs.mu.Unlock()
	for p, times := range all.pairs {
		if !c.pairs.add(p, times) {
			c.dropped.Add(times)
		}
	}
}

func compareIDs(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }
