package dns

import (
	"cmp"
	"log/slog"
	"net/netip"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"meridian/regions"
)

// A Config configures a Server. File and Set must be set.
type Config struct {
	// File is the path of the zone's file; see File for what it holds.
	File string
	// Set is every region of the shop, by which clients' countries are ranked.
	Set *regions.Set
	// Regions returns the states of the regions. It is called about ten times a second, and must not block. Nil takes the
	// regions that the file lists, with their probes.
	Regions func() []RegionState
	// Decide returns the state of a region after what is known of it elsewhere, such as that operators drained it. It is called
	// as often, and must not block. Nil changes nothing.
	Decide func(RegionState) RegionState
	// CookieSecret keys the server cookies. Servers that answer at the same address must share it. Zero means that one is
	// drawn at random.
	CookieSecret [16]byte
	// Meter takes the metrics; nil means that none are recorded.
	Meter metric.MeterProvider
	// Log receives a line when the file is read anew and when a region goes down, or comes back; nil means slog's default.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Meter == nil {
		c.Meter = noop.NewMeterProvider()
	}
	c.Log = cmp.Or(c.Log, slog.Default())
	return c
}

// A RegionState is what the server needs to know of a region.
type RegionState struct {
	// Region is its name, one of the Set's.
	Region string
	// Addresses are where its edges or load balancers listen, IPv4 and IPv6.
	Addresses []netip.Addr
	// Target is a host name for names that are answered by CNAME. It may be empty.
	Target string
	// Healthy says that it can serve.
	Healthy bool
	// Drained says that it is to get no new clients.
	Drained bool
	// Weight is the share, in percent, that it takes of the clients that it is nearest to: 0 to 100.
	Weight int
}

// Bounds of what a file may ask for.
const (
	// maxRegions keeps the order of regions in 64 bits, four for each.
	maxRegions   = 15
	maxAddresses = 16
	maxRecords   = 10_000
	maxFileBytes = 4 << 20
	maxTTL       = 7 * 24 * time.Hour
	// A latency answer must not be cached for much longer than it takes to drain a region.
	minLatencyTTL, maxLatencyTTL = time.Second, time.Hour
)
