package database

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// WatchConfig says how a Watch polls. Poll must be set.
type WatchConfig struct {
	// Poll asks the database what has changed, and drops or replaces what is remembered. Polls do
	// not overlap.
	Poll func(ctx context.Context) error
	// MaxStaleness bounds the age of what is remembered; a poll that takes longer is given up.
	// Default 2 s.
	MaxStaleness time.Duration
	// Every is the pause after a poll, which must leave room for a slow one. Default half of
	// MaxStaleness. A poll that failed is repeated after a quarter of it.
	Every time.Duration
	// Warning is logged when polls begin to fail: what happens until one succeeds.
	Warning string
	// Log takes the warning. Default slog.Default().
	Log *slog.Logger
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// A Watch polls the database for changes, so that what a pod remembers of it is never older
// than a bound. It is safe for concurrent use.
type Watch struct {
	WatchConfig
	polling sync.Mutex
	started time.Time
	polls   atomic.Int64
	freshAt atomic.Int64 // when the last successful poll began, in nanoseconds since started; 0 is never
}

// NewWatch returns a watch that is stale until its first poll.
func NewWatch(config WatchConfig) *Watch {
	config.MaxStaleness = cmp.Or(config.MaxStaleness, 2*time.Second)
	config.Every = cmp.Or(config.Every, config.MaxStaleness/2)
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Log == nil {
		config.Log = slog.Default()
	}
	return &Watch{WatchConfig: config, started: config.Now().Add(-1)}
}

// Run polls until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	failing := false
	for {
		pause := w.Every
		err := w.PollOnce(ctx)
		if err != nil && ctx.Err() == nil {
			pause = w.Every / 4
			if !failing {
				w.Log.WarnContext(ctx, w.Warning, "error", err)
			}
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// PollOnce polls, and returns Poll's error.
func (w *Watch) PollOnce(ctx context.Context) error {
	w.polling.Lock()
	defer w.polling.Unlock()
	return w.poll(ctx)
}

// Refresh makes what is remembered as fresh as the database is now: it polls, unless a poll that succeeded has begun since the call.
// So of many that call at the same time few poll.
func (w *Watch) Refresh(ctx context.Context) error {
	called := w.Now().Sub(w.started)
	w.polling.Lock()
	defer w.polling.Unlock()
	if time.Duration(w.freshAt.Load()) > called {
		return nil
	}
	return w.poll(ctx)
}

func (w *Watch) poll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, w.MaxStaleness)
	defer cancel()
	began := w.Now()
	if err := w.Poll(ctx); err != nil {
		return err
	}
	w.polls.Add(1)
	w.freshAt.Store(int64(began.Sub(w.started)))
	return nil
}

// Fresh reports whether a poll that began at most MaxStaleness ago has succeeded: only then may
// memory answer.
func (w *Watch) Fresh() bool {
	_, fresh := w.age()
	return fresh
}

// Age returns how old an answer from memory may be now; 0 while memory may not answer.
func (w *Watch) Age() time.Duration {
	if age, fresh := w.age(); fresh {
		return age
	}
	return 0
}

func (w *Watch) age() (age time.Duration, fresh bool) {
	at := w.freshAt.Load()
	age = w.Now().Sub(w.started) - time.Duration(at)
	return age, at != 0 && age <= w.MaxStaleness
}

// Polls returns how many polls have succeeded. A value that was read before one may have been
// dropped by it, and must not be remembered after it.
func (w *Watch) Polls() int64 { return w.polls.Load() }
