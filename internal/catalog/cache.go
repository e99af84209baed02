package catalog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"
	"go.opentelemetry.io/otel/metric"

	"meridian/internal/database"
	"meridian/internal/rating"
)

// MaxStaleness is how old an answer from memory may be: edits by any pod show after that.
const MaxStaleness = 2 * time.Second

const (
	// productLife bounds what a lost invalidation, which should not be, could do.
	productLife = 10 * time.Minute
	// absentLife is how long it is remembered that there is no such product.
	absentLife = 5 * time.Second
)

// cache keeps products and the category tree in memory.
type cache struct {
	products *otter.Cache[productKey, cachedProduct]
	tree     *otter.Cache[treeKey, *Tree]
	counters *cacheCounters
	watch    *database.Watch
}

// A productKey is a product as it was asked for: by its id or by its slug.
type productKey struct {
	id   uuid.UUID
	slug string
}

// treeKey is the one key of the tree's cache.
type treeKey struct{}

// cachedProduct is a product as everyone may see it, or that there is none to be seen.
type cachedProduct struct {
	product Product
	visible bool
}

func newCache(bytes int64, watch *database.Watch, meters metric.MeterProvider) (*cache, error) {
	counters, err := newCacheCounters(meters)
	if err != nil {
		return nil, err
	}
	products, err := otter.New(&otter.Options[productKey, cachedProduct]{
		MaximumWeight:    uint64(bytes),
		Weigher:          func(_ productKey, c cachedProduct) uint32 { return c.weight() },
		ExpiryCalculator: otter.ExpiryWritingFunc(lifeOf),
		StatsRecorder:    counters,
	})
	if err != nil {
		return nil, fmt.Errorf("catalog cache: %w", err)
	}
	tree, err := otter.New(&otter.Options[treeKey, *Tree]{MaximumSize: 1, StatsRecorder: counters})
	if err != nil {
		return nil, fmt.Errorf("catalog cache: %w", err)
	}
	return &cache{products: products, tree: tree, counters: counters, watch: watch}, nil
}

// lifeOf returns how long a product may be kept, or that there is none of its name.
func lifeOf(e otter.Entry[productKey, cachedProduct]) time.Duration {
	if !e.Value.visible {
		return absentLife
	}
	return productLife
}

// mayAnswer reports whether the cache is fresh, for a read that asks the database where it is
// not: a miss.
func (c *cache) mayAnswer() bool {
	if c.watch.Fresh() {
		return true
	}
	c.counters.RecordMisses(1)
	return false
}

// forget drops a product, unless what is held is current already. A load that is under
// way is dropped too: it may have read what was before.
func (c *cache) forget(id uuid.UUID, slug string, isCurrent func(held Product) bool) {
	for _, key := range []productKey{{id: id}, {slug: slug}} {
		held, ok := c.products.GetEntryQuietly(key)
		if !ok || !held.Value.visible || !isCurrent(held.Value.product) {
			c.products.Invalidate(key)
		}
	}
}

// atVersion recognizes what is current of a product that was edited to that version.
func atVersion(version int64) func(Product) bool {
	return func(held Product) bool { return held.Version == version }
}

// ratedAs recognizes what is current of a product that was rated: ratings move no version.
func ratedAs(total rating.Total) func(Product) bool {
	return func(held Product) bool { return held.Rating == total }
}

// forgetAll drops everything.
func (c *cache) forgetAll() {
	c.products.InvalidateAll()
	c.tree.InvalidateAll()
}

// weight returns about how many bytes the product takes in memory.
func (c cachedProduct) weight() uint32 {
	const structure, skuStructure, mapEntry, entryWeight = 600, 300, 50, 110
	p := c.product
	n := structure + len(p.Title) + len(p.Description) + len(p.Brand) + valueWeight(p.Attributes)
	for _, i := range p.Images {
		n += len(i.URL) + len(i.Alt) + mapEntry
	}
	for _, s := range p.SKUs {
		n += skuStructure + len(s.Entries)*entryWeight
		for name, value := range s.Options {
			n += len(name) + len(value) + mapEntry
		}
	}
	return uint32(n)
}

// valueWeight returns about how many bytes a decoded JSON value takes.
func valueWeight(value any) int {
	const each = 50
	n := each
	switch v := value.(type) {
	case string:
		n += len(v)
	case []any:
		for _, element := range v {
			n += valueWeight(element)
		}
	case map[string]any:
		for name, member := range v {
			n += len(name) + valueWeight(member)
		}
	}
	return n
}

// cacheCounters tells the hits, misses and failures of both caches as metrics. They begin at
// 0, so that the first of each shows.
type cacheCounters struct{ hits, misses, evictions, failures metric.Int64Counter }

func newCacheCounters(meters metric.MeterProvider) (*cacheCounters, error) {
	meter := meters.Meter("meridian/catalog")
	var c cacheCounters
	var faults [4]error
	c.hits, faults[0] = meter.Int64Counter("meridian.catalog.cache.hits",
		metric.WithDescription("Reads of a product or the category tree answered from memory"))
	c.misses, faults[1] = meter.Int64Counter("meridian.catalog.cache.misses",
		metric.WithDescription("Reads of a product or the category tree that had to ask the database"))
	c.evictions, faults[2] = meter.Int64Counter("meridian.catalog.cache.evictions",
		metric.WithDescription("Products dropped from memory for want of room"))
	c.failures, faults[3] = meter.Int64Counter("meridian.catalog.cache.load_failures",
		metric.WithDescription("Reads of a product or the category tree that failed"))
	if err := errors.Join(faults[:]...); err != nil {
		return nil, fmt.Errorf("measure the cache: %w", err)
	}
	for _, counter := range []metric.Int64Counter{c.hits, c.misses, c.evictions, c.failures} {
		counter.Add(context.Background(), 0)
	}
	return &c, nil
}

func (c *cacheCounters) RecordHits(n int)                { c.hits.Add(context.Background(), int64(n)) }
func (c *cacheCounters) RecordMisses(n int)              { c.misses.Add(context.Background(), int64(n)) }
func (c *cacheCounters) RecordEviction(uint32)           { c.evictions.Add(context.Background(), 1) }
func (c *cacheCounters) RecordLoadSuccess(time.Duration) {}
func (c *cacheCounters) RecordLoadFailure(time.Duration) { c.failures.Add(context.Background(), 1) }
