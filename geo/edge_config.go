package geo

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"meridian/regions"
)

// A Target is the address of a region.
type Target struct {
	// Region is the region's name.
	Region string
	// URL is scheme and host alone, for example http://127.0.0.1:8081.
	URL *url.URL
}

// EdgeConfig configures an Edge. Regions and Targets must be set; other zero fields take the default named at each.
type EdgeConfig struct {
	// Regions is every region of the shop.
	Regions *regions.Set
	// Targets are the regions the edge can reach, at most one for each region.
	Targets []Target
	// Locator says how clients are located.
	Locator LocatorConfig
	// DefaultRegion is asked first for clients whose country is not known; the primary region.
	DefaultRegion string
	// AccessTokenCookie is the cookie that carries the access token where there is no Authorization header; none.
	AccessTokenCookie string

	// MaxTries bounds how many regions one request is sent to; 3.
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
	// MaxPerRegion is how many of them, and connections, one region gets; 512. More go to the next region.
	MaxPerRegion int
	// RetryPercent is how many further tries there may be for 100 requests, spill-over of a region that is full included; 20.
	// RetryBurst of them, 1000, may come at once: those that waited for a region when it was lost.
	RetryPercent, RetryBurst int
	// ConnectionsPerAddress is how many connections one client address may have open; 512. Trusted proxies may have any
	// number.
	ConnectionsPerAddress int
	// WriteStall is how long a client may take to read the next part of an answer; 30 s.
	WriteStall time.Duration

	// BreakerFailures in a row (no connection, or no answer in time) open a region's circuit; 5.
	BreakerFailures int
	// BreakerOpen is how long the circuit then stays open before one request may try again; 5 s.
	BreakerOpen time.Duration
	// Health says how regions are probed.
	Health HealthConfig

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

// HealthConfig says how regions are probed. Zero fields take the default named at each.
type HealthConfig struct {
	// Path answers 200 where a region is ready; /readyz.
	Path string
	// Interval between two probes of a region; 2 s.
	Interval time.Duration
	// Timeout of a probe; 2 s.
	Timeout time.Duration
	// DownAfter failed probes in a row mark a region down; 2. One that succeeds marks it up.
	DownAfter int
}

// Validate reports every fault of the configuration at once.
func (c EdgeConfig) Validate() error {
	if c.Regions == nil {
		return errors.New("regions are missing")
	}
	faults := []error{c.Locator.Validate(c.Regions)}
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if len(c.Targets) == 0 {
		fault("targets: there is none; list where at least one region answers")
	}
	seen := make(map[string]bool)
	for _, target := range c.Targets {
		if _, ok := c.Regions.Get(target.Region); !ok {
			fault("targets: there is no region %q; use one of %v", target.Region, c.Regions.Names())
		}
		if seen[target.Region] {
			fault("targets: region %s is listed twice; put a load balancer in front of its pods", target.Region)
		}
		seen[target.Region] = true
		if !isOrigin(target.URL) {
			fault("targets: the URL of %s must be scheme and host alone, like https://eu-west.example", target.Region)
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
		{"health interval", int64(c.Health.Interval)}, {"health timeout", int64(c.Health.Timeout)},
		{"health down after", int64(c.Health.DownAfter)},
	} {
		if number.value < 0 {
			fault("%s: it is below zero; leave it 0 for the default", number.name)
		}
	}
	return errors.Join(faults...)
}

// isOrigin reports whether the URL is a scheme and a host alone.
func isOrigin(u *url.URL) bool {
	return u != nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil &&
		(u.Path == "" || u.Path == "/") && u.RawQuery == "" && u.Fragment == ""
}

func (c EdgeConfig) withDefaults() EdgeConfig {
	c.DefaultRegion = cmp.Or(c.DefaultRegion, c.Regions.Primary().Name)
	c.MaxTries = cmp.Or(c.MaxTries, 3)
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
	c.BreakerOpen = cmp.Or(c.BreakerOpen, 5*time.Second)
	c.Health.Path = cmp.Or(c.Health.Path, "/readyz")
	c.Health.Interval = cmp.Or(c.Health.Interval, 2*time.Second)
	c.Health.Timeout = cmp.Or(c.Health.Timeout, 2*time.Second)
	c.Health.DownAfter = cmp.Or(c.Health.DownAfter, 2)
	if c.Meter == nil {
		c.Meter = noop.NewMeterProvider()
	}
	if c.Tracer == nil {
		c.Tracer = tracenoop.NewTracerProvider()
	}
	c.Log = cmp.Or(c.Log, slog.Default())
	return c
}
