package indexer

import (
	"cmp"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/pricing"
	"meridian/internal/search"
)

// Config configures an Indexer. DB, Prices, Store and Replica are required; other zero values mean the default.
type Config struct {
	// DB is the shop's database; its region is the region of the index.
	DB *database.DB
	// Prices computes prices. It need not be watched.
	Prices *pricing.Pricer
	// Store holds the index. The caller closes it after Run has returned.
	Store search.Store
	// Replica identifies the index in its region.
	Replica string
	// Exclusive says that only one process at a time can have the store open, as with a folder. Such a process may feed
	// the index at once, without waiting for the lease of a killed process to expire.
	Exclusive bool
	// Poll is how often changes are read. Default 300 ms.
	Poll time.Duration
	// SlowPoll is how often popularity is read, which changes with every order. Default 30 s.
	SlowPoll time.Duration
	// Page is the number of documents written at once. Default 500.
	Page int
	// Overlap is how far back each pass reads, for changes that became visible late. Default catalog.ChangesOverlap.
	Overlap time.Duration
	// StateEvery is how often to check for changed rules, due documents, a wiped index and new jobs. Default 1 s.
	StateEvery time.Duration
	// Lease is how long the feed belongs to this process after a heartbeat; default 15 s. Heartbeat is how often it
	// renews the lease; default 2 s.
	Lease, Heartbeat time.Duration
	// Retry is the wait after a failure, RetryMost the longest after repeated failures. Defaults 250 ms and 5 s.
	Retry, RetryMost time.Duration
	// Log receives failures; nil means slog.Default.
	Log *slog.Logger
	// Meter receives the feed's metrics; nil means none.
	Meter metric.MeterProvider
}

func (c Config) withDefaults() Config {
	c.Poll = cmp.Or(c.Poll, 300*time.Millisecond)
	c.SlowPoll = cmp.Or(c.SlowPoll, 30*time.Second)
	c.Page = cmp.Or(c.Page, 500)
	c.Overlap = cmp.Or(c.Overlap, catalog.ChangesOverlap)
	c.StateEvery = cmp.Or(c.StateEvery, time.Second)
	c.Lease = cmp.Or(c.Lease, 15*time.Second)
	c.Heartbeat = cmp.Or(c.Heartbeat, 2*time.Second)
	c.Retry = cmp.Or(c.Retry, 250*time.Millisecond)
	c.RetryMost = cmp.Or(c.RetryMost, 5*time.Second)
	c.Log = cmp.Or(c.Log, slog.Default())
	if c.Meter == nil {
		c.Meter = noop.NewMeterProvider()
	}
	return c
}

// An Indexer feeds one index.
type Indexer struct {
	Config
	holder  uuid.UUID
	render  renderer
	metrics *metrics
	status  atomic.Pointer[Status]
	// working is the state that the current job gives the feed, nil if there is none.
	working atomic.Pointer[State]

	// feeding is held while the live index is written. It guards the fields below.
	feeding   sync.Mutex
	live      *feed
	aside     map[uuid.UUID]bool // the products set aside
	rules     rulesState
	refreshed time.Time     // when rules and positions were last read
	ahead     time.Duration // how far this process's clock is ahead of the database's

	// job belongs to the goroutine that runs jobs.
	job *running
}

// New returns the feed of an index. It starts with Run.
func New(config Config) (*Indexer, error) {
	if config.DB == nil || config.Prices == nil || config.Store == nil || config.Replica == "" {
		return nil, errors.New("indexer: a database, prices, a store and the replica's name must be given")
	}
	x := &Indexer{Config: config.withDefaults(), holder: uuid.New(), aside: make(map[uuid.UUID]bool)}
	if x.Exclusive {
		x.holder = uuid.NewSHA1(uuid.NameSpaceURL, []byte(x.DB.Region()+"/"+x.Replica))
	}
	x.live = x.newFeed(x.Store.Live())
	x.render = renderer{db: x.DB, prices: x.Prices}
	x.status.Store(&Status{State: StateStarting})
	var err error
	x.metrics, err = x.newMetrics()
	return x, err
}

// beside returns an indexer for an index that is built beside the live one. It has what this one has of its own, so that
// both may write at the same time.
func (x *Indexer) beside() *Indexer {
	return &Indexer{Config: x.Config, holder: x.holder, render: x.render, metrics: x.metrics, aside: make(map[uuid.UUID]bool)}
}
