package recommend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/sony/gobreaker/v2"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"meridian/internal/catalog"
	"meridian/internal/database"
)

// MaxLimit is how many products one list has at most.
const MaxLimit = 24

// Config is what a Recommender works with. DB and Catalog must be set.
type Config struct {
	// DB is the shop's database; its region is where events are counted and read.
	DB *database.DB
	// Catalog says what is on sale.
	Catalog *catalog.Catalog
	// Timeout bounds one reading of what is recommended; 150 ms. A fallback has as long again.
	Timeout time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log is told when events cannot be written and when the circuit breaker changes; nil means slog's default.
	Log *slog.Logger
	// Meter takes the metrics; nil means none are recorded.
	Meter metric.MeterProvider
}

const defaultTimeout = 150 * time.Millisecond

// Recommender counts what shoppers of a region do and recommends them products. It is safe for concurrent use. The zero
// value takes events and forgets them.
type Recommender struct {
	db      *database.DB
	catalog *catalog.Catalog
	timeout time.Duration
	now     func() time.Time
	log     *slog.Logger
	metrics *instruments

	events *counts
	grown  grownSet
	// writing is held by the writing that runs; written is when the last one began.
	writing sync.Mutex
	written time.Time

	breaker *gobreaker.CircuitBreaker[any]
	memory  *memory
}

// New returns a recommender. Its events are written once Run does.
func New(c Config) (*Recommender, error) {
	if c.DB == nil || c.Catalog == nil {
		return nil, errors.New("recommend: a database and the catalogue must be given")
	}
	if c.Timeout < 0 {
		return nil, fmt.Errorf("recommend: a timeout of %s: give a positive duration", c.Timeout)
	}
	r := &Recommender{db: c.DB, catalog: c.Catalog, timeout: c.Timeout, now: c.Now, log: c.Log, events: newCounts(maxProducts, maxPairs)}
	if r.timeout == 0 {
		r.timeout = defaultTimeout
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.log == nil {
		r.log = slog.Default()
	}
	if c.Meter == nil {
		c.Meter = noop.NewMeterProvider()
	}
	r.written = r.now()
	r.breaker = newBreaker(r.log)
	var err error
	if r.metrics, err = newInstruments(c.Meter); err != nil {
		return nil, err
	}
	r.memory, err = newMemory()
	return r, err
}

// The circuit breaker opens when so many readings in a row failed or took too long, and lets one try again after a while.
const (
	breakerFailures = 5
	breakerOpen     = 5 * time.Second
)

func newBreaker(log *slog.Logger) *gobreaker.CircuitBreaker[any] {
	return gobreaker.NewCircuitBreaker[any](gobreaker.Settings{
		Name: "recommendations", Timeout: breakerOpen,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= breakerFailures },
		// A shopper who leaves says nothing about the database.
		IsExcluded: func(err error) bool { return errors.Is(err, context.Canceled) },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			log.Warn("circuit of the recommendations changed", "from", from.String(), "to", to.String())
		},
	})
}

// read reads several things in one round trip, in the time there is for it, unless the circuit is open.
func (r *Recommender) read(ctx context.Context, queue func(b *database.Batch) error) error {
	_, err := r.breaker.Execute(func() (any, error) {
		bounded, cancel := context.WithTimeout(ctx, r.timeout)
		defer cancel()
		err := r.db.Read(bounded, queue)
		if err != nil && ctx.Err() != nil {
			return nil, ctx.Err() // the caller's own end
		}
		return nil, err
	})
	return err
}

// Reason is why a product is recommended.
type Reason string

// The reasons.
const (
	// BoughtTogether is bought together with the product here.
	BoughtTogether Reason = "bought_together"
	// PopularInCategory sells well here among those of the product's category; NewInCategory is new there.
	PopularInCategory Reason = "popular_in_category"
	NewInCategory     Reason = "new_in_category"
	// ForYou is bought together, here, with what the customer has ordered.
	ForYou Reason = "for_you"
	// PopularHere sells well in the region; NewHere is new in the shop.
	PopularHere Reason = "popular_here"
	NewHere     Reason = "new_here"
)

// Reasons are all of them.
var Reasons = []Reason{BoughtTogether, PopularInCategory, NewInCategory, ForYou, PopularHere, NewHere}

// Degraded says that an answer is not all it should be.
type Degraded string

// How an answer may be degraded, best first.
const (
	NotDegraded Degraded = ""
	// BestSellers is what lately sold best in the category or in the region, from memory, or what is new there.
	BestSellers Degraded = "best_sellers"
	// None is nothing at all.
	None Degraded = "none"
)

// A Pick is a product that is recommended.
type Pick struct {
	Product catalog.Product
	Reason  Reason
}

// candidate is a product that may be recommended, if it is on sale.
type candidate struct {
	product uuid.UUID
	reason  Reason
}
