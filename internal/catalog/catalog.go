package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"meridian/internal/database"
	"meridian/regions"
)

// Config is what a Catalog works with. DB and Regions must be set.
type Config struct {
	// DB is the shop's database; its region is the home of the imports and events written here.
	DB *database.DB
	// Regions are those of the shop: the database's must be one of them.
	Regions *regions.Set
	// CacheBytes bounds the memory that products take in the cache; 64 MiB.
	CacheBytes int64
	// PriceLead is how long before it is in force a changed price is written (pricing.Config.Lead);
	// zero puts it in force at once.
	PriceLead time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log is told when the cache cannot be used; nil means slog's default.
	Log *slog.Logger
	// Meter takes the cache's metrics; nil means none are recorded.
	Meter metric.MeterProvider
}

const defaultCacheBytes = 64 << 20

// Catalog reads and edits the catalogue. It is safe for concurrent use.
type Catalog struct {
	db        *database.DB
	regions   *regions.Set
	priceLead time.Duration
	cache     *cache
	seen      watermark // of the last poll
}

// New returns a catalogue on a database. Its cache stays unused until Watch runs.
func New(config Config) (*Catalog, error) {
	if config.DB == nil || config.Regions == nil {
		return nil, errors.New("catalog: a database and the regions must be given")
	}
	if config.CacheBytes < 0 {
		return nil, fmt.Errorf("catalog: cache of %d bytes: give a positive number", config.CacheBytes)
	}
	if _, ok := config.Regions.Get(config.DB.Region()); !ok {
		return nil, fmt.Errorf("catalog: the database is opened for region %q: use one of %v", config.DB.Region(), config.Regions.Names())
	}
	if config.Meter == nil {
		config.Meter = noop.NewMeterProvider()
	}
	c := &Catalog{db: config.DB, regions: config.Regions, priceLead: config.PriceLead}
	watch := database.NewWatch(database.WatchConfig{Poll: c.pollChanges, MaxStaleness: MaxStaleness, Now: config.Now, Log: config.Log,
		Warning: "the catalogue's changes cannot be read: its cache is not used"})
	var err error
	c.cache, err = newCache(cmp.Or(config.CacheBytes, defaultCacheBytes), watch, config.Meter)
	return c, err
}
