package indexer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"meridian/internal/catalog"
	"meridian/internal/search"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

// lead takes the lease, so that jobs can be asked for.
func (b *branch) lead(t testing.TB) {
	t.Helper()
	if held := testkit.Must(b.beat(t.Context()))(t); !held {
		t.Fatal("another process has the lease")
	}
}

// ask asks for a job of the branch's index.
func (b *branch) ask(t testing.TB, kind JobKind, dryRun bool) Job {
	t.Helper()
	b.lead(t)
	jobs := testkit.Must(Ask(t.Context(), b.db, b.DB.Region(), kind, dryRun))(t)
	if len(jobs) != 1 || jobs[0].Status != JobPending {
		t.Fatalf("asked for %+v", jobs)
	}
	return jobs[0]
}

// look is the job as it is now.
func (b *branch) lookAt(t testing.TB, j Job) Job {
	t.Helper()
	jobs := testkit.Must(Jobs(context.WithoutCancel(t.Context()), b.db, j.Region, []uuid.UUID{j.ID}))(t)
	if len(jobs) != 1 {
		t.Fatalf("%d jobs", len(jobs))
	}
	return jobs[0]
}

// compare compares the index with the database.
func (b *branch) compare(t testing.TB, dryRun bool) Comparison {
	t.Helper()
	j := b.ask(t, Compare, dryRun)
	b.settle(t)
	if j = b.lookAt(t, j); j.Status != JobDone {
		t.Fatalf("the comparison is %s: %s", j.Status, j.Error)
	}
	return j.Comparison
}

// damage changes the index behind the feed's back.
func (b *branch) damage(change func(documents map[uuid.UUID]search.Document)) {
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	change(b.store.live.documents)
}

func TestCompare(t *testing.T) {
	s := newShop(t)
	s.fill(t, 30)
	b := s.in(t, "eu-west")
	b.settle(t)
	if found := b.compare(t, false); found.Total() != 0 || found.Compared != 30 || found.Mended != 0 {
		t.Fatalf("a sound index differs: %+v", found)
	}
	id := func(i int) uuid.UUID { return s.products[i].ID }
	stranger := uuid.New()
	harm := func(documents map[uuid.UUID]search.Document) {
		delete(documents, id(3))
		older, other, extra := documents[id(4)], documents[id(5)], documents[id(6)]
		older.Version--
		older.Title = "Old"
		documents[id(4)] = older
		other.Prices = maps.Clone(other.Prices)
		other.Prices["eu"]++
		documents[id(5)] = other
		extra.ID = stranger
		documents[stranger] = extra
	}
	b.damage(harm)
	want := map[Difference]int{Missing: 1, OlderVersion: 1, OtherContent: 1, Extra: 1}
	found := b.compare(t, true)
	if diff := cmp.Diff(want, found.Differences); diff != "" || found.Mended != 0 || found.Left != 4 {
		t.Errorf("a dry run finds %+v\n%s", found, diff)
	}
	found = b.compare(t, false)
	if diff := cmp.Diff(want, found.Differences); diff != "" || found.Mended != 4 || found.Left != 0 {
		t.Errorf("a comparison finds %+v\n%s", found, diff)
	}
	examples := make(map[uuid.UUID]Difference)
	for _, e := range found.Examples {
		examples[e.Product] = e.What
	}
	if diff := cmp.Diff(map[uuid.UUID]Difference{id(3): Missing, id(4): OlderVersion, id(5): OtherContent, stranger: Extra},
		examples); diff != "" {
		t.Error(diff)
	}
	b.wantSame(t)
	if found := b.compare(t, false); found.Total() != 0 {
		t.Errorf("after mending it finds %+v", found)
	}
}

// TestCompare_WhileEdited: edits that the feed has not come to yet are not differences.
func TestCompare_WhileEdited(t *testing.T) {
	s := newShop(t)
	s.fill(t, 30)
	b := s.in(t, "eu-west")
	b.settle(t)
	j := b.ask(t, Compare, true)
	for n := 0; !b.lookAt(t, j).Ended(); n++ {
		if n == 500 {
			t.Fatal("the comparison does not end")
		}
		s.edit(t, n%30, func(in *catalog.ProductInput) { in.Title = fmt.Sprint("Cup ", n) })
		// A round follows, and then compares: what is edited in between differs at the first look.
		b.store.fail(func(call string) error {
			if call == "entries" {
				s.rate(t, (n+7)%30, 3)
			}
			return nil
		}, nil)
		testkit.Must(b.round(t.Context()))(t)
	}
	if found := b.lookAt(t, j).Comparison; found.Total() != 0 || found.Compared < 30 {
		t.Errorf("it finds %+v", found)
	}
}

// TestCompare_Resumes kills a comparison: the next process goes on with it.
func TestCompare_Resumes(t *testing.T) {
	s := newShop(t)
	s.fill(t, 50)
	b := s.in(t, "eu-west")
	b.settle(t)
	b.damage(func(documents map[uuid.UUID]search.Document) {
		for id := range documents {
			delete(documents, id)
		}
	})
	j := b.ask(t, Compare, false)
	for range 3 {
		testkit.Must(b.round(t.Context()))(t)
	}
	if got := b.lookAt(t, j); got.Status != JobRunning {
		t.Fatalf("after three rounds the job is %s", got.Status)
	}
	b.start(t, "eu-west")
	b.settle(t)
	got := b.lookAt(t, j)
	if got.Status != JobDone || len(b.store.documents()) != 50 {
		t.Errorf("the job is %s with %+v, the index has %d documents", got.Status, got.Comparison, len(b.store.documents()))
	}
	b.wantSame(t)
}

// TestReindex builds an index anew while products are edited, and watches the live one: it is never empty, and never
// some of the one and some of the other.
func TestReindex(t *testing.T) {
	s := newShop(t)
	s.fill(t, 60)
	b := s.in(t, "eu-west")
	b.settle(t)
	b.damage(func(documents map[uuid.UUID]search.Document) {
		stranger := documents[s.products[0].ID]
		stranger.ID = uuid.New()
		documents[stranger.ID] = stranger
	})
	j := b.ask(t, Reindex, false)
	rounds := 0
	for ; !b.lookAt(t, j).Ended(); rounds++ {
		if rounds == 500 {
			t.Fatal("the job does not end")
		}
		if rounds < 12 {
			s.edit(t, rounds, func(in *catalog.ProductInput) { in.Title = fmt.Sprint("Cup ", rounds) })
		}
		testkit.Must(b.round(t.Context()))(t)
		documents := b.store.documents()
		if n := len(documents); n != 61 && n != 60 {
			t.Fatalf("in round %d the live index has %d documents", rounds, n)
		}
		if i := min(rounds, 11); documents[s.products[i].ID].Title != fmt.Sprint("Cup ", i) {
			t.Fatalf("in round %d the live index does not have the edit", rounds)
		}
	}
	b.settle(t)
	if got := b.lookAt(t, j); got.Status != JobDone || rounds < 8 {
		t.Errorf("after %d rounds the job is %s: %s", rounds, got.Status, got.Error)
	}
	b.wantSame(t)
	before := b.store.written()
	s.edit(t, 20, func(in *catalog.ProductInput) { in.Title = "Late" })
	b.settle(t)
	b.wantSame(t)
	if n := b.store.written() - before; n != 1 {
		t.Errorf("after the swap an edit writes %d documents", n)
	}
}

// TestReindex_LiveIsFed has the index that is being built take no document: edits are in the live one all the same.
func TestReindex_LiveIsFed(t *testing.T) {
	s := newShop(t)
	s.fill(t, 10)
	b := s.in(t, "eu-west")
	b.settle(t)
	stuck, release := make(chan struct{}, 1), make(chan struct{})
	b.Store = slow{b.store, stuck, release}
	j := b.ask(t, Reindex, false)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() { b.Run(ctx) })
	<-stuck
	s.edit(t, 3, func(in *catalog.ProductInput) { in.Title = "Cup 3" })
	testkit.Eventually(t, "the edit in the live index", func() bool {
		return b.store.documents()[s.products[3].ID].Title == "Cup 3"
	})
	if got := b.lookAt(t, j); got.Ended() {
		t.Errorf("the job is %s while the new index takes nothing", got.Status)
	}
	close(release)
	testkit.Eventually(t, "the end of the job", func() bool { return b.lookAt(t, j).Ended() })
	if got := b.lookAt(t, j); got.Status != JobDone {
		t.Errorf("the job is %s: %s", got.Status, got.Error)
	}
	stop()
	running.Wait()
	b.settle(t)
	b.wantSame(t)
}

// slow is a store whose new index takes nothing before it is released.
type slow struct {
	*memory
	stuck   chan<- struct{}
	release <-chan struct{}
}

func (s slow) Begin(ctx context.Context) (search.Index, error) {
	index, err := s.memory.Begin(ctx)
	return slowIndex{index, s}, err
}

type slowIndex struct {
	search.Index
	slow
}

func (i slowIndex) Apply(ctx context.Context, c search.Changes) error {
	select {
	case i.stuck <- struct{}{}:
	default:
	}
	select {
	case <-i.release:
	case <-ctx.Done():
		return ctx.Err()
	}
	return i.Index.Apply(ctx, c)
}

// TestReindex_Killed kills the process after each number of calls, and has calls fail whose effect has happened: the job
// ends all the same, with a whole index.
func TestReindex_Killed(t *testing.T) {
	s := newShop(t)
	s.fill(t, 25)
	s.age(t)
	b := s.in(t, "eu-west")
	b.settle(t)
	for _, call := range []string{"resume", "begin", "apply", "state", "entries", "swap"} {
		j := b.ask(t, Reindex, false)
		n := 0
		broken := func(now string) error {
			if now == call {
				if n++; n%5 == 1 {
					return fmt.Errorf("%w: %w", search.ErrUnavailable, errBroken)
				}
			}
			return nil
		}
		if call == "resume" {
			b.store.fail(broken, nil) // it has no effect
		} else {
			b.store.fail(nil, broken)
		}
		for rounds := 0; !b.lookAt(t, j).Ended(); rounds++ {
			if rounds == 500 {
				t.Fatalf("with a broken %s the job does not end", call)
			}
			if _, err := b.round(t.Context()); err != nil {
				b.start(t, "eu-west") // killed
			}
		}
		b.store.fail(nil, nil)
		b.settle(t)
		if got := b.lookAt(t, j); got.Status != JobDone || n == 0 {
			t.Errorf("with a broken %s, which came up %d times, the job is %s: %s", call, n, got.Status, got.Error)
		}
		b.wantSame(t)
	}
}

// TestReindex_SetAside: what is set aside is not missed in the new index.
func TestReindex_SetAside(t *testing.T) {
	s := newShop(t)
	s.fill(t, 20)
	b := s.in(t, "eu-west")
	b.store.refuse = func(d search.Document) bool { return d.Title == "Mug MUG-0007" }
	b.settle(t)
	j := b.ask(t, Reindex, false)
	b.settle(t)
	if got := b.lookAt(t, j); got.Status != JobDone || len(b.store.documents()) != 19 {
		t.Errorf("the job is %s: %s; the index has %d documents", got.Status, got.Error, len(b.store.documents()))
	}
}

func TestAsk_NobodyFeeds(t *testing.T) {
	db := databasetest.New(t)
	if _, err := Ask(t.Context(), db, "eu-west", Compare, false); !errors.Is(err, ErrNoReplica) {
		t.Errorf("got %v, want ErrNoReplica", err)
	}
}

// TestRun_OneWriter lets several processes feed one index, each killed now and then: there is never more than one, and
// in the end the index is what the database says.
func TestRun_OneWriter(t *testing.T) {
	s := newShop(t)
	s.fill(t, 20)
	writers := new(writers)
	var running sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	b := s.in(t, "eu-west")
	for n := range 4 {
		running.Go(func() {
			for ctx.Err() == nil {
				process := &branch{shop: s, store: b.store}
				life, end := context.WithTimeout(ctx, time.Duration(1+n)*time.Second) // most end after their first write
				process.start(t, "eu-west", func(c *Config) {
					c.Lease, c.Heartbeat, c.StateEvery = 400*time.Millisecond, 50*time.Millisecond, 10*time.Millisecond
					c.Exclusive, c.Replica, c.Store = false, "shared", watched{c.Store, writers, n, end}
				})
				if n%2 == 0 {
					process.Run(life)
				} else {
					process.runAndDie(life)
				}
				end()
			}
		})
	}
	edits := 0
	testkit.Eventually(t, "two processes to write", func() bool {
		s.edit(t, edits%20, func(in *catalog.ProductInput) { in.Title = fmt.Sprint("Cup ", edits) })
		edits++
		return writers.count() >= 2
	})
	stop()
	running.Wait()
	databasetest.Exec(t, s.db, `DELETE FROM search_replicas`)
	b.settle(t)
	b.wantSame(t)
	if writers.overlapped {
		t.Error("two processes wrote at the same time")
	}
}

// runAndDie is Run, killed in the end: nothing is given back.
func (b *branch) runAndDie(ctx context.Context) {
	held, _ := b.acquire(ctx) // an error is that of ctx
	if held == nil {
		pause(ctx, b.Lease/4)
		return
	}
	var keeping sync.WaitGroup
	keeping.Go(func() { b.keep(held) })
	b.work(held.ctx)
	held.cancel(nil)
	keeping.Wait()
}

// writers notes who writes.
type writers struct {
	mu         sync.Mutex
	writing    map[int]bool
	seen       []int
	overlapped bool
}

func (w *writers) begin(who int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.writing == nil {
		w.writing = make(map[int]bool)
	}
	if w.writing[who] = true; len(w.writing) > 1 {
		w.overlapped = true
	}
	if !slices.Contains(w.seen, who) {
		w.seen = append(w.seen, who)
	}
}

func (w *writers) end(who int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.writing, who)
}

func (w *writers) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.seen)
}

// watched is a store whose writes are noted.
type watched struct {
	search.Store
	writers *writers
	who     int
	end     context.CancelFunc
}

func (w watched) Live() search.Index { return watchedIndex{w.Store.Live(), w} }

type watchedIndex struct {
	search.Index
	by watched
}

// Apply writes, and ends the process after that.
func (w watchedIndex) Apply(ctx context.Context, c search.Changes) error {
	defer w.by.end()
	w.by.writers.begin(w.by.who)
	defer w.by.writers.end(w.by.who)
	time.Sleep(2 * time.Millisecond) // long enough for another to be caught
	return w.Index.Apply(ctx, c)
}

// TestLease: another process has the feed only after the lease, a stopped one's at once; work ends before the lease.
func TestLease(t *testing.T) {
	s := newShop(t)
	shared := func(c *Config) { c.Exclusive = false }
	first, second := s.in(t, "eu-west", shared), s.in(t, "eu-west", shared)
	for _, b := range []*branch{first, second} {
		b.Replica, b.Lease = "shared", time.Hour
	}
	held := testkit.Must(first.acquire(t.Context()))(t)
	if held == nil {
		t.Fatal("nobody has the lease, and it cannot be had")
	}
	if left := first.remaining(time.Now()); left >= first.Lease || left < first.Lease/2 {
		t.Errorf("of a lease of %s work has %s", first.Lease, left)
	}
	if taken := testkit.Must(second.acquire(t.Context()))(t); taken != nil {
		t.Fatal("two have the lease")
	}
	if again := testkit.Must(first.beat(t.Context()))(t); !again {
		t.Error("the lease cannot be renewed")
	}
	if replicas := testkit.Must(Replicas(t.Context(), s.db, []string{"eu-west"}))(t); len(replicas) != 1 || replicas[0].Engine != "memory" ||
		replicas[0].State != StateStarting {
		t.Errorf("the replicas are %+v", replicas)
	}
	testkit.NoError(t, first.release(t.Context()))
	if replicas := testkit.Must(Replicas(t.Context(), s.db, []string{"eu-west"}))(t); replicas[0].State != StateStopped {
		t.Errorf("after its end a feed is %+v", replicas[0])
	}
	if taken := testkit.Must(second.acquire(t.Context()))(t); taken == nil {
		t.Error("a lease that was given back cannot be had")
	}
	if again := testkit.Must(first.beat(t.Context()))(t); again {
		t.Error("a lease that another has is renewed")
	}
	// A lease that is not renewed ends by itself, and its context before it.
	databasetest.Exec(t, s.db, `UPDATE search_replicas SET held_until = now() - INTERVAL '1 second'`)
	first.Lease = 50 * time.Millisecond
	held = testkit.Must(first.acquire(t.Context()))(t)
	<-held.ctx.Done()
	if cause := context.Cause(held.ctx); !errors.Is(cause, errLeaseOver) {
		t.Errorf("the lease ended for %v", cause)
	}
}

// TestLease_Exclusive: a folder that only one process can have open is fed again at once after a kill.
func TestLease_Exclusive(t *testing.T) {
	s := newShop(t)
	first, second := s.in(t, "eu-west"), s.in(t, "eu-west")
	first.lead(t)
	second.lead(t)
}

func TestSweepOnce(t *testing.T) {
	s := newShop(t)
	b := s.in(t, "eu-west")
	b.ask(t, Compare, false)
	if n := testkit.Must(SweepOnce(t.Context(), s.db, 10))(t); n != 0 {
		t.Errorf("%d fresh rows are swept", n)
	}
	for _, table := range []string{"search_replicas", "search_jobs"} {
		databasetest.Exec(t, s.db, `UPDATE `+table+` SET expires_at = now() - INTERVAL '1 second'`)
	}
	if n := testkit.Must(SweepOnce(t.Context(), s.db, 10))(t); n != 2 {
		t.Errorf("%d rows are swept, want 2", n)
	}
}
