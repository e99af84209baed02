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

// bareLoop sends statements to the database, again and again on several connections, and does
// nothing else: it measures what a shop with the same rows could reach.
type bareLoop struct {
	url  string
	seed uint64
	// once does one operation. What it returns, if anything, is sent when nobody measures.
	once func(ctx context.Context, conn *pgx.Conn, r *rand.Rand) (afterwards func(*database.Batch), err error)
	// Statements and Rows are how many statements one operation sends, and how many rows it
	// writes.
	Statements, Rows int

	conns []*pgx.Conn
	best  int // the number of connections in use
	sweep []Sweep
}

// Sweep holds what a bare loop reached on a number of connections.
type Sweep struct {
	Connections int     `json:"connections"`
	PerSecond   float64 `json:"per_second"`
}

// open connects, and chooses out of several numbers of connections the one that serves best.
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
		var warmUp, s sample
		if err := l.run(ctx, n, each/4, &warmUp); err != nil { // prepares the statements
			return err
		}
		if err := l.run(ctx, n, each, &s); err != nil {
			return err
		}
		l.sweep = append(l.sweep, Sweep{Connections: n, PerSecond: s.perSecond()})
		if s.perSecond() > most {
			most, l.best = s.perSecond(), n
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

// lap holds what one connection did.
type lap struct {
	conflicts  int // transactions that were run again
	afterwards []func(*database.Batch)
	err        error
}

// run loops on n connections for d and adds what was done to s. Conflicts are tried again at
// once, as part of the time.
func (l *bareLoop) run(ctx context.Context, n int, d time.Duration, s *sample) error {
	s.begin()
	started := time.Now()
	laps := make([]lap, n)
	var running sync.WaitGroup
	for i := range laps {
		running.Go(func() {
			r := rand.New(rand.NewPCG(l.seed, uint64(started.UnixNano())+uint64(i)))
			laps[i] = l.lap(ctx, l.conns[i], r, s.tally, started.Add(d))
		})
	}
	running.Wait()
	s.elapsed += time.Since(started)
	s.done = s.tally.done
	var faults []error
	for i, one := range laps {
		s.conflicts += one.conflicts
		// One after the other: many at once would wait for each other's stock rows in circles.
		faults = append(faults, one.err, l.finish(ctx, l.conns[i], one.afterwards))
	}
	return errors.Join(faults...)
}

func (l *bareLoop) lap(ctx context.Context, conn *pgx.Conn, r *rand.Rand, t *tally, until time.Time) (p lap) {
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
		t.operation(time.Since(began), nil)
		if afterwards != nil {
			p.afterwards = append(p.afterwards, afterwards)
		}
	}
	return p
}

// finishedAtOnce is the number of operations that one transaction finishes.
const finishedAtOnce = 50

// finish sends what is left to do of the operations, outside the measured time.
func (l *bareLoop) finish(ctx context.Context, conn *pgx.Conn, afterwards []func(*database.Batch)) error {
	for len(afterwards) > 0 {
		n := min(len(afterwards), finishedAtOnce)
		err := send(ctx, conn, func(b *database.Batch) {
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

// send sends statements as one transaction in one round trip.
func send(ctx context.Context, conn *pgx.Conn, queue func(*database.Batch)) error {
	var b database.Batch
	queue(&b)
	return conn.SendBatch(ctx, &b.Batch).Close()
}

// isConflict reports whether the transaction lost against another and is to be run again.
func isConflict(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && (refused.Code == "40001" || refused.Code == "40P01") || database.IsRowLockRace(err)
}

// sweepShare is the part of the measured time for which each number of connections is tried.
const sweepShare = 10

// statementLimit opens a loop of bare statements and returns it as a limit.
func (r *run) statementLimit(ctx context.Context, loop *bareLoop, about string) (limit, error) {
	if err := loop.open(ctx, r.Connections, r.Duration/sweepShare); err != nil {
		loop.close()
		return limit{}, err
	}
	part := func(ctx context.Context, d time.Duration, s *sample) error {
		return r.meter.during(s, func() error { return loop.run(ctx, loop.best, d, s) })
	}
	return limit{about: about, part: part, close: loop.close, loop: loop}, nil
}
