package fx

import (
	"cmp"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	"meridian/internal/database"
)

// DefaultLead is the Config.Lead of a shop with pods: they look for changes each second.
const DefaultLead = 5 * time.Second

var (
	// ErrNotFound is returned for a rate that is not there.
	ErrNotFound = errors.New("no such exchange rate")
	// ErrNotHeld is returned for a decision about a rate that does not wait for one.
	ErrNotHeld = errors.New("the exchange rate is not held")
	// ErrOver is returned for the withdrawal of a rate that is no longer in force.
	ErrOver = errors.New("the exchange rate is no longer in force")
)

// Config says which database keeps the rates and by which rules. DB has no default.
type Config struct {
	DB *database.DB
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Lead is how long before it comes into force a change is written; DefaultLead where there
	// are pods. 0 is at once.
	Lead time.Duration
	// MaxJumpBP is how far from the rate before a new one may be, in hundredths of a percent;
	// further, and it is held. Default 1000: 10 %.
	MaxJumpBP int64
	// MaxAge is from when on a rate is stale; default 96 h: the ECB says nothing over a long
	// weekend.
	MaxAge time.Duration
	// Source is what UpdateOnce imports, nil for nothing, each UpdateEvery; default an hour.
	Source      Source
	UpdateEvery time.Duration
	// Meter takes the metrics; default OpenTelemetry's global one.
	Meter metric.MeterProvider
}

// Rates are the shop's exchange rates. It is safe for use by many goroutines.
type Rates struct {
	Config
	metrics *metrics
	// nextUpdate is when UpdateOnce is to do something, in Unix nanoseconds.
	nextUpdate atomic.Int64
}

// New fills in the defaults and checks the configuration.
func New(config Config) (*Rates, error) {
	if config.DB == nil || config.Lead < 0 || config.MaxJumpBP < 0 || config.MaxAge < 0 || config.UpdateEvery < 0 {
		return nil, errors.New("exchange rates: a database is needed, and neither a duration nor the jump may be below zero")
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Meter == nil {
		config.Meter = otel.GetMeterProvider()
	}
	config.MaxJumpBP = cmp.Or(config.MaxJumpBP, 1000)
	config.MaxAge = cmp.Or(config.MaxAge, 96*time.Hour)
	config.UpdateEvery = cmp.Or(config.UpdateEvery, time.Hour)
	metrics, err := newMetrics(config.Meter)
	if err != nil {
		return nil, fmt.Errorf("exchange rates: %w", err)
	}
	return &Rates{Config: config, metrics: metrics}, nil
}

// moment returns the time now as a timestamptz keeps it.
func (r *Rates) moment() time.Time { return r.Now().UTC().Truncate(time.Microsecond) }
