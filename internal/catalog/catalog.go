package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"sync"
	"time"

	"meridian/internal/database"
	"meridian/regions"
)

// Config is what a Catalog works with. DB and Regions must be set.
type Config struct {
	DB      *database.DB
	Regions *regions.Set
	// CacheBytes bounds the memory that products take in the cache; 64 MiB.
	CacheBytes int64
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

const defaultCacheBytes = 64 << 20

// Catalog reads and edits the catalogue. It is safe for concurrent use.
type Catalog struct {
	db      *database.DB
	regions *regions.Set
	now     func() time.Time
	cache   *cache

	// polling is held by the poll that runs; the fields after it are what the last one found.
	polling sync.Mutex
	seen    watermark
}

// New returns a catalogue on a database. Its cache stays unused until Watch runs.
func New(config Config) (*Catalog, error) {
	if config.DB == nil || config.Regions == nil {
		return nil, errors.New("catalog: a database and the regions must be given")
	}
	if config.CacheBytes < 0 {
		return nil, fmt.Errorf("catalog: cache of %d bytes: give a positive number", config.CacheBytes)
	}
	c := &Catalog{db: config.DB, regions: config.Regions, now: config.Now}
	if c.now == nil {
		c.now = time.Now
	}
	var err error
	c.cache, err = newCache(cmp.Or(config.CacheBytes, defaultCacheBytes), c.now)
	return c, err
}
