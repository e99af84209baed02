package database

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// Config says how to reach the database. The zero value of every field but URL is usable.
type Config struct {
	// URL is a postgres:// or postgresql:// connection URL.
	URL string
	// Region is the name of the region this process serves.
	Region string
	// Regions is the names of all regions. With them, CountTrips tells which statements leave the region.
	Regions []string
	// ApplicationName is shown in the server's activity views. Default "meridian".
	ApplicationName string
	// MaxConns bounds the pool. CockroachDB wants about four active connections a CPU of a
	// region's nodes, shared by all pods; default 8.
	MaxConns int32
	// StatementTimeout ends a statement on the server. Default 10 s on PostgreSQL, 30 s on CockroachDB.
	StatementTimeout time.Duration
	// GroupTimeout bounds the service of a group of calls (GroupLimits.Timeout). Default 4 s on PostgreSQL; 10 s on
	// CockroachDB, where a commit waits for other regions, and longer where GLOBAL tables are written.
	GroupTimeout time.Duration
	// IdleInTransactionTimeout ends a session that holds a transaction open and idle. Default 10 s.
	IdleInTransactionTimeout time.Duration
	// MaxAttempts bounds how often one transaction is run. Default 40; the caller's deadline
	// usually ends it sooner.
	MaxAttempts int
	// Tracer, if not nil, sees every statement besides the built-in tracing.
	Tracer pgx.QueryTracer
	// TracerProvider and MeterProvider take the spans and metrics of statements, without
	// their arguments; nil means OpenTelemetry's global ones.
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider
}

func (c Config) withDefaults() Config {
	if c.ApplicationName == "" {
		c.ApplicationName = "meridian"
	}
	if c.MaxConns == 0 {
		c.MaxConns = 8
	}
	if c.IdleInTransactionTimeout == 0 {
		c.IdleInTransactionTimeout = 10 * time.Second
	}
	if c.MaxAttempts == 0 {
		c.MaxAttempts = 40
	}
	if c.TracerProvider == nil {
		c.TracerProvider = otel.GetTracerProvider()
	}
	if c.MeterProvider == nil {
		c.MeterProvider = otel.GetMeterProvider()
	}
	return c
}

// Validate returns everything that is wrong with the configuration, all at once.
func (c Config) Validate() error {
	var faults []error
	if u, err := url.Parse(c.URL); err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		faults = append(faults, errors.New("database URL (--database-url, MERIDIAN_DATABASE_URL): want postgres://user:password@host:port/name"))
	}
	if c.MaxConns < 0 {
		faults = append(faults, fmt.Errorf("database connections: %d is negative", c.MaxConns))
	}
	if c.StatementTimeout < 0 || c.GroupTimeout < 0 || c.IdleInTransactionTimeout < 0 {
		faults = append(faults, errors.New("database timeouts must not be negative"))
	}
	if c.MaxAttempts < 0 {
		faults = append(faults, fmt.Errorf("database attempts: %d is negative", c.MaxAttempts))
	}
	return errors.Join(faults...)
}

// RedactedURL returns the connection URL without its passwords, for logs.
func (c Config) RedactedURL() string {
	u, err := url.Parse(c.URL)
	if err != nil {
		return "(not a URL)"
	}
	query := u.Query()
	for _, secret := range []string{"password", "sslpassword"} {
		if query.Has(secret) {
			query.Set(secret, "xxxxx")
			u.RawQuery = query.Encode()
		}
	}
	return u.Redacted()
}
