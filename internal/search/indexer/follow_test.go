package indexer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/search"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

// TestFollow changes each thing that a document is made of, and finds it in the index of the region that it is about.
func TestFollow(t *testing.T) {
	s := newShop(t)
	s.fill(t, 20)
	here, there := s.in(t, "eu-west"), s.in(t, "ap-southeast")
	here.settle(t)
	there.settle(t)
	here.wantSame(t)
	steps := []struct {
		name string
		do   func()
	}{
		{"title", func() { s.edit(t, 3, func(in *catalog.ProductInput) { in.Title = "Cup" }) }},
		{"category", func() { s.edit(t, 4, func(in *catalog.ProductInput) { in.CategoryID = "fb" }) }},
		{"SKU archived", func() { s.edit(t, 5, func(in *catalog.ProductInput) { in.SKUs = in.SKUs[1:] }) }},
		{"price", func() { s.reprice(t, "MUG-0006-B", 99, 0) }},
		{"archived", func() { s.archive(t, 7) }},
		{"draft", func() { s.edit(t, 8, func(in *catalog.ProductInput) { in.Status = catalog.Draft }) }},
		{"new", func() { s.fill(t, 1) }},
		{"delivery", func() { s.receive(t, "euw-1", "MUG-0009-R", 40) }},
		{"few left", func() { s.adjust(t, "euw-1", "MUG-0009-R", -36) }},
		{"sold out", func() { s.adjust(t, "euw-1", "MUG-0009-R", -4) }},
		{"rated", func() { s.rate(t, 10, 4); s.rate(t, 10, 5); s.rate(t, 10, 5) }},
		{"popular here", func() { s.popular(t, "eu-west", 11, 17) }},
		{"popular there", func() { s.popular(t, "ap-southeast", 12, 3) }},
		{"back on sale", func() { s.edit(t, 7, func(*catalog.ProductInput) {}) }},
	}
	for _, step := range steps {
		step.do()
		here.settle(t)
		there.settle(t)
		here.wantSame(t)
		there.wantSame(t)
		if t.Failed() {
			t.Fatalf("after %q", step.name)
		}
	}
}

// TestFollow_Steady: what was written is not written again, and an edit writes one document.
func TestFollow_Steady(t *testing.T) {
	s := newShop(t)
	s.fill(t, 20)
	b := s.in(t, "eu-west")
	b.settle(t)
	before := b.store.written()
	for range 20 {
		b.settle(t)
	}
	if again := b.store.written() - before; again != 0 {
		t.Errorf("%d documents were written although nothing changed", again)
	}
	s.edit(t, 3, func(in *catalog.ProductInput) { in.Title = "Cup" })
	s.receive(t, "euw-1", "MUG-0003-R", 40)
	b.settle(t)
	if n := b.store.written() - before; n != 1 {
		t.Errorf("an edit and a delivery of one product wrote %d documents", n)
	}
}

// TestFollow_Late: a transaction that was long under way shows, when it ends, with a time that the feed is past.
func TestFollow_Late(t *testing.T) {
	s := newShop(t)
	s.fill(t, 3)
	b := s.in(t, "eu-west")
	b.settle(t)
	conn := testkit.Must(pgx.Connect(t.Context(), s.kit.URL))(t)
	defer conn.Close(context.WithoutCancel(t.Context()))
	late := testkit.Must(conn.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.ReadCommitted}))(t) // so that no conflict ends it
	testkit.Must(late.Exec(t.Context(), `UPDATE products SET title = 'Late', version = version + 1, updated_at = now() WHERE id = $1`,
		s.products[0].ID))(t)
	// Meanwhile the feed goes on by far more than passes look back briefly.
	for began := time.Now(); time.Since(began) < briefly+briefly/2; {
		s.edit(t, 1, func(in *catalog.ProductInput) { in.Title = fmt.Sprint("Cup ", time.Now().UnixNano()) })
		b.settle(t)
	}
	testkit.NoError(t, late.Commit(t.Context()))
	testkit.Eventually(t, "the late edit to show", func() bool {
		b.settle(t)
		return b.store.documents()[s.products[0].ID].Title == "Late"
	})
	b.wantSame(t)
}

// TestFollow_Brief holds a pass between full ones to what it reads, and a restart to what they have not read.
func TestFollow_Brief(t *testing.T) {
	const overlap = 15 * time.Second
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	f := &follower{floor: at, position: at, seen: make(map[seenRow]seenState)}
	round := func(now time.Time, changes ...change) {
		f.begin(overlap)
		f.done(sourcePage{changes: changes, last: true, at: now, cost: time.Hour}, overlap)
	}
	round(at.Add(time.Minute))
	if f.floor != at.Add(time.Minute) || f.position != f.floor {
		t.Fatalf("after a full pass the floor is %s and the position %s", f.floor, f.position)
	}
	round(at.Add(2*time.Minute), change{product: uuid.New(), at: at.Add(90 * time.Second)})
	if f.floor != at.Add(time.Minute) || f.position != at.Add(2*time.Minute) {
		t.Errorf("after a brief pass the floor is %s and the position %s", f.floor, f.position)
	}
	f.begin(overlap)
	if want := at.Add(2 * time.Minute).Add(-briefly); f.pass.behind.at != want {
		t.Errorf("a brief pass begins at %s, want %s", f.pass.behind.at, want)
	}
	f.pass, f.fullCost = nil, 0
	f.begin(overlap)
	if want := at.Add(time.Minute).Add(-overlap); f.pass.behind.at != want {
		t.Errorf("a full pass begins at %s, want %s", f.pass.behind.at, want)
	}
	// A pass of several pages: the floor is not past what it has read, nor past its beginning.
	f.done(sourcePage{changes: []change{{product: uuid.New(), at: at.Add(70 * time.Second)}}, at: at.Add(3 * time.Minute)}, overlap)
	if f.floor != at.Add(70*time.Second) {
		t.Errorf("in a pass the floor is %s", f.floor)
	}
	f.begin(overlap)
	f.done(sourcePage{changes: []change{{product: uuid.New(), at: at.Add(4 * time.Minute)}}, at: at.Add(5 * time.Minute)}, overlap)
	if f.floor != at.Add(3*time.Minute) {
		t.Errorf("in a pass that takes long the floor is %s", f.floor)
	}
	f.begin(overlap)
	f.done(sourcePage{last: true, at: at.Add(6 * time.Minute)}, overlap)
	if f.floor != at.Add(3*time.Minute) || f.position != f.floor || len(f.seen) != 1 {
		t.Errorf("in the end the floor is %s, the position %s, and %d changes are remembered", f.floor, f.position, len(f.seen))
	}
}

// TestFollow_ManyAtOnce: more changes with one time than a page holds.
func TestFollow_ManyAtOnce(t *testing.T) {
	s := newShop(t)
	b := s.in(t, "eu-west", func(c *Config) { c.Page = 500 })
	b.settle(t)
	databasetest.Exec(t, s.db, `
INSERT INTO products (id, seller_id, seller_key, slug, title, category_id, status)
SELECT gen_random_uuid(), $1, 'k' || n, 's' || n, 'Title ' || n, 'hg', 'active' FROM generate_series(1, 2345) AS n`, s.seller)
	b.settle(t)
	if n := len(b.store.documents()); n != 2345 {
		t.Errorf("%d documents, want 2345", n)
	}
	if n := b.store.written(); n != 2345 {
		t.Errorf("%d documents were written", n)
	}
}

// TestDue: a price that comes into force by itself is in the index then.
func TestDue(t *testing.T) {
	s := newShop(t)
	s.fill(t, 10)
	b := s.in(t, "eu-west")
	b.settle(t)
	const lead = 300 * time.Millisecond
	s.reprice(t, "MUG-0004-B", 5, lead)
	b.settle(t)
	b.wantSame(t)
	if price := b.store.documents()[s.products[4].ID].Prices["eu"]; price != 1195 {
		t.Fatalf("the price is %d before it is in force", price)
	}
	deadline := time.Now().Add(10 * time.Second)
	for b.store.documents()[s.products[4].ID].Prices["eu"] != 5 {
		if time.Now().After(deadline) {
			t.Fatal("the price never comes into force in the index")
		}
		b.settle(t)
	}
	b.wantSame(t)
}

// TestGoodUntil: documents without a known moment fall due in the second half of a day, spread.
func TestGoodUntil(t *testing.T) {
	s := newShop(t)
	s.fill(t, 12)
	b := s.in(t, "eu-west")
	before := time.Now()
	b.settle(t)
	hours := make(map[time.Time]bool)
	for _, d := range b.store.documents() {
		if d.GoodUntil.Before(before.Add(soonest-time.Second)) || d.GoodUntil.After(time.Now().Add(horizon)) {
			t.Errorf("good until %s", d.GoodUntil)
		}
		hours[d.GoodUntil.Truncate(time.Minute)] = true
	}
	if len(hours) < 6 {
		t.Errorf("12 documents fall due in %d different minutes", len(hours))
	}
}

var errBroken = errors.New("the wire broke")

// TestFollow_Property does what shops do, in any order, while feeds are killed and engines fail at any call. In the end
// every index is what the database says.
func TestFollow_Property(t *testing.T) {
	s := newShop(t)
	s.fill(t, 25)
	random := dice(t)
	branches := []*branch{s.in(t, "eu-west"), s.in(t, "us-east"), s.in(t, "ap-southeast")}
	warehouses := map[string]string{"eu-west": "euw-1", "us-east": "", "ap-southeast": ""}
	for _, region := range s.kit.Regions.All() {
		warehouses[region.Name] = region.Warehouses[0].Code
	}
	flaky := func(call string) error {
		switch random.IntN(12) {
		case 0:
			return fmt.Errorf("%s: %w", call, search.ErrUnavailable)
		case 1:
			return fmt.Errorf("%s: %w", call, errBroken)
		}
		return nil
	}
	for range 250 {
		i := random.IntN(len(s.products))
		b := branches[random.IntN(len(branches))]
		switch random.IntN(14) {
		case 0, 1, 2:
			s.edit(t, i, func(in *catalog.ProductInput) { in.Title = fmt.Sprint("Cup ", random.IntN(100)) })
		case 3:
			if s.products[i].Status == catalog.Active {
				s.archive(t, i)
			}
		case 4:
			s.edit(t, i, func(in *catalog.ProductInput) {
				for _, c := range []money.Currency{"EUR", "USD"} { // those that it has, which an edit must name
					in.SKUs[0].Prices[c] = random.Int64N(9999)
				}
			})
		case 5:
			s.reprice(t, fmt.Sprintf("MUG-%04d-B", i), random.Int64N(9999), time.Duration(random.IntN(100))*time.Millisecond)
		case 6, 7:
			s.receive(t, warehouses[b.DB.Region()], fmt.Sprintf("MUG-%04d-R", i), 1+random.Int64N(9))
		case 8:
			s.rate(t, i, 1+random.Int64N(5))
		case 9:
			s.popular(t, b.DB.Region(), i, random.Int64N(50))
		case 10:
			s.fill(t, 1)
		case 11:
			b.start(t, b.DB.Region()) // killed
		case 12:
			b.store.fail(flaky, flaky)
		case 13:
			if random.IntN(3) == 0 {
				b.store.wipe()
			}
		}
		for _, b := range branches {
			if random.IntN(3) > 0 {
				_, _ = b.RoundOnce(t.Context()) // it may fail: the engine is broken
			}
		}
	}
	for _, b := range branches {
		b.store.fail(nil, nil)
		deadline := time.Now().Add(200 * time.Millisecond) // the last of the prices to come
		for time.Now().Before(deadline) {
			b.settle(t)
		}
		b.wantSame(t)
	}
}

// TestFollow_Database: while the database does not answer, nothing moves.
func TestFollow_Database(t *testing.T) {
	s := newShop(t)
	s.fill(t, 5)
	b := s.in(t, "eu-west")
	b.settle(t)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.RoundOnce(cancelled); err == nil {
		t.Fatal("a round without a database succeeds")
	}
	if got := b.Status(); got.State != StateUnavailable || got.Detail == "" {
		t.Errorf("the status is %+v", got)
	}
	s.edit(t, 2, func(in *catalog.ProductInput) { in.Title = "Cup" })
	b.settle(t)
	b.wantSame(t)
	if got := b.Status(); got.State != StateFollowing || got.Documents != 5 {
		t.Errorf("the status is %+v", got)
	}
}

// TestFollow_RoundTrips: an idle round asks the database once, and the edit of a product is one more.
func TestFollow_RoundTrips(t *testing.T) {
	s := newShop(t)
	s.fill(t, 5)
	b := s.in(t, "eu-west")
	b.settle(t)
	b.StateEvery = time.Hour
	trips := func() int64 {
		ctx, trips := database.CountTrips(t.Context())
		testkit.Must(b.RoundOnce(ctx))(t)
		return trips.Count()
	}
	if n := trips(); n != 1 {
		t.Errorf("an idle round takes %d round trips", n)
	}
	s.edit(t, 2, func(in *catalog.ProductInput) { in.Title = "Cup" })
	if n := trips(); n != 2 {
		t.Errorf("a round with an edit takes %d round trips", n)
	}
}

func sorted(ids []uuid.UUID) []uuid.UUID {
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return ids
}
