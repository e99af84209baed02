package geo

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"meridian/internal/discovery"
	"meridian/regions"
)

// EdgeConfig configures an Edge. Regions and Directory must be set; other zero fields take the default named at each.
type EdgeConfig struct {
	// Regions is every region of the shop.
	Regions *regions.Set
	// Directory says where the regions' pods are, and what operators decided about the regions.
	Directory discovery.Directory
	// TLS encrypts the connections of clients; nil leaves them as they are, behind a proxy that does.
	TLS *tls.Config
	// Own are the handlers of paths that the edge answers itself, such as what shoppers measured; none.
	Own map[string]http.Handler
	// Locator says how clients are located.
	Locator LocatorConfig
	// DefaultRegion is asked first for clients whose country is not known; the primary region.
	DefaultRegion string
	// AccessTokenCookie is the cookie that carries the access token where there is no Authorization header; none.
	AccessTokenCookie string

	// MaxTries bounds how many pods one request is sent to, second tries of slow reads left out; 4.
	MaxTries int
	// DialTimeout bounds opening a connection, and again its TLS handshake; 2 s.
	DialTimeout time.Duration
	// ReadTimeout is how long a try of a request that changes nothing (GET, HEAD, OPTIONS, TRACE) may take until the
	// answer's headers are there; 5 s.
	ReadTimeout time.Duration
	// WriteTimeout is the same for all other requests; 20 s, which is longer than the API's own deadline, so that a
	// slow write is not repeated while it still runs. It counts from the last progress of a streamed body.
	WriteTimeout time.Duration
	// TotalTimeout bounds all tries of one request together; 30 s. A streamed body is exempt: it has one try.
	TotalTimeout time.Duration
	// LongCalls are calls that regions take longer for; none. Each has its own bound in place of the three.
	LongCalls []LongCall
	// ReplayLimit is the largest body, in bytes, that is kept for a second try; 1 MiB. Larger ones are streamed once.
	ReplayLimit int64
	// ReplayBudget bounds the bytes kept for all requests together; 256 MiB. Beyond it, bodies are streamed once.
	ReplayBudget int64

	// MaxInFlight is how many requests the edge serves at the same time; 2048. More are refused at once, before anything of
	// them is read.
	MaxInFlight int
	// MaxPerRegion is how many of them one region gets at most, and connections one pod; 512. A region that shows that it has too
	// many gets fewer, down to 16. More go to the other regions, by their planned shares.
	MaxPerRegion int
	// RetryPercent is how many further tries there may be for 100 requests, spill-over of a region that is full included; 20.
	// RetryBurst of them, 1000, may come at once: those that waited for a region when it was lost.
	RetryPercent, RetryBurst int
	// ConnectionsPerAddress is how many connections one client address may have open; 512. Trusted proxies may have any
	// number.
	ConnectionsPerAddress int
	// WriteStall is how long a client may take to read the next part of an answer; 30 s.
	WriteStall time.Duration

	// HedgePercent is how many reads of 100 may be sent a second time because the first try takes longer than 95 of 100 reads of
	// its region do; 5, below 0 for none. HedgeBurst may come at once; 20. HedgeAfter is what that time is taken for until it is
	// known; 100 ms.
	HedgePercent, HedgeBurst int
	HedgeAfter               time.Duration
	// SlowStart is how long a pod or region that comes back takes to get its whole load; 30 s.
	SlowStart time.Duration
	// StaleBytes bounds the answers that are kept for when no region answers; 64 MiB.
	StaleBytes int64

	// BreakerFailures in a row (no connection, or no answer in time; answers of 500 where the region has other pods) open a pod's
	// circuit; 5.
	BreakerFailures int
	// BreakerOpen is how long the circuit then stays open before one request may try again; 60 s.
	BreakerOpen time.Duration
	// Breakers are further circuits of each pod, for kinds of requests that may be without an answer alone; by default one for
	// recommendations: 3 failures, 30 s.
	Breakers []Breaker

	// Meter and Tracer take the edge's metrics and spans; nil means none are recorded.
	Meter  metric.MeterProvider
	Tracer trace.TracerProvider
	// Log receives a line when a region goes down or comes back; nil means slog's default.
	Log *slog.Logger
}

// A LongCall is an operation that a region may take long to answer.
type LongCall struct {
	Method string
	// Path has variables in braces, such as /v1/finance/changes/{change_id}:approve.
	Path string
	// Timeout is how long a region takes at most until the answer's headers are there. A streamed body that pauses is
	// bounded by WriteTimeout as any other.
	Timeout time.Duration
}

// A Breaker is a circuit of its own for a kind of requests.
type Breaker struct {
	// Path is what the paths of these requests end in, such as /recommendations.
	Path string
	// Failures in a row open it, for as long as Open.
	Failures int
	Open     time.Duration
}

// Validate reports every fault of the configuration at once.
func (c EdgeConfig) Validate() error {
	if c.Regions == nil {
		return errors.New("regions are missing")
	}
	faults := []error{c.Locator.Validate(c.Regions)}
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if c.Directory == nil {
		fault("directory: it is missing")
	}
	for _, b := range c.Breakers {
		if b.Path == "" || b.Failures < 1 || b.Open <= 0 {
			fault("breakers: each needs a path, failures and a time above zero")
		}
	}
	if _, ok := c.Regions.Get(c.DefaultRegion); !ok && c.DefaultRegion != "" {
		fault("default region: there is no region %q; use one of %v", c.DefaultRegion, c.Regions.Names())
	}
	for _, number := range []struct {
		name  string
		value int64
	}{
		{"max tries", int64(c.MaxTries)}, {"dial timeout", int64(c.DialTimeout)}, {"read timeout", int64(c.ReadTimeout)},
		{"write timeout", int64(c.WriteTimeout)}, {"total timeout", int64(c.TotalTimeout)},
		{"max in flight", int64(c.MaxInFlight)}, {"max per region", int64(c.MaxPerRegion)}, {"retry percent", int64(c.RetryPercent)},
		{"retry burst", int64(c.RetryBurst)}, {"connections per address", int64(c.ConnectionsPerAddress)},
		{"write stall", int64(c.WriteStall)},
		{"replay limit", c.ReplayLimit}, {"replay budget", c.ReplayBudget},
		{"breaker failures", int64(c.BreakerFailures)}, {"breaker open", int64(c.BreakerOpen)},
		{"hedge burst", int64(c.HedgeBurst)}, {"hedge after", int64(c.HedgeAfter)}, {"slow start", int64(c.SlowStart)},
		{"stale bytes", c.StaleBytes},
	} {
		if number.value < 0 {
			fault("%s: it is below zero; leave it 0 for the default", number.name)
		}
	}
	return errors.Join(faults...)
}

func (c EdgeConfig) withDefaults() EdgeConfig {
	c.DefaultRegion = cmp.Or(c.DefaultRegion, c.Regions.Primary().Name)
	c.MaxTries = cmp.Or(c.MaxTries, 4)
	c.DialTimeout = cmp.Or(c.DialTimeout, 2*time.Second)
	c.ReadTimeout = cmp.Or(c.ReadTimeout, 5*time.Second)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, 20*time.Second)
	c.TotalTimeout = cmp.Or(c.TotalTimeout, 30*time.Second)
	c.ReplayLimit = cmp.Or(c.ReplayLimit, 1<<20)
	c.ReplayBudget = cmp.Or(c.ReplayBudget, 256<<20)
	c.MaxInFlight = cmp.Or(c.MaxInFlight, 2048)
	c.MaxPerRegion = cmp.Or(c.MaxPerRegion, 512)
	c.RetryPercent = cmp.Or(c.RetryPercent, 20)
	c.RetryBurst = cmp.Or(c.RetryBurst, 1000)
	c.ConnectionsPerAddress = cmp.Or(c.ConnectionsPerAddress, 512)
	c.WriteStall = cmp.Or(c.WriteStall, 30*time.Second)
	c.BreakerFailures = cmp.Or(c.BreakerFailures, 5)
	c.BreakerOpen = cmp.Or(c.BreakerOpen, time.Minute)
	if c.Breakers == nil {
		c.Breakers = []Breaker{{Path: "/recommendations", Failures: 3, Open: 30 * time.Second}}
	}
	c.HedgePercent = cmp.Or(c.HedgePercent, 5)
	c.HedgeBurst = cmp.Or(c.HedgeBurst, 20)
	c.HedgeAfter = cmp.Or(c.HedgeAfter, 100*time.Millisecond)
	c.SlowStart = cmp.Or(c.SlowStart, 30*time.Second)
	c.StaleBytes = cmp.Or(c.StaleBytes, 64<<20)
	if c.Meter == nil {
		c.Meter = noop.NewMeterProvider()
	}
	if c.Tracer == nil {
		c.Tracer = tracenoop.NewTracerProvider()
	}
	c.Log = cmp.Or(c.Log, slog.Default())
	return c
}
