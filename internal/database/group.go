package database

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// ErrBusy is returned when as many calls wait for a shared transaction as may.
var ErrBusy = errors.New("too many calls are waiting for the database")

// Group lets concurrent calls share a transaction (group commit). Calls of one lane are
// served first come first served, one group at a time: the first call runs at once and
// alone, and those that arrive while it runs are the next group. So a lone call is never
// held up, and the busier the lane, the more calls share a commit and the locks it holds.
//
// A lane's groups never wait for each other's locks, since they never run at once. Calls
// whose rows live in different regions belong in different lanes, so that a commit in a
// region that is slow or away holds up those alone who need it.
type Group[T any] struct {
	limits GroupLimits
	run    func(ctx context.Context, calls []T)

	mu    sync.Mutex
	lanes map[string]*lane[T] // those with calls that wait or run
}

// GroupLimits bounds a Group. Zero fields take the defaults.
type GroupLimits struct {
	// Size is how many calls share a transaction at most; 32.
	Size int
	// Waiting is how many calls of a lane may wait; 1024. More are refused with ErrBusy.
	Waiting int
	// Timeout bounds one group's attempt, which no single caller's context ends; 4 seconds.
	Timeout time.Duration
}

func (l GroupLimits) withDefaults() GroupLimits {
	if l.Size == 0 {
		l.Size = 32
	}
	if l.Waiting == 0 {
		l.Waiting = 1024
	}
	if l.Timeout == 0 {
		l.Timeout = 4 * time.Second
	}
	return l
}

type lane[T any] struct{ waiting []*member[T] }

// member is one caller and the call it made.
type member[T any] struct {
	ctx  context.Context
	call T
	done chan struct{} // closed when err and trips are set and the call has its result
	err  error
	trip int64
}

// NewGroup makes a group whose calls run serves. It is given each call once, and leaves
// every call's own result, an error of its own included, in the call: T is a pointer.
func NewGroup[T any](limits GroupLimits, run func(ctx context.Context, calls []T)) *Group[T] {
	return &Group[T]{limits: limits.withDefaults(), run: run, lanes: make(map[string]*lane[T])}
}

// Do hands a call to a lane and waits until it has been served; the call then holds its
// result. Errors: ErrBusy, with which nothing has happened, and ErrOutcomeUnknown when ctx
// ended first; the call then still belongs to the group, and the caller must not touch it.
// A call whose context ends before its group starts is never served.
func (g *Group[T]) Do(ctx context.Context, laneName string, call T) error {
	m := &member[T]{ctx: ctx, call: call, done: make(chan struct{})}
	if err := g.join(laneName, m); err != nil {
		return err
	}
	select {
	case <-m.done:
		addTrips(ctx, m.trip)
		return m.err
	case <-ctx.Done():
	}
	select {
	case <-m.done: // at the same moment
		return m.err
	default:
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, ctx.Err())
	}
}

func (g *Group[T]) join(name string, m *member[T]) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	l, serving := g.lanes[name]
	if !serving {
		l = new(lane[T])
		g.lanes[name] = l
	}
	if len(l.waiting) == g.limits.Waiting {
		l.waiting = slices.DeleteFunc(l.waiting, func(m *member[T]) bool { return m.ctx.Err() != nil })
	}
	if len(l.waiting) == g.limits.Waiting {
		return ErrBusy
	}
	l.waiting = append(l.waiting, m)
	if !serving {
		go g.serve(name, l)
	}
	return nil
}

// serve runs a lane's groups until nobody waits.
func (g *Group[T]) serve(name string, l *lane[T]) {
	for {
		group := g.next(name, l)
		if group == nil {
			return
		}
		g.serveGroup(group)
	}
}

// next takes the longest waiting calls whose callers still do. It ends the lane when none
// is left.
func (g *Group[T]) next(name string, l *lane[T]) []*member[T] {
	g.mu.Lock()
	defer g.mu.Unlock()
	var group []*member[T]
	for len(l.waiting) > 0 && len(group) < g.limits.Size {
		m := l.waiting[0]
		l.waiting = l.waiting[1:]
		if m.ctx.Err() == nil {
			group = append(group, m)
		}
	}
	if group == nil {
		delete(g.lanes, name)
	}
	return group
}

func (g *Group[T]) serveGroup(group []*member[T]) {
	ctx, cancel := g.Again(group[0].ctx)
	defer cancel()
	ctx, trips := countAfresh(ctx)
	calls := make([]T, len(group))
	for i, m := range group {
		calls[i] = m.call
	}
	err := g.runSafely(ctx, calls)
	for _, m := range group {
		m.err, m.trip = err, trips.Count()
		close(m.done)
	}
}

// runSafely makes an error of a panic: the lane has others to serve.
func (g *Group[T]) runSafely(ctx context.Context, calls []T) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			slog.ErrorContext(ctx, "a shared transaction panicked", "panic", reason, "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: a shared transaction panicked", ErrOutcomeUnknown)
		}
	}()
	g.run(ctx, calls)
	return nil
}

// Again is a context with the time that an attempt has, whatever is left of ctx.
func (g *Group[T]) Again(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), g.limits.Timeout)
}

// Divide serves both halves of calls that were refused together, at the same time and each
// with an attempt's time of its own (Group.Again): serve, which comes here again, so finds
// out whose doing it was, and the others are served.
func Divide[C any](ctx context.Context, again func(context.Context) (context.Context, context.CancelFunc), calls []C, serve func(ctx context.Context, calls []C)) {
	var halves sync.WaitGroup
	for _, half := range [][]C{calls[:len(calls)/2], calls[len(calls)/2:]} {
		halves.Go(func() {
			ctx, cancel := again(ctx)
			defer cancel()
			serve(ctx, half)
		})
	}
	halves.Wait()
}

// Divisible reports whether the refusal of a shared transaction may be one member's doing,
// so that the others are better served without: not where the database is away.
func Divisible(err error) bool {
	var connect *pgconn.ConnectError
	return err != nil && !errors.As(err, &connect) && !errors.Is(err, ErrOutcomeUnknown) && !isConnectionLoss(err)
}
