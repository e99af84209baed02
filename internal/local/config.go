package local

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/account"
	"meridian/regions"
)

// The engines that Up can start.
const (
	EnginePostgres  = "postgres"
	EngineCockroach = "cockroach"
)

// Config configures a local shop. Regions is required.
type Config struct {
	Regions *regions.Set
	// Dir is the folder of the shop's data. Default DefaultDir.
	Dir string
	// Engine is the database to start: EnginePostgres (default) or EngineCockroach.
	Engine string
	// DatabaseURL uses a database that is already there instead.
	DatabaseURL string
	// EdgePort is the port for shoppers. The regions take the ports after it, in the order of
	// regions.Set.All, and the sandbox the next. 0 takes any free ones.
	EdgePort int
	// DatabasePort is where the database is started; 0 takes any free one.
	DatabasePort int
	// MeiliURLs are the Meilisearch servers of regions, by the region's name, and MeiliKeys their keys. The other regions
	// have an index in Dir.
	MeiliURLs, MeiliKeys map[string]string
	// Empty leaves the shop without the shipped catalogue.
	Empty bool
	// WAN puts the real distances between the regions, which each get an edge of their own, and lets `meridian lab` change
	// them.
	WAN bool
	// Standby is the region of a synchronous standby of the PostgreSQL that is started; "" for none. It needs WAN.
	Standby string
	// PayWithin is how long an order waits for its payment, CheckPaymentAfter when a worker
	// first asks what became of it; zero takes the order package's defaults.
	PayWithin, CheckPaymentAfter time.Duration
	// NoUnpaidLimits lets customers, guests and networks hold any number of units unpaid: for a shop that a machine buys in.
	NoUnpaidLimits bool
	// Tracer, if not nil, sees every statement.
	Tracer pgx.QueryTracer
	// Argon2 is the cost of hashing a password; zero takes the default.
	Argon2 account.Argon2
	// OTLPEndpoint takes the servers' traces and metrics; "" keeps no traces.
	OTLPEndpoint string
	// Log receives the servers' log lines, Out the messages for the terminal.
	Log *slog.Logger
	Out io.Writer
	// Version of the binary.
	Version string
}

const (
	// DefaultEdgePort is where shoppers go.
	DefaultEdgePort = 8080
	// DefaultDir is the folder of the shop's data.
	DefaultDir = ".meridian"
)

func (c Config) withDefaults() Config {
	c.Dir = cmp.Or(c.Dir, DefaultDir)
	c.Engine = cmp.Or(c.Engine, EnginePostgres)
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	if c.Out == nil {
		c.Out = io.Discard
	}
	return c
}

// Validate reports every fault at once.
func (c Config) Validate() error {
	var faults []error
	if c.Regions == nil {
		faults = append(faults, errors.New("the regions are missing"))
	}
	if c.Engine != "" && c.Engine != EnginePostgres && c.Engine != EngineCockroach {
		faults = append(faults, fmt.Errorf("engine %q is not known: use %s or %s", c.Engine, EnginePostgres, EngineCockroach))
	}
	if c.DatabaseURL != "" {
		if u, err := url.Parse(c.DatabaseURL); err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
			faults = append(faults, errors.New("database URL: want postgres://user:password@host:port/name"))
		}
	}
	for region := range c.MeiliURLs {
		if c.Regions == nil {
			break
		}
		if _, ok := c.Regions.Get(region); !ok {
			faults = append(faults, fmt.Errorf("a Meilisearch for region %q: use one of %s", region, strings.Join(c.Regions.Names(), ", ")))
		}
	}
	if c.EdgePort < 0 || c.EdgePort > 65_000 {
		faults = append(faults, fmt.Errorf("port %d: use 1 to 65000", c.EdgePort))
	}
	return errors.Join(append(faults, c.validateDistances()...)...)
}

// validateDistances reports what is wrong with WAN and Standby.
func (c Config) validateDistances() (faults []error) {
	if c.WAN && c.DatabaseURL == "" && c.Engine == EngineCockroach {
		faults = append(faults, errors.New("--wan: CockroachDB's nodes speak to each other directly, without distances; use --engine postgres"))
	}
	if c.Standby == "" || c.Regions == nil {
		return faults
	}
	if _, ok := c.Regions.Get(c.Standby); !ok || c.Standby == c.Regions.Primary().Name {
		faults = append(faults, fmt.Errorf("--standby %s: use a region other than the primary one: %s", c.Standby,
			strings.Join(c.Regions.Names()[1:], ", ")))
	}
	if !c.WAN || c.DatabaseURL != "" {
		faults = append(faults, errors.New("--standby: it needs --wan, and the PostgreSQL that meridian up starts (no --database-url)"))
	}
	return faults
}
