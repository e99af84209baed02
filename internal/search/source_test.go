package search

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"meridian/internal/testkit"
)

var errAway = fmt.Errorf("%w: connection refused", ErrUnavailable)

func TestSearch_FallsBack(t *testing.T) {
	tests := []struct {
		name                   string
		own, remote, database  error
		ownHangs, remoteHangs  bool
		want                   Degraded
		wantErr                error
		wantIgnored, wantFound int
	}{
		{name: "all well", wantFound: 1},
		{name: "own away", own: errAway, want: RemoteRegion, wantFound: 1, wantIgnored: 1},
		{name: "own hangs", ownHangs: true, want: RemoteRegion, wantFound: 1, wantIgnored: 1},
		{name: "own has a fault", own: errors.New("bad syntax near x"), want: RemoteRegion, wantFound: 1, wantIgnored: 1},
		{name: "both away", own: errAway, remote: errAway, want: FromDatabase, wantFound: 1},
		{name: "both hang", ownHangs: true, remoteHangs: true, want: FromDatabase, wantFound: 1},
		{name: "nothing answers", own: errAway, remote: errAway, database: errAway, wantErr: ErrUnavailable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				own, remote, database := &shelf{}, &shelf{}, &shelf{}
				for _, s := range []*shelf{own, remote, database} {
					s.products = []Card{product(1, "Red mug", "Acme")}
				}
				own.set(test.own, test.ownHangs)
				remote.set(test.remote, test.remoteHangs)
				database.set(test.database, false)
				s := newShelves(t,
					Source{Name: "eu-west", Engine: own},
					Source{Name: "us-east", Engine: RemoteEngine{remote}, Degraded: RemoteRegion},
					Source{Name: "database", Engine: database, Degraded: FromDatabase})
				got, err := s.Search(t.Context(), Request{Query: Query{Text: "mug", Limit: 10, Filter: Filter{InStock: true}}})
				if !errors.Is(err, test.wantErr) {
					t.Fatalf("error %v, want %v", err, test.wantErr)
				}
				if got.Degraded != test.want || len(got.Hits) != test.wantFound || len(got.Ignored) != test.wantIgnored {
					t.Errorf("degraded %q with %d hits, ignored %v; want %q, %d and %d", got.Degraded, len(got.Hits), got.Ignored, test.want,
						test.wantFound, test.wantIgnored)
				}
			})
		})
	}
}

func TestSearch_CircuitOpensAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own, database := &shelf{products: []Card{product(1, "Mug", "")}}, &shelf{products: []Card{product(1, "Mug", "")}}
		s := newShelves(t, Source{Name: "own", Engine: own}, Source{Name: "database", Engine: database, Degraded: FromDatabase})
		degraded := func() Degraded {
			t.Helper()
			got := testkit.Must(s.Search(t.Context(), Request{Query: Query{Text: "mug", Limit: 1}}))(t)
			return got.Degraded
		}
		own.set(errAway, false)
		for range breakerFailures {
			degraded()
		}
		asked := own.times()
		for range 100 {
			if got := degraded(); got != FromDatabase {
				t.Fatalf("answered by %q while the engine is away", got)
			}
		}
		if own.times() != asked {
			t.Errorf("asked %d times while its circuit is open", own.times()-asked)
		}
		own.set(nil, false)
		time.Sleep(breakerOpen + time.Millisecond)
		if got := degraded(); got != NotDegraded {
			t.Errorf("still answered by %q after the engine came back", got)
		}
	})
}

func TestSearch_NotAskedWhileFilling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own, remote := &shelf{}, &shelf{products: []Card{product(1, "Mug", "")}}
		full := false
		s := newShelves(t,
			Source{Name: "own", Engine: own, Filled: func(context.Context) (bool, error) { return full, nil }},
			Source{Name: "remote", Engine: remote, Degraded: RemoteRegion})
		look := func() Degraded {
			s.checkFilled(t.Context(), s.sources[0])
			got := testkit.Must(s.Search(t.Context(), Request{Query: Query{Text: "mug", Limit: 1}}))(t)
			return got.Degraded
		}
		if got := look(); got != RemoteRegion {
			t.Errorf("answered by %q while the index is being filled", got)
		}
		full = true
		if got := look(); got != NotDegraded {
			t.Errorf("answered by %q when the index is full", got)
		}
		full = false // it was wiped
		if got := look(); got != RemoteRegion {
			t.Errorf("answered by %q after the index was wiped", got)
		}
	})
}

// TestSearch_PartialIsNoAnswer: an index that says of itself that it is being filled is passed over at once, and its
// circuit stays closed.
func TestSearch_PartialIsNoAnswer(t *testing.T) {
	own, database := &shelf{partial: true}, &shelf{products: []Card{product(1, "Mug", "")}}
	s := newShelves(t, Source{Name: "own", Engine: own}, Source{Name: "database", Engine: database, Degraded: FromDatabase})
	for range 3 * breakerFailures {
		got, err := s.Search(t.Context(), Request{Query: Query{Text: "mug", Limit: 1}})
		if err != nil || got.Degraded != FromDatabase || got.Total != 1 {
			t.Fatalf("degraded %q with %d hits, %v", got.Degraded, got.Total, err)
		}
	}
	own.partial, own.products = false, database.products
	if got, err := s.Search(t.Context(), Request{Query: Query{Text: "mug", Limit: 1}}); err != nil || got.Degraded != NotDegraded {
		t.Errorf("degraded %q when it is filled, %v", got.Degraded, err)
	}
}

func TestSearch_SignsAlone(t *testing.T) {
	s := newShelves(t, Source{Name: "own", Engine: &shelf{products: mugs()}})
	s.setRules(Rule{ID: "a", Pin: []ID{{15: 1}}})
	for _, text := range []string{"🎁", "%", `""`, " & "} {
		got, err := s.Search(t.Context(), Request{Query: Query{Text: text, Limit: 5}})
		if err != nil || got.Total != 0 || got.Loosened != NotLoosened {
			t.Errorf("%q finds %d, loosened %q, %v", text, got.Total, got.Loosened, err)
		}
	}
	if got, err := s.Search(t.Context(), Request{Query: Query{Limit: 5}}); err != nil || got.Total != len(mugs()) {
		t.Errorf("no text finds %d, %v", got.Total, err)
	}
}

func TestSearch_CallersEndIsNotTheEngines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own, database := &shelf{}, &shelf{}
		own.set(nil, true)
		s := newShelves(t, Source{Name: "own", Engine: own}, Source{Name: "database", Engine: database, Degraded: FromDatabase})
		for range 3 * breakerFailures {
			ctx, cancel := context.WithCancel(t.Context())
			go func() { time.Sleep(time.Millisecond); cancel() }()
			if _, err := s.Search(ctx, Request{Query: Query{Text: "mug", Limit: 1}}); !errors.Is(err, context.Canceled) {
				t.Fatalf("error %v for a shopper who left", err)
			}
		}
		if database.times() > 0 {
			t.Error("the database was asked for shoppers who had left")
		}
		own.set(nil, false)
		if got, err := s.Search(t.Context(), Request{Query: Query{Text: "mug", Limit: 1}}); err != nil || got.Degraded != NotDegraded {
			t.Errorf("degraded %q, error %v: shoppers who left opened the circuit", got.Degraded, err)
		}
	})
}

func TestWorse(t *testing.T) {
	order := []Degraded{NotDegraded, RemoteRegion, FromDatabase}
	for i, a := range order {
		for j, b := range order {
			if got, want := worse(a, b), order[max(i, j)]; got != want {
				t.Errorf("worse(%q, %q) = %q, want %q", a, b, got, want)
			}
		}
	}
}
