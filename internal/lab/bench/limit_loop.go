package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"meridian/internal/database"
)

// bareLoop sends statements to the database, again and again on some connections, and does
// nothing else: the limit of what a shop can reach with the same rows.
type bareLoop struct {
	url  string
	seed uint64
	// once does it once. What it returns, if anything, is to be sent when nobody measures.
	once func(ctx context.Context, conn *pgx.Conn, r *rand.Rand) (afterwards func(*pgx.Batch), err error)
	// Statements and Rows are what one operation sends and writes.
	Statements, Rows int

	conns []*pgx.Conn
	best  int // how many of them are used
	sweep []Sweep
}

// Sweep is what a bare loop reached on a number of connections.
type Sweep struct {
	Connections int     `json:"connections"`
	PerSecond   float64 `json:"per_second"`
}

// open makes the connections, and finds out how many of them, out of some numbers, serve
// best: the limit is the best that can be had.
func (l *bareLoop) open(ctx context.Context, numbers []int, each time.Duration) error {
	for range slices.Max(numbers) {
		conn, err := l.connect(ctx)
		if err != nil {
			return err
		}
		l.conns = append(l.conns, conn)
	}
	var most float64
	for _, n := range numbers {
		if _, err := l.run(ctx, n, each/4); err != nil { // prepares the statements
			return err
		}
		lapped, err := l.run(ctx, n, each)
		if err != nil {
			return err
		}
		rate := float64(lapped.tally.done) / lapped.elapsed.Seconds()
		l.sweep = append(l.sweep, Sweep{Connections: n, PerSecond: rate})
		if rate > most {
			most, l.best = rate, n
		}
	}
	return nil
}

// connect opens a connection with the settings of the shop's own.
func (l *bareLoop) connect(ctx context.Context) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(l.url)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	config.RuntimeParams["application_name"] = "meridian-bench-limit"
	config.RuntimeParams["TimeZone"] = "UTC"
	config.RuntimeParams["default_transaction_isolation"] = "serializable"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect for the bare statements: %w", err)
	}
	return conn, nil
}

func (l *bareLoop) close() {
	for _, conn := range l.conns {
		_ = conn.Close(context.Background()) // what was sent is committed; there is nothing to lose
	}
	l.conns = nil
}

// lap is what one connection, or all of them together, did.
type lap struct {
	tally      *tally
	elapsed    time.Duration
	conflicts  int // transactions that were run again
	afterwards []func(*pgx.Batch)
	err        error
}

// run loops on n connections for d. Conflicts are tried again at once; they are part of the
// time.
func (l *bareLoop) run(ctx context.Context, n int, d time.Duration) (lap, error) {
	started := time.Now()
	laps := make([]lap, n)
	var running sync.WaitGroup
	for i := range laps {
		running.Go(func() {
			r := rand.New(rand.NewPCG(l.seed, uint64(started.UnixNano())+uint64(i)))
			laps[i] = l.lap(ctx, l.conns[i], r, started.Add(d))
		})
	}
	running.Wait()
	all := lap{tally: newTally(), elapsed: time.Since(started)}
	var faults []error
	for i, one := range laps {
		all.tally.add(one.tally)
		all.conflicts += one.conflicts
		// One after the other: many at once would wait for each other's stock rows in circles.
		faults = append(faults, one.err, l.finish(ctx, l.conns[i], one.afterwards))
	}
	return all, errors.Join(faults...)
}

func (l *bareLoop) lap(ctx context.Context, conn *pgx.Conn, r *rand.Rand, until time.Time) lap {
	p := lap{tally: newTally()}
	for began := time.Now(); began.Before(until); began = time.Now() {
		afterwards, err := l.once(ctx, conn, r)
		for isConflict(err) {
			p.conflicts++
			afterwards, err = l.once(ctx, conn, r)
		}
		if err != nil {
			p.err = err
			return p
		}
		p.tally.operation(time.Since(began), nil)
		if afterwards != nil {
			p.afterwards = append(p.afterwards, afterwards)
		}
	}
	return p
}

// finishedAtOnce is how many operations one transaction finishes.
const finishedAtOnce = 50

// finish sends what is left to do of the operations, outside the measured time.
func (l *bareLoop) finish(ctx context.Context, conn *pgx.Conn, afterwards []func(*pgx.Batch)) error {
	for len(afterwards) > 0 {
		n := min(len(afterwards), finishedAtOnce)
		err := send(ctx, conn, func(b *pgx.Batch) {
			for _, queue := range afterwards[:n] {
				queue(b)
			}
		})
		if isConflict(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("finish bare statements: %w", err)
		}
		afterwards = afterwards[n:]
	}
	return nil
}

// isConflict reports whether the transaction lost against another and is to be run again.
func isConflict(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && (refused.Code == "40001" || refused.Code == "40P01") || database.IsRowLockRace(err)
}
