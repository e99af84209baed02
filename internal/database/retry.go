package database

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/cockroachdb/cockroach-go/v2/crdb"
	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// ErrOutcomeUnknown is returned when the connection was lost, or the server could not
// say, after a transaction may have committed. Repeating the call with the same
// idempotency key finds out.
var ErrOutcomeUnknown = errors.New("the outcome of the transaction is unknown")

// RetriesExhaustedError is returned when a transaction kept losing to others.
type RetriesExhaustedError struct {
	Attempts int
	Err      error
}

func (e *RetriesExhaustedError) Error() string {
	return fmt.Sprintf("gave up after %d attempts: %v", e.Attempts, e.Err)
}

func (e *RetriesExhaustedError) Unwrap() error { return e.Err }

type repeatable bool

const (
	safeToRepeat    repeatable = true
	notSafeToRepeat repeatable = false
)

// maxLost bounds how often a call is run again after a lost connection, or for want of
// one: enough for a pool's stale connections, not for a server that is down.
const maxLost = 4

// retry runs fn until it succeeds, fails for good, has been tried maxAttempts times or
// ctx ends. fn may run more than once. What is run again: serialization failures and
// deadlocks (nothing happened), a connection that failed before anything was sent, and,
// where repeat allows it, an unknown outcome. Waits grow from 2 ms to 250 ms, jittered.
func (db *DB) retry(ctx context.Context, repeat repeatable, fn func(ctx context.Context) error) error {
	if err := refuseInTx(ctx); err != nil {
		return err
	}
	lost := 0
	for attempt := 1; ; attempt++ {
		err := fn(ctx)
		reason := whyAgain(err)
		switch {
		case err == nil || reason == finalOutcome:
			return err
		case reason == unknownOutcome && (!bool(repeat) || lost == maxLost):
			return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
		case reason == notSent && lost == maxLost:
			return err
		case attempt == db.maxAttempts:
			db.metrics.exhausted.Add(ctx, 1)
			return &RetriesExhaustedError{Attempts: attempt, Err: err}
		}
		if reason != conflict {
			lost++
		}
		db.metrics.retries.Add(ctx, 1, metric.WithAttributes(attribute.String("reason", string(reason))))
		if !sleep(ctx, backoff(attempt)) {
			db.metrics.exhausted.Add(ctx, 1)
			return &RetriesExhaustedError{Attempts: attempt, Err: errors.Join(ctx.Err(), err)}
		}
	}
}

type againReason string

const (
	finalOutcome   againReason = ""
	conflict       againReason = "conflict"
	notSent        againReason = "not_sent"
	unknownOutcome againReason = "unknown_outcome"
)

// whyAgain classifies an error by SQLSTATE; see the table of codes in the PostgreSQL
// manual, appendix A, and CockroachDB's "Transaction retry error reference".
func whyAgain(err error) againReason {
	var pgErr *pgconn.PgError
	var ambiguous *crdb.AmbiguousCommitError
	var connect *pgconn.ConnectError
	switch {
	case err == nil:
		return finalOutcome
	case errors.As(err, &ambiguous):
		return unknownOutcome
	case errors.As(err, &pgErr):
		switch pgErr.Code {
		case "40001", "40P01":
			return conflict
		case "40003", "57P01", "57P02":
			return unknownOutcome
		case "XX000":
			if IsRowLockRace(err) {
				return conflict
			}
		}
		return finalOutcome
	case errors.Is(err, pgconn.ErrConnClosed): // pgx calls this safe to retry, and says it when COMMIT's answer was lost
		return unknownOutcome
	case pgconn.SafeToRetry(err), errors.As(err, &connect):
		return notSent
	case isConnectionLoss(err):
		return unknownOutcome
	}
	if strings.Contains(err.Error(), "SQLSTATE 40001") {
		slog.Error("a serialization failure was wrapped without %w and is not retried", "error", err.Error())
	}
	return finalOutcome
}

// IsRowLockRace recognises the internal error by which PostgreSQL gives up a transaction that
// locks a row, at the very moment in which two others that held it end. It is a conflict like
// any other, and its text is all that tells it from a fault of the server.
func IsRowLockRace(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == "XX000" && strings.HasPrefix(pgErr.Message,
		"new multixact has more than one updating member")
}

// isConnectionLoss reports whether err is one by which pgconn tells of a connection that broke
// under a statement.
func isConnectionLoss(err error) bool {
	var network net.Error
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	return errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, pgconn.ErrConnClosed)
}

// backoff returns how long to wait after the n-th attempt: a random share of an interval that
// doubles from 2 ms up to 250 ms.
func backoff(attempt int) time.Duration {
	interval := min(2*time.Millisecond<<min(attempt, 10), 250*time.Millisecond)
	return rand.N(interval) + time.Millisecond/4
}

// sleep waits for d and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

type metrics struct{ retries, exhausted metric.Int64Counter }

// newMetrics makes the counters, which begin at 0 so that the first increase shows.
func newMetrics(provider metric.MeterProvider) (metrics, error) {
	meter := provider.Meter("meridian/database")
	retries, err := meter.Int64Counter("meridian.database.retries",
		metric.WithDescription("Transactions run again, by reason"))
	exhausted, err2 := meter.Int64Counter("meridian.database.retries_exhausted",
		metric.WithDescription("Transactions given up because they kept losing to others or their time was over"))
	if err := errors.Join(err, err2); err != nil {
		return metrics{}, fmt.Errorf("measure retries: %w", err)
	}
	for _, reason := range []againReason{conflict, notSent, unknownOutcome} {
		retries.Add(context.Background(), 0, metric.WithAttributes(attribute.String("reason", string(reason))))
	}
	exhausted.Add(context.Background(), 0)
	return metrics{retries: retries, exhausted: exhausted}, nil
}
