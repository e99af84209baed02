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

// ErrBusy is returned when a lane's queue is full.
var ErrBusy = errors.New("too many calls are waiting for the database")

// errPanicked is the error of a call whose planning panicked: nothing was written.
var errPanicked = errors.New("a shared transaction panicked")

// Group lets concurrent calls share a transaction (group commit). A call joins a lane, which
// serves its calls first come, first served, one group at a time: the first call runs at once
// and alone, and those that arrive while it runs form the next group. A lone call therefore
// never waits, and the busier the lane, the more calls share a commit and the locks it holds.
//
// The groups of a lane never run at once, so they never wait for each other's locks. Calls
// whose rows live in different regions belong in different lanes: a commit in a region that is
// slow or down then delays only the calls that need it.
//
// Share adds a kind of call to a group. Kinds share lanes, and a group serves them in the order
// in which they were added.
type Group struct {
	limits GroupLimits
	kinds  []func(ctx context.Context, members []*member) // each serves the members of its kind

	mu    sync.Mutex
	lanes map[string]*lane // lanes with calls that wait or run
}

// GroupLimits bounds a Group. Zero fields take the defaults.
type GroupLimits struct {
	// Size is the most calls that share a transaction; default 32.
	Size int
	// Waiting is the most calls that wait in a lane; default 1024. More are refused with ErrBusy.
	Waiting int
	// Timeout bounds the service of a group, which no single caller's context ends. Each half of
	// a divided group gets as long again. Default 4 seconds; DB.GroupTimeout returns what suits a database.
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

// NewGroup returns a group without any kind of call.
func NewGroup(limits GroupLimits) *Group {
	return &Group{limits: limits.withDefaults(), lanes: make(map[string]*lane)}
}

// Work says how calls of one kind are served together. T is a pointer: a call holds its own
// input and result. Only Write is needed.
//
// Plan and Write are called again with the same calls after a lost race, and with fewer of them
// after a refusal, so each run sets a call's result anew. Both may panic: the calls of that run
// fail and the lane goes on.
type Work[T any] struct {
	// Conflict returns what a call changes that no other call of the same transaction may
	// change. Of the calls with equal values a group takes the first; the rest wait for later
	// groups, in their order.
	Conflict func(call T) any
	// Plan reads what the calls need and works out, in their order, what to write for each. It
	// returns an error for each call that is not to be written, nil for the others. Its own error
	// is that of them all.
	Plan func(ctx context.Context, calls []T) ([]error, error)
	// Write writes the planned calls in one transaction, all of them or none.
	Write func(ctx context.Context, calls []T) error
	// Refused reads an error of Plan or Write. By default the error is not worth another attempt
	// and is returned as it is.
	Refused func(err error) Refusal
}

// Refusal is what an error means for the calls that were served together.
type Refusal struct {
	// Attempts is how often the calls are planned and written before they give up. It is above 1
	// for a lost race, which another look at the database explains.
	Attempts int
	// Err, if not nil, is returned to a call that gives up, in place of the error itself (or of a
	// *RetriesExhaustedError, for a lost race).
	Err error
}

// Shared is a kind of call that a Group serves.
type Shared[T any] struct {
	group *Group
	kind  int
	work  Work[T]
}

// Share adds a kind of call to a group. It must not be called once calls are being served.
func Share[T any](group *Group, work Work[T]) *Shared[T] {
	s := &Shared[T]{group: group, kind: len(group.kinds), work: work}
	group.kinds = append(group.kinds, s.serve)
	return s
}

// Do hands a call to a lane and waits until it has been served; the call then holds its result.
//
// A group whose transaction is refused is divided until the call that caused the refusal is
// found; the others are served without it. Lost races are retried as Work.Refused says.
//
// Do returns the call's own error from Plan or Write; ErrBusy if the lane is full, and then
// nothing has happened; or ErrOutcomeUnknown if ctx ended first. In that case the call still
// belongs to the group and must not be touched. A call whose context ends before its group
// starts is never served.
func (s *Shared[T]) Do(ctx context.Context, laneName string, call T) error {
	m := &member{ctx: ctx, kind: s.kind, call: call, done: make(chan struct{})}
	if s.work.Conflict != nil {
		m.conflict = s.work.Conflict(call)
	}
	if err := s.group.join(laneName, m); err != nil {
		return err
	}
	return m.wait()
}

type lane struct{ waiting []*member }

// member is a caller and the call it made.
type member struct {
	ctx      context.Context
	kind     int
	call     any
	conflict any // nil if the call conflicts with none

	done chan struct{} // closed when err and cost are set and the call has its result
	err  error
	cost Cost
}

// wait waits for the member's service and returns its error. It counts the cost of a
// member that was served for the caller, even if the caller's context ended at the same moment.
func (m *member) wait() error {
	select {
	case <-m.done:
	case <-m.ctx.Done():
		select {
		case <-m.done:
		default:
			return fmt.Errorf("%w: %w", ErrOutcomeUnknown, m.ctx.Err())
		}
	}
	addTrips(m.ctx, m.cost)
	return m.err
}

// join appends a member to a lane, and starts serving the lane if nobody does.
func (g *Group) join(name string, m *member) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	l, serving := g.lanes[name]
	if !serving {
		l = new(lane)
		g.lanes[name] = l
	}
	if len(l.waiting) == g.limits.Waiting {
		l.waiting = slices.DeleteFunc(l.waiting, func(m *member) bool { return m.ctx.Err() != nil })
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
func (g *Group) serve(name string, l *lane) {
	for {
		group := g.next(name, l)
		if group == nil {
			return
		}
		for kind, serve := range g.kinds {
			members := slices.DeleteFunc(slices.Clone(group), func(m *member) bool { return m.kind != kind })
			if len(members) > 0 {
				g.answer(members, serve)
			}
		}
	}
}

// next takes the longest waiting members whose callers are still there and that do not conflict
// with each other. It ends the lane and returns nil if none is left.
func (g *Group) next(name string, l *lane) []*member {
	type key struct {
		kind     int
		conflict any
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	var group, waiting []*member
	taken := make(map[key]bool)
	for _, m := range l.waiting {
		k := key{m.kind, m.conflict}
		switch {
		case m.ctx.Err() != nil:
		case len(group) == g.limits.Size, m.conflict != nil && taken[k]:
			waiting = append(waiting, m)
		default:
			group = append(group, m)
			taken[k] = true
		}
	}
	l.waiting = waiting
	if group == nil {
		delete(g.lanes, name)
	}
	return group
}

// answer serves members of one kind and wakes their callers.
func (g *Group) answer(members []*member, serve func(ctx context.Context, members []*member)) {
	ctx, trips := countAfresh(members[0].ctx)
	serve(ctx, members)
	for _, m := range members {
		m.cost = trips.Cost()
		close(m.done)
	}
}

// serve plans and writes the members' calls, again after a lost race, in halves after any other
// refusal, and leaves each member its error.
func (s *Shared[T]) serve(ctx context.Context, members []*member) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.group.limits.Timeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		err := s.try(ctx, members)
		if err == nil {
			return
		}
		var refusal Refusal
		if s.work.Refused != nil {
			refusal = s.work.Refused(err)
		}
		if attempt < refusal.Attempts {
			continue
		}
		if len(members) > 1 && isolable(err) {
			s.divide(ctx, members)
			return
		}
		switch {
		case refusal.Err != nil:
			err = refusal.Err
		case refusal.Attempts > 1:
			err = &RetriesExhaustedError{Attempts: attempt, Err: err}
		}
		for _, m := range members {
			m.err = err
		}
		return
	}
}

// divide serves both halves of members that were refused together, at the same time. A half
// that is refused is divided again, so the refusal ends up with the call that caused it.
func (s *Shared[T]) divide(ctx context.Context, members []*member) {
	var halves sync.WaitGroup
	middle := len(members) / 2
	halves.Go(func() { s.serve(ctx, members[:middle]) })
	halves.Go(func() { s.serve(ctx, members[middle:]) })
	halves.Wait()
}

// try plans and writes the members' calls once. A member that is not to be written gets the
// error its plan found.
func (s *Shared[T]) try(ctx context.Context, members []*member) error {
	calls := make([]T, len(members))
	for i, m := range members {
		calls[i], m.err = m.call.(T), nil
	}
	if s.work.Plan != nil {
		var errs []error
		err := survive(ctx, errPanicked, func() (err error) {
			errs, err = s.work.Plan(ctx, calls)
			return err
		})
		if err != nil {
			return err
		}
		planned := calls[:0]
		for i, m := range members {
			if m.err = errs[i]; m.err == nil {
				planned = append(planned, calls[i])
			}
		}
		calls = planned
	}
	if len(calls) == 0 {
		return nil
	}
	return survive(ctx, fmt.Errorf("%w: %w", ErrOutcomeUnknown, errPanicked), func() error { return s.work.Write(ctx, calls) })
}

// survive runs fn and returns its error, or panicked if it panics: the lane has other calls to
// serve.
func survive(ctx context.Context, panicked error, fn func() error) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			slog.ErrorContext(ctx, "a shared transaction panicked", "panic", reason, "stack", string(debug.Stack()))
			err = panicked
		}
	}()
	return fn()
}

// isolable reports whether one call may have caused the refusal of a shared transaction, so that
// the others are better served without it. It is false where the database is away, and where the
// transaction may have happened.
func isolable(err error) bool {
	var connect *pgconn.ConnectError
	return !errors.As(err, &connect) && !errors.Is(err, ErrOutcomeUnknown) && !isConnectionLoss(err)
}
