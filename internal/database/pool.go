package database

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
)

// DB is one process's pool of connections to the shop's database.
type DB struct {
	pool        *pgxpool.Pool
	engine      Engine
	region      string
	maxAttempts int
	metrics     metrics
	answered    *atomic.Int64 // when the server last answered, in Unix nanoseconds
}

// Open connects, asks the server which engine it is, and returns the pool. The caller
// closes it.
func Open(ctx context.Context, config Config) (*DB, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	config = config.withDefaults()
	answered := new(atomic.Int64)
	poolConfig, err := config.pool(answered)
	if err != nil {
		return nil, err
	}
	metrics, err := newMetrics(config.MeterProvider)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, poolConfig)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", config.RedactedURL(), err)
	}
	db := &DB{pool: pool, engine: PostgreSQL, region: config.Region, maxAttempts: config.MaxAttempts, metrics: metrics, answered: answered}
	var isCockroach bool
	if err := pool.QueryRow(ctx, EngineQuery).Scan(&isCockroach); err != nil {
		pool.Close()
		return nil, fmt.Errorf("connect to database %s: %w", config.RedactedURL(), err)
	}
	if isCockroach {
		db.engine = CockroachDB
	}
	return db, nil
}

func (c Config) pool(answered *atomic.Int64) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	config.MaxConns = c.MaxConns
	config.MaxConnLifetime = 30 * time.Minute
	config.MaxConnLifetimeJitter = 3 * time.Minute
	config.MaxConnIdleTime = 30 * time.Minute
	// A check of each connection before use would be a hidden round trip: only those
	// that were idle for long enough for a firewall to forget them are checked.
	config.ShouldPing = func(_ context.Context, p pgxpool.ShouldPingParams) bool {
		return p.IdleDuration > time.Minute
	}
	params := config.ConnConfig.RuntimeParams
	params["application_name"] = c.ApplicationName
	params["TimeZone"] = "UTC"
	params["default_transaction_isolation"] = "serializable"
	params["statement_timeout"] = milliseconds(c.StatementTimeout)
	params["idle_in_transaction_session_timeout"] = milliseconds(c.IdleInTransactionTimeout)
	// A cancelled context cancels the statement on the server and keeps the connection.
	config.ConnConfig.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: 3 * time.Second}
	}
	tracers := []pgx.QueryTracer{tripTracer{answered}, c.tracing()}
	if c.Tracer != nil {
		tracers = append(tracers, c.Tracer)
	}
	config.ConnConfig.Tracer = multitracer.New(tracers...)
	return config, nil
}

// tracing makes a span and a measurement of each statement, without its arguments.
func (c Config) tracing() *otelpgx.Tracer {
	return otelpgx.NewTracer(
		otelpgx.WithTracerProvider(c.TracerProvider),
		otelpgx.WithMeterProvider(c.MeterProvider),
	)
}

func milliseconds(d time.Duration) string {
	return strconv.FormatInt(d.Milliseconds(), 10)
}

// Close waits for the connections in use and closes them all.
func (db *DB) Close() { db.pool.Close() }

// Engine is the server's kind.
func (db *DB) Engine() Engine { return db.engine }

// Region is the name of the region this process serves.
func (db *DB) Region() string { return db.region }

// answeredLately is how fresh an answer of the server must be to show that it is there.
const answeredLately = 2 * time.Second

// Reachable returns nil if the server answers: it does where it answered any statement in
// the last two seconds, so that a pool whose connections are all busy is not mistaken for
// a database that is away; else it is asked, in one round trip.
func (db *DB) Reachable(ctx context.Context) error {
	if err := refuseInTx(ctx); err != nil {
		return err
	}
	if time.Since(time.Unix(0, db.answered.Load())) < answeredLately {
		return nil
	}
	return db.pool.Ping(ctx)
}
