package database

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"meridian/internal/testkit"
)

// call is what the tests hand to a group.
type call struct {
	name   string
	served int
}

// counter serves calls and keeps the groups it was given.
type counter struct {
	mu     sync.Mutex
	groups [][]string
	during func(group []string) // called while a group is served
}

func (c *counter) write(_ context.Context, calls []*call) error {
	var names []string
	for _, one := range calls {
		one.served++
		names = append(names, one.name)
	}
	c.mu.Lock()
	c.groups = append(c.groups, names)
	c.mu.Unlock()
	if c.during != nil {
		c.during(names)
	}
	return nil
}

// share returns a group of calls that the counter serves.
func (c *counter) share(limits GroupLimits) *Shared[*call] {
	return Share(NewGroup(limits), Work[*call]{Write: c.write})
}

// TestGroup: the first call runs alone, those that come meanwhile run together, in their
// order, as many as a group may have.
func TestGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := new(counter)
		c.during = func([]string) { time.Sleep(time.Second) }
		g := c.share(GroupLimits{Size: 3})
		var callers sync.WaitGroup
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			callers.Go(func() {
				if err := g.Do(t.Context(), "lane", &call{name: name}); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait() // it has joined
		}
		callers.Wait()
		synctest.Wait() // the lane has ended
		want := [][]string{{"a"}, {"b", "c", "d"}, {"e"}}
		if !slices.EqualFunc(c.groups, want, slices.Equal) {
			t.Errorf("groups %v, want %v", c.groups, want)
		}
		if len(g.group.lanes) != 0 {
			t.Errorf("%d lanes are left with nobody in them", len(g.group.lanes))
		}
	})
}

// TestGroup_Lanes: a lane that hangs holds up no other.
func TestGroup_Lanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		c := new(counter)
		c.during = func(group []string) {
			if group[0] == "slow" {
				<-hang
			}
		}
		g := c.share(GroupLimits{})
		slow := make(chan error, 1)
		go func() { slow <- g.Do(t.Context(), "far", &call{name: "slow"}) }()
		synctest.Wait()
		if err := g.Do(t.Context(), "near", &call{name: "quick"}); err != nil {
			t.Error(err)
		}
		close(hang)
		if err := <-slow; err != nil {
			t.Error(err)
		}
	})
}

func TestGroup_Busy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := new(counter)
		c.during = func([]string) { time.Sleep(time.Second) }
		g := c.share(GroupLimits{Waiting: 2})
		results := make(chan error, 4)
		for range 4 { // one runs, two wait, one is too many
			go func() { results <- g.Do(t.Context(), "lane", &call{}) }()
			synctest.Wait()
		}
		refused := 0
		for range 4 {
			if err := <-results; errors.Is(err, ErrBusy) {
				refused++
			} else if err != nil {
				t.Error(err)
			}
		}
		if refused != 1 {
			t.Errorf("%d were refused, want 1", refused)
		}
	})
}

// TestGroup_CallerLeaves: a call whose caller left before its group began is not served;
// one whose caller left later is, and the caller hears that the outcome is unknown.
func TestGroup_CallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := new(counter)
		c.during = func([]string) { time.Sleep(time.Second) }
		g := c.share(GroupLimits{})
		ctx, leave := context.WithCancel(t.Context())
		results := make(chan error, 2)
		served, late := &call{name: "served"}, &call{name: "late"}
		go func() { results <- g.Do(ctx, "lane", served) }()
		synctest.Wait()
		go func() { results <- g.Do(ctx, "lane", late) }()
		synctest.Wait()
		leave()
		for range 2 {
			if err := <-results; !errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		}
		time.Sleep(2 * time.Second)
		if served.served != 1 || late.served != 0 {
			t.Errorf("served %d and %d times, want 1 and 0", served.served, late.served)
		}
	})
}

// TestGroup_Panic: its callers hear of it, and the lane goes on.
func TestGroup_Panic(t *testing.T) {
	c := new(counter)
	c.during = func(group []string) {
		if group[0] == "bad" {
			panic("a bug")
		}
	}
	g := c.share(GroupLimits{})
	if err := g.Do(t.Context(), "lane", &call{name: "bad"}); !errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("got %v", err)
	}
	if err := g.Do(t.Context(), "lane", &call{name: "good"}); err != nil {
		t.Error(err)
	}
}

// TestGroup_Trips: each caller's counter gets the round trips of its group.
func TestGroup_Trips(t *testing.T) {
	g := Share(NewGroup(GroupLimits{}), Work[*call]{Write: func(ctx context.Context, _ []*call) error {
		addTrips(ctx, Cost{Trips: 1})
		addTrips(ctx, Cost{Trips: 1})
		return nil
	}})
	ctx, trips := CountTrips(t.Context())
	for range 2 {
		testkit.NoError(t, g.Do(ctx, "lane", &call{}))
	}
	if trips.Count() != 4 {
		t.Errorf("%d round trips, want 4", trips.Count())
	}
}

// TestGroup_TripsAtTheEnd: a caller whose context ends as its call has been served still counts
// the round trips.
func TestGroup_TripsAtTheEnd(t *testing.T) {
	for range 100 { // select draws between the two
		ctx, cancel := context.WithCancel(t.Context())
		ctx, trips := CountTrips(ctx)
		m := &member{ctx: ctx, done: make(chan struct{}), cost: Cost{Trips: 2, Statements: 5, Away: 1}}
		close(m.done)
		cancel()
		if err := m.wait(); err != nil || trips.Cost() != m.cost {
			t.Fatalf("%+v, want %+v; %v", trips.Cost(), m.cost, err)
		}
	}
}

// TestGroup_ConflictOfFailed: a call that conflicts with one that fails for good is served all
// the same.
func TestGroup_ConflictOfFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("the database is away")
		g := Share(NewGroup(GroupLimits{}), Work[*call]{
			Conflict: func(c *call) any { return c.name },
			Write:    func(context.Context, []*call) error { time.Sleep(time.Second); return away },
		})
		results := make(chan error, 3)
		for range 3 {
			go func() { results <- g.Do(t.Context(), "lane", &call{name: "cart"}) }()
			synctest.Wait()
		}
		for range 3 {
			if err := <-results; !errors.Is(err, away) {
				t.Errorf("got %v", err)
			}
		}
	})
}

// TestGroup_Kinds: calls of all kinds share a lane; a group serves the kinds in their order.
func TestGroup_Kinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := new(counter)
		c.during = func([]string) { time.Sleep(time.Second) }
		group := NewGroup(GroupLimits{})
		first := Share(group, Work[*call]{Write: c.write})
		second := Share(group, Work[*call]{Write: c.write})
		var callers sync.WaitGroup
		for _, one := range []struct {
			kind *Shared[*call]
			name string
		}{{second, "a"}, {second, "b"}, {first, "c"}, {second, "d"}} {
			callers.Go(func() {
				if err := one.kind.Do(t.Context(), "lane", &call{name: one.name}); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		callers.Wait()
		want := [][]string{{"a"}, {"c"}, {"b", "d"}}
		if !slices.EqualFunc(c.groups, want, slices.Equal) {
			t.Errorf("served %v, want %v", c.groups, want)
		}
	})
}

// TestGroup_Concurrently: every call is served once, whatever comes when.
func TestGroup_Concurrently(t *testing.T) {
	g := new(counter).share(GroupLimits{Size: 7})
	var callers sync.WaitGroup
	calls := make([]call, 2000)
	for i := range calls {
		callers.Go(func() {
			if err := g.Do(t.Context(), []string{"a", "b", "c"}[i%3], &calls[i]); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	for i := range calls {
		if calls[i].served != 1 {
			t.Fatalf("call %d was served %d times", i, calls[i].served)
		}
	}
}
