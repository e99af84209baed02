package indexer

import (
	"cmp"
	"errors"
	"log/slog"
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

// Config is what an Indexer works with. DB, Prices, Store and Replica must be set; what is zero takes the default.
type Config struct {
	// DB is the shop's database; its region is the index's.
	DB *database.DB
	// Prices say what things cost. It need not be watched.
	Prices *pricing.Pricer
	// Store is where the index lives. Whoever opened it closes it, after Run has returned.
	Store search.Store
	// Replica names the index among those of its region.
	Replica string
	// Exclusive says that the store lets in one process only, as a folder does: whoever has it open may feed it at once,
	// without waiting for the end of a lease that a killed process held.
	Exclusive bool
	// Poll is how often changes are asked for. Default 300 ms.
	Poll time.Duration
	// Seldom is how often popularity is asked for, which moves with every order. Default 30 s.
	Seldom time.Duration
	// Page is how many documents are written at once. Default 500.
	Page int
	// Overlap is how far back is looked for changes that show late. Default catalog.ChangesOverlap.
	Overlap time.Duration
	// StateEvery is how often it is looked whether rules have changed, documents are due, an index was wiped, or there is
	// a job. Default 1 s.
	StateEvery time.Duration
	// Lease is how long the feed is this process's after each heartbeat; default 15 s. Heartbeat is how often it is
	// renewed; default 2 s.
	Lease, Heartbeat time.Duration
	// Retry is how long is waited after a failure, RetryMost after many. Defaults 250 ms and 5 s.
	Retry, RetryMost time.Duration
	// Log is told what goes wrong; nil means slog's default.
	Log *slog.Logger
	// Meter takes the feed's metrics; nil means none are recorded.
	Meter metric.MeterProvider
}

func (c Config) withDefaults() Config {
	c.Poll = cmp.Or(c.Poll, 300*time.Millisecond)
	c.Seldom = cmp.Or(c.Seldom, 30*time.Second)
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

// Indexer feeds one index.
type Indexer struct {
	Config
	holder  uuid.UUID
	render  renderer
	telling *instruments
	status  atomic.Pointer[Status]

	// What follows belongs to the one goroutine that works.
	live   *feed
	aside  map[uuid.UUID]bool // the products set aside
	rules  rulesState
	looked time.Time     // when it was last looked whether rules, positions or jobs are others
	ahead  time.Duration // of this process's clock, against the database's
	job    *running
}

// New returns the feed of an index. Nothing runs yet: see Run.
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
	x.telling, err = x.newInstruments()
	return x, err
}
