package database

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

var (
	errModelRefused = errors.New("a member was refused")
	errModelRace    = errors.New("a race was lost")
	errModelPlan    = errors.New("the plan found that nothing is to be written")
	errModelTold    = errors.New("what the caller of a refused member is told")
)

// modelCall is a call of the model: what goes wrong with it, and what became of it.
type modelCall struct {
	id       int
	lane     string
	conflict int
	kind     int // 0 or 1

	planErr    bool          // its plan finds that nothing is to be written
	planPanics bool          //
	panics     bool          // writing it panics
	refused    bool          // a transaction with it is refused
	races      int           // how many transactions with it lose a race
	lost       bool          // the connection is lost while it is written …
	happened   bool          // … after the transaction happened
	pause      time.Duration // between the arrival of the call before and its own
	patience   time.Duration // how long its caller waits

	result int   // its own id, set when it is written
	err    error // what its caller was told
}

// modelStore is what the calls of a model write to.
type modelStore struct {
	mu      sync.Mutex
	effects map[int]int // by call
	log     []*modelCall
	faults  []string
}

func (s *modelStore) fault(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
}

func (s *modelStore) plan(_ context.Context, calls []*modelCall) ([]error, error) {
	time.Sleep(time.Millisecond)
	errs := make([]error, len(calls))
	for i, call := range calls {
		if call.planPanics {
			panic("a bug in the plan")
		}
		if call.planErr {
			errs[i] = errModelPlan
		}
	}
	return errs, nil
}

func (s *modelStore) write(_ context.Context, calls []*modelCall) error {
	time.Sleep(time.Millisecond)
	conflicts := make(map[int]bool)
	raced := false
	for _, call := range calls {
		if conflicts[call.conflict] {
			s.fault("call %d shares a transaction with one that it conflicts with", call.id)
		}
		conflicts[call.conflict] = true
		if call.races > 0 {
			call.races--
			raced = true
		}
	}
	any := func(is func(*modelCall) bool) bool { return slices.ContainsFunc(calls, is) }
	switch {
	case raced:
		return errModelRace
	case any(func(c *modelCall) bool { return c.refused }):
		return errModelRefused
	case any(func(c *modelCall) bool { return c.panics }):
		panic("a bug in the write")
	}
	lost := any(func(c *modelCall) bool { return c.lost })
	if lost && !any(func(c *modelCall) bool { return c.happened }) {
		return ErrOutcomeUnknown
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, call := range calls {
		s.effects[call.id]++
		s.log = append(s.log, call)
		call.result = call.id
	}
	if lost {
		return ErrOutcomeUnknown
	}
	return nil
}

func modelRefusal(err error) Refusal {
	switch {
	case errors.Is(err, errModelRace):
		return Refusal{Attempts: 4}
	case errors.Is(err, errModelRefused):
		return Refusal{Err: errModelTold}
	}
	return Refusal{}
}

func drawCall(t *rapid.T, id int) *modelCall {
	call := &modelCall{
		id: id, lane: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "lane"),
		kind: rapid.IntRange(0, 1).Draw(t, "kind"), conflict: rapid.IntRange(0, 6).Draw(t, "conflict"),
		pause:    time.Duration(rapid.SampledFrom([]int{0, 0, 0, 1, 5}).Draw(t, "pause")) * time.Millisecond,
		patience: time.Duration(rapid.SampledFrom([]int{1, 3, 10000, 10000, 10000, 10000}).Draw(t, "patience")) * time.Millisecond,
	}
	switch rapid.SampledFrom([]string{"", "", "", "", "plan", "plan panics", "panics", "refused", "race", "always race", "lost",
		"lost late"}).Draw(t, "what goes wrong") {
	case "plan":
		call.planErr = true
	case "plan panics":
		call.planPanics = true
	case "panics":
		call.panics = true
	case "refused":
		call.refused = true
	case "race":
		call.races = rapid.IntRange(1, 3).Draw(t, "races")
	case "always race":
		call.races = 1 << 20
	case "lost":
		call.lost = true
	case "lost late":
		call.lost, call.happened = true, true
	}
	return call
}

// TestGroup_Model lets random calls, among them some that are refused, lose races, panic, lose
// the connection or whose callers leave, share transactions: each takes effect at most once and
// gets its own result, none keeps another from being served, and conflicting calls happen in the
// order in which they came.
func TestGroup_Model(t *testing.T) {
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(slog.New(slog.DiscardHandler)) // of panics
	rapid.Check(t, func(rt *rapid.T) {
		calls := make([]*modelCall, rapid.IntRange(1, 40).Draw(rt, "calls"))
		for i := range calls {
			calls[i] = drawCall(rt, i+1)
		}
		size := rapid.IntRange(1, 12).Draw(rt, "size")
		store := &modelStore{effects: make(map[int]int)}
		synctest.Test(t, func(*testing.T) { runModel(store, size, calls) })
		for _, call := range calls {
			if fault := store.judge(call, calls); fault != "" {
				rt.Errorf("call %d (%+v): %s", call.id, *call, fault)
			}
		}
		for _, fault := range store.faults {
			rt.Error(fault)
		}
	})
}

// runModel makes the calls, one after the other as they come, and waits for all of them.
func runModel(store *modelStore, size int, calls []*modelCall) {
	group := NewGroup(GroupLimits{Size: size, Timeout: time.Minute})
	work := Work[*modelCall]{
		Conflict: func(c *modelCall) any { return c.conflict },
		Plan:     store.plan, Write: store.write, Refused: modelRefusal,
	}
	kinds := []*Shared[*modelCall]{Share(group, work), Share(group, work)}
	var callers sync.WaitGroup
	for _, call := range calls {
		time.Sleep(call.pause)
		callers.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), call.patience)
			defer cancel()
			err := kinds[call.kind].Do(ctx, call.lane, call)
			store.mu.Lock()
			defer store.mu.Unlock()
			call.err = err
		})
		synctest.Wait() // it has joined
	}
	callers.Wait()
	time.Sleep(time.Hour)
	synctest.Wait() // groups whose callers have left are done, too
	if len(group.lanes) != 0 {
		store.fault("%d lanes are left with nobody in them", len(group.lanes))
	}
}

// judge returns what is wrong with what became of a call, or "".
func (s *modelStore) judge(call *modelCall, calls []*modelCall) string {
	left := errors.Is(call.err, context.DeadlineExceeded)
	mayBeLost := func(c *modelCall) bool { return c.lane == call.lane && c.kind == call.kind && (c.lost || c.panics) }
	switch n := s.effects[call.id]; {
	case n > 1:
		return fmt.Sprintf("took effect %d times", n)
	case call.err == nil && (n != 1 || call.result != call.id):
		return fmt.Sprintf("succeeded with %d effects and the result of %d", n, call.result)
	case call.err != nil && !errors.Is(call.err, ErrOutcomeUnknown) && n != 0:
		return fmt.Sprintf("failed with %v and took effect", call.err)
	case left && call.patience > time.Second:
		return "starved"
	case left:
		return ""
	case call.planErr && !errors.Is(call.err, ErrOutcomeUnknown): // or that of those it was planned with
		return wantError(call.err, errModelPlan)
	case call.planPanics:
		return wantError(call.err, errPanicked)
	case call.refused:
		return wantError(call.err, errModelTold)
	case call.races > 1000 && !errors.As(call.err, new(*RetriesExhaustedError)):
		return fmt.Sprintf("always lost and got %v", call.err)
	case call.races > 1000:
		return ""
	case call.lost, call.panics:
		return wantError(call.err, ErrOutcomeUnknown)
	case errors.Is(call.err, ErrOutcomeUnknown) && !slices.ContainsFunc(calls, mayBeLost):
		return "its outcome is unknown although no connection was lost"
	case call.err != nil && !errors.Is(call.err, ErrOutcomeUnknown):
		return fmt.Sprintf("failed with %v because of another call", call.err)
	}
	return s.order(call)
}

func wantError(got, want error) string {
	if !errors.Is(got, want) {
		return fmt.Sprintf("got %v, want %v", got, want)
	}
	return ""
}

// order checks that no call which conflicts with this one and came later took effect earlier.
func (s *modelStore) order(call *modelCall) string {
	if s.effects[call.id] == 0 {
		return ""
	}
	for _, other := range s.log {
		if other.id == call.id {
			break
		}
		if other.lane == call.lane && other.kind == call.kind && other.conflict == call.conflict && other.id > call.id {
			return fmt.Sprintf("took effect after call %d, which came later and conflicts with it", other.id)
		}
	}
	return ""
}
