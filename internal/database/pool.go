package database

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"
)

// DB is one process's pool of connections to the shop's database.
type DB struct {
	pool         *pgxpool.Pool
	engine       Engine
	region       string
	maxAttempts  int
	groupTimeout time.Duration
	metrics      metrics
	answered     *atomic.Int64 // when the server last answered, in Unix nanoseconds
}

// Open connects, asks the server which engine it is, and returns the pool. It refuses a server that
// is too old (EngineOf). The caller closes the pool.
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
	db := &DB{pool: pool, region: config.Region, maxAttempts: config.MaxAttempts, metrics: metrics, answered: answered}
	if db.engine, err = engineOf(ctx, pool); err != nil {
		pool.Close()
		return nil, fmt.Errorf("connect to database %s: %w", config.RedactedURL(), err)
	}
	db.groupTimeout = cmp.Or(config.GroupTimeout, db.engine.groupTimeout())
	if err := config.watch(pool); err != nil {
		pool.Close()
		return nil, err
	}
	return db, nil
}

func engineOf(ctx context.Context, pool *pgxpool.Pool) (Engine, error) {
	var version string
	if err := pool.QueryRow(ctx, VersionQuery).Scan(&version); err != nil {
		return "", err
	}
	return EngineOf(version)
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
	params["statement_timeout"] = milliseconds(cmp.Or(c.StatementTimeout, PostgreSQL.statementTimeout()))
	params["idle_in_transaction_session_timeout"] = milliseconds(c.IdleInTransactionTimeout)
	// A cancelled context cancels the statement on the server and keeps the connection.
	config.ConnConfig.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: 3 * time.Second}
	}
	config.AfterConnect = c.settle
	tracers := []pgx.QueryTracer{newTripTracer(c, answered), c.tracing()}
	if c.Tracer != nil {
		tracers = append(tracers, c.Tracer)
	}
	config.ConnConfig.Tracer = multitracer.New(tracers...)
	return config, nil
}

// settle gives a new connection the settings that depend on the engine, which only the connection tells.
func (c Config) settle(ctx context.Context, conn *pgx.Conn) error {
	if conn.PgConn().ParameterStatus("crdb_version") == "" {
		return planByKeys(ctx, conn)
	}
	if c.StatementTimeout != 0 {
		return nil
	}
	_, err := conn.PgConn().Exec(ctx, `SET statement_timeout = `+milliseconds(CockroachDB.statementTimeout())).ReadAll()
	return err
}

// planByKeys makes PostgreSQL plan each statement once a connection's life, by its keys.
// Everything a shopper waits for reads a few rows by an index, but left to itself the planner
// plans a statement that takes arrays anew each time, since it hopes for short ones, which
// costs more than running it; and a plan made when the tables were small reads, and under
// SERIALIZABLE locks, the whole of a table that has long grown. CockroachDB needs no telling:
// its plans follow its statistics.
func planByKeys(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.PgConn().Exec(ctx, `
SET jit = off; -- its compiler takes what such a plan is said to cost for a reason to start
SET plan_cache_mode = force_generic_plan;
SET enable_seqscan = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET max_parallel_workers_per_gather = 0`).ReadAll()
	return err
}

// tracing makes a span and a measurement of each statement, without its arguments. Where the
// server is, the process's own settings say: it is not repeated in each span.
func (c Config) tracing() *otelpgx.Tracer {
	return otelpgx.NewTracer(
		otelpgx.WithTracerProvider(c.TracerProvider),
		otelpgx.WithMeterProvider(c.MeterProvider),
		otelpgx.WithMetricOperationName(operationOf),
		otelpgx.WithDisableConnectionDetailsInAttributes(),
	)
}

// operations are the kinds of statement that metrics tell apart: any other word is not one
// of the shop's and counts as "OTHER".
var operations = []string{"SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "SET", "BEGIN", "COMMIT", "ROLLBACK"}

func operationOf(_ context.Context, sql string) string {
	word := strings.TrimLeft(sql, " \n\t")
	if end := strings.IndexAny(word, " \n\t;"); end >= 0 {
		word = word[:end]
	}
	for _, known := range operations {
		if strings.EqualFold(word, known) {
			return known
		}
	}
	return "OTHER"
}

// watch measures the pool: connections in use, and how long callers waited for one.
func (c Config) watch(pool *pgxpool.Pool) error {
	err := otelpgx.RecordStats(pool,
		otelpgx.WithStatsMeterProvider(c.MeterProvider),
		otelpgx.WithStatsAttributes(semconv.DBClientConnectionPoolName(c.ApplicationName)),
	)
	if err != nil {
		return fmt.Errorf("measure the pool: %w", err)
	}
	return nil
}

func milliseconds(d time.Duration) string {
	return strconv.FormatInt(d.Milliseconds(), 10)
}

// Close waits for the connections in use and closes them all.
func (db *DB) Close() { db.pool.Close() }

// Engine returns the server's kind.
func (db *DB) Engine() Engine { return db.engine }

// GroupTimeout returns how long the service of a group of calls may take (GroupLimits.Timeout): Config.GroupTimeout, or
// the engine's default.
func (db *DB) GroupTimeout() time.Duration { return db.groupTimeout }

// Region returns the name of the region this process serves.
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
