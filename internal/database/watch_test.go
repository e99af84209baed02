package database

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestWatch: memory may answer for MaxStaleness after a poll began, and no longer.
func TestWatch(t *testing.T) {
	now := time.Unix(0, 0)
	var fails error
	w := NewWatch(WatchConfig{MaxStaleness: time.Second, Now: func() time.Time { return now },
		Poll: func(context.Context) error { now = now.Add(time.Millisecond); return fails }})
	if w.Fresh() || w.Age() != 0 {
		t.Error("fresh before the first poll")
	}
	if err := w.PollOnce(t.Context()); err != nil || !w.Fresh() || w.Age() != time.Millisecond {
		t.Errorf("after a poll: %v, fresh %t, age %s", err, w.Fresh(), w.Age())
	}
	now = now.Add(time.Second - time.Millisecond)
	if !w.Fresh() || w.Age() != time.Second {
		t.Errorf("at the bound: fresh %t, age %s", w.Fresh(), w.Age())
	}
	fails = errors.New("no answer")
	if err := w.PollOnce(t.Context()); !errors.Is(err, fails) || w.Fresh() || w.Age() != 0 || w.Polls() != 1 {
		t.Errorf("after a poll that failed: %v, fresh %t, age %s, %d polls", err, w.Fresh(), w.Age(), w.Polls())
	}
}

// TestWatch_Run: polls follow each other at the pause, and sooner after a failure, which is
// logged once.
func TestWatch_Run(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text strings.Builder
		var polls atomic.Int64
		began := time.Now()
		var last time.Time
		w := NewWatch(WatchConfig{Warning: "no changes can be read", Log: slog.New(slog.NewTextHandler(&text, nil)),
			Poll: func(context.Context) error {
				last = time.Now()
				if n := polls.Add(1); n == 2 || n == 3 {
					return errors.New("no answer")
				}
				return nil
			}})
		ctx, cancel := context.WithTimeout(t.Context(), 2600*time.Millisecond)
		defer cancel()
		w.Run(ctx)
		if polls.Load() != 5 || last.Sub(began) != 2500*time.Millisecond { // after 0, 1, 1.25, 1.5 and 2.5 s
			t.Errorf("%d polls, the last after %s", polls.Load(), last.Sub(began))
		}
		if n := strings.Count(text.String(), "no changes can be read"); n != 1 {
			t.Errorf("%d warnings, want 1", n)
		}
	})
}
