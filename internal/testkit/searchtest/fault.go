package searchtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"meridian/internal/search"
	"meridian/internal/testkit"
)

// faultTests test engines that cannot answer.
var faultTests = []test[search.Store]{
	{"a closed store is unavailable", testClosed},
	{"a search whose time is over fails, and the next one does not", testDeadline},
	{"a search that nobody waits for ends", testCanceled},
	{"what could not be applied in time leaves the positions behind", testApplyDeadline},
}

func testClosed(t *testing.T, store search.Store) {
	live := store.Live()
	apply(t, live, search.Changes{Put: shop()[:3], Positions: map[string]string{"feed": "1"}})
	if err := store.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	defer cancel()
	calls := map[string]func() error{
		"Search":  func() error { _, err := live.Search(ctx, search.Query{Limit: 1}); return err },
		"Apply":   func() error { return live.Apply(ctx, search.Changes{Put: shop()[:1]}) },
		"State":   func() error { _, err := live.State(ctx); return err },
		"Entries": func() error { _, err := live.Entries(ctx, uuid.Nil, 1); return err },
		"Due":     func() error { _, err := live.Due(ctx, opened, 1); return err },
		"Begin":   func() error { _, err := store.Begin(ctx); return err },
		"Resume":  func() error { _, err := store.Resume(ctx); return err },
		"Swap":    func() error { return store.Swap(ctx) },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, search.ErrUnavailable) {
			t.Errorf("%s of a closed store: %v, want search.ErrUnavailable", name, err)
		}
	}
	if err := store.Close(); err != nil {
		t.Errorf("Close again: %v", err)
	}
}

// testDeadline wants ErrUnavailable: a caller cannot distinguish an engine that is too slow from one that does not
// answer.
func testDeadline(t *testing.T, store search.Store) {
	s := filled(t, store, generate(50))
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	if _, err := s.Search(ctx, search.Query{Text: "marble", Limit: 1}); !errors.Is(err, search.ErrUnavailable) ||
		!errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a search whose time is over: %v, want search.ErrUnavailable and context.DeadlineExceeded", err)
	}
	wantTotal(t, s, "marble", 50)
}

func testCanceled(t *testing.T, store search.Store) {
	s := filled(t, store, generate(50))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Search(ctx, search.Query{Text: "marble", Limit: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("a search that nobody waits for: %v, want context.Canceled", err)
	}
	wantTotal(t, s, "marble", 50)
}

func testApplyDeadline(t *testing.T, store search.Store) {
	live := store.Live()
	apply(t, live, search.Changes{Put: generate(10), Positions: map[string]string{"feed": "1"}})
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	if err := live.Apply(ctx, search.Changes{Put: generate(20), Positions: map[string]string{"feed": "2"}}); err == nil {
		t.Error("Apply has no error when its time was over before it began")
	}
	if s := state(t, live); s.Positions["feed"] != "1" {
		t.Errorf("the position is %q, want it where it was", s.Positions["feed"])
	}
	apply(t, live, search.Changes{Put: generate(20), Positions: map[string]string{"feed": "2"}})
	if s := state(t, live); s.Positions["feed"] != "2" || s.Documents != 20 {
		t.Errorf("the state is %+v, want 20 documents at position 2", s)
	}
}
