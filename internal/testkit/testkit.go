// Package testkit holds what tests of every package share and what depends on no other package: checks of errors, a
// clock, waiting for a condition, and servers that end with the test. Databases are in databasetest, rows in seed, and
// whole shops in shoptest.
package testkit

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"
)

// TB is the part of testing.TB that a check needs. *rapid.T has it, too.
type TB interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// Must returns a function that returns value, or ends the test if err is not nil: Must(call())(t).
func Must[T any](value T, err error) func(t TB) T {
	return func(t TB) T {
		t.Helper()
		NoError(t, err)
		return value
	}
}

// NoError ends the test if err is not nil.
func NoError(t TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Clock tells the time of a test. It may be used by several goroutines.
type Clock struct {
	mu    sync.Mutex
	at    time.Time // zero while the clock runs
	ahead time.Duration
}

// NewClock returns a clock that stands at an instant until the test moves it.
func NewClock(at time.Time) *Clock { return &Clock{at: at} }

// ClockOfToday returns a clock that stands at the present instant.
func ClockOfToday() *Clock { return NewClock(Today()) }

// Today returns the present instant, in UTC and as precise as the database.
func Today() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// RunningClock returns a clock that runs with the machine's and is ahead of it by what the test adds.
func RunningClock() *Clock { return new(Clock) }

// Now returns the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() {
		return time.Now().Add(c.ahead)
	}
	return c.at.Add(c.ahead)
}

// Advance moves the clock on.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// Set moves the clock to an instant, where it stands.
func (c *Clock) Set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.ahead = at, 0
}

// Patience bounds how long a test waits for other goroutines, processes or servers. It is long enough for a busy machine.
const Patience = 2 * time.Minute

// Eventually polls a condition until it holds. It ends the test if that takes longer than Patience.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(Patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain for %s", Patience, what)
		}
	}
}

// Listen returns a listener on a free port of the loopback interface. It is closed when the test ends.
func Listen(t testing.TB) net.Listener {
	t.Helper()
	listener := Must(net.Listen("tcp", "127.0.0.1:0"))(t)
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

// Background runs serve until the test ends, then cancels its context and waits for it. An error that serve returns
// fails the test.
func Background(t testing.TB, serve func(ctx context.Context) error) {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("in the background: %v", err)
		}
	})
}
