package indexer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/pricing/changes"
	"meridian/internal/search"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

// TestSweep_Rules: what changes documents without an edit of a row is found.
func TestSweep_Rules(t *testing.T) {
	s := newShop(t)
	s.fill(t, 20)
	s.receive(t, "euw-1", "MUG-0003-R", 40)
	b := s.in(t, "eu-west")
	b.settle(t)
	tests := []struct {
		name string
		do   func()
	}{
		{"a category's name", func() { s.categories(t, "Cups") }},
		{"a market's multiplier", func() {
			databasetest.Exec(t, s.db, `
INSERT INTO fx_rates (currency, source, day, rate, status, valid_from)
SELECT c, 'ecb', '2026-01-02', '1.5', 'in_force', '2026-01-02' FROM unnest(ARRAY['CHF', 'GBP']) AS c`)
			databasetest.Exec(t, s.db, `UPDATE markets SET multiplier = '1.1' WHERE code = 'uk'`)
			testkit.NoError(t, s.db.Write(t.Context(), func(b *database.Batch) error { changes.QueueRulesChanged(b); return nil }))
		}},
		{"a warehouse", func() { databasetest.Exec(t, s.db, `UPDATE warehouses SET active = false WHERE code = 'euw-1'`) }},
	}
	for _, test := range tests {
		before := b.want(t)
		test.do()
		b.settle(t)
		b.wantSame(t)
		if t.Failed() {
			t.Fatalf("after %q", test.name)
		}
		if id := s.products[3].ID; before[id].Fingerprint() == b.store.documents()[id].Fingerprint() {
			t.Fatalf("%q changes nothing", test.name)
		}
	}
}

// TestSweep_KnownMoment: a change of the rules that is announced moves no document, and still is there in time.
func TestSweep_KnownMoment(t *testing.T) {
	s := newShop(t)
	s.fill(t, 10)
	b := s.in(t, "eu-west")
	b.settle(t)
	at := time.Now().UTC().Add(700 * time.Millisecond).Truncate(time.Microsecond)
	databasetest.Exec(t, s.db, `UPDATE price_lists SET valid_to = $1 WHERE code = 'catalogue-USD'`, at)
	testkit.NoError(t, s.db.Write(t.Context(), func(b *database.Batch) error { changes.QueueRulesChanged(b); return nil }))
	b.settle(t)
	id := s.products[0].ID
	if d := b.store.documents()[id]; time.Now().Before(at) && (d.Prices["us"] != 1395 || !d.GoodUntil.Equal(at)) {
		t.Fatalf("the price is %d and good until %s, want 1395 until %s", d.Prices["us"], d.GoodUntil, at)
	}
	for deadline := at.Add(10 * time.Second); b.store.documents()[id].Prices["us"] != 0; {
		if time.Now().After(deadline) {
			t.Fatal("the price never ends")
		}
		b.settle(t)
	}
	b.wantSame(t)
}

// TestSweep_Resumes kills a feed in the middle of filling its index: the next goes on there, and edits are followed
// between the pages.
func TestSweep_Resumes(t *testing.T) {
	s := newShop(t)
	s.fill(t, 60)
	s.age(t)
	b := s.in(t, "eu-west", func(c *Config) { c.Page = 10 })
	for range 3 {
		if busy := testkit.Must(b.RoundOnce(t.Context()))(t); !busy {
			t.Fatal("the sweep has ended already")
		}
	}
	if n := len(b.store.documents()); n != 30 {
		t.Fatalf("%d documents after three rounds, want 30", n)
	}
	if filled := testkit.Must(Filled(t.Context(), b.store.Live()))(t); filled {
		t.Error("half an index is told to be filled")
	}
	if got := b.Status(); got.State != StateFilling || !strings.Contains(got.String(), "30 of 60") {
		t.Errorf("the status is %q", got)
	}
	b.start(t, "eu-west", func(c *Config) { c.Page = 10 })
	s.edit(t, 59, func(in *catalog.ProductInput) { in.Title = "Cup" })
	before := b.store.written()
	testkit.Must(b.RoundOnce(t.Context()))(t)
	if d := b.store.documents()[s.products[59].ID]; d.Title != "Cup" {
		t.Errorf("the edit is not in the index after a round of filling: %q", d.Title)
	}
	b.settle(t)
	b.wantSame(t)
	// The edited product is written once more where the sweep had passed it before.
	if n := b.store.written() - before; n != 30 && n != 31 {
		t.Errorf("%d documents were written after the kill", n)
	}
	if filled := testkit.Must(Filled(t.Context(), b.store.Live()))(t); !filled {
		t.Error("the index is not told to be filled")
	}
}

// TestSweep_Wiped: an index that was wiped is filled again by itself, and so is one that was put back to an old state.
func TestSweep_Wiped(t *testing.T) {
	s := newShop(t)
	s.fill(t, 20)
	b := s.in(t, "eu-west")
	b.settle(t)
	b.store.wipe()
	b.settle(t)
	b.wantSame(t)

	s.archive(t, 1)
	old := newMemoryIndex()
	for id, d := range b.store.documents() {
		old.documents[id] = d
	}
	for name, position := range b.store.live.positions {
		old.positions[name] = position
	}
	s.edit(t, 2, func(in *catalog.ProductInput) { in.Title = "Cup" })
	b.settle(t)
	b.store.live = old
	b.settle(t)
	b.wantSame(t)
}

// TestSetAside: what an engine refuses is set aside with the reason, and holds up nothing.
func TestSetAside(t *testing.T) {
	for _, named := range []bool{false, true} {
		t.Run(fmt.Sprintf("named %t", named), func(t *testing.T) {
			s := newShop(t)
			s.fill(t, 40)
			b := s.in(t, "eu-west", func(c *Config) { c.Page = 16 })
			b.store.named = named
			b.store.refuse = func(d search.Document) bool { return strings.Contains(d.Title, "7") || d.Title == "Poison" }
			b.settle(t)
			wantAside(t, b, 7, 17, 27, 37)
			if n := len(b.store.documents()); n != 36 {
				t.Errorf("%d documents, want 36", n)
			}
			// One is edited, one archived, one poisoned; the feed goes on.
			s.edit(t, 7, func(in *catalog.ProductInput) { in.Title = "Cup" })
			s.archive(t, 17)
			s.edit(t, 3, func(in *catalog.ProductInput) { in.Title = "Poison" })
			s.edit(t, 4, func(in *catalog.ProductInput) { in.Title = "Cup" })
			b.settle(t)
			wantAside(t, b, 3, 27, 37)
			if d := b.store.documents()[s.products[3].ID]; d.Title != "Mug MUG-0003" {
				t.Errorf("of what is set aside the index has %q, want what it was", d.Title)
			}
			if d := b.store.documents()[s.products[4].ID]; d.Title != "Cup" {
				t.Errorf("beside what is set aside the index has %q", d.Title)
			}
			if got := b.Status(); got.SetAside != 3 {
				t.Errorf("the status tells of %d", got.SetAside)
			}
			// After a kill it is known what is set aside; a comparison tries it again.
			b.start(t, "eu-west")
			b.settle(t)
			b.store.refuse = nil
			b.compare(t, false)
			wantAside(t, b)
			b.wantSame(t)
		})
	}
}

// wantAside fails the test unless these products are set aside, and no others.
func wantAside(t *testing.T, b *branch, products ...int) {
	t.Helper()
	var want, got []uuid.UUID
	for _, i := range products {
		want = append(want, b.products[i].ID)
	}
	for _, a := range testkit.Must(SetAside(t.Context(), b.db, []string{"eu-west"}, 100))(t) {
		if a.Reason != "it is poisoned" || a.Replica != b.Replica {
			t.Errorf("%s is set aside by %s for %q", a.Product, a.Replica, a.Reason)
		}
		got = append(got, a.Product)
	}
	if !slices.Equal(sorted(want), sorted(got)) {
		t.Errorf("set aside are %v, want %v", got, want)
	}
}

// TestSetAside_CannotBeMade: a product that no document can be made of.
func TestSetAside_CannotBeMade(t *testing.T) {
	s := newShop(t)
	s.fill(t, 5)
	b := s.in(t, "eu-west")
	b.settle(t)
	databasetest.Exec(t, s.db, `UPDATE products SET images = '{"no": "list"}', version = version + 1, updated_at = now() WHERE id = $1`,
		s.products[2].ID)
	s.edit(t, 3, func(in *catalog.ProductInput) { in.Title = "Cup" })
	b.settle(t)
	aside := testkit.Must(SetAside(t.Context(), s.db, []string{"eu-west"}, 100))(t)
	if len(aside) != 1 || aside[0].Product != s.products[2].ID || aside[0].Reason == "" {
		t.Errorf("set aside: %+v", aside)
	}
	if d := b.store.documents()[s.products[3].ID]; d.Title != "Cup" {
		t.Errorf("beside it the index has %q", d.Title)
	}
	found := b.compare(t, false)
	if found.Left != 1 || found.Differences[CannotBe] != 1 {
		t.Errorf("a comparison finds %+v", found)
	}
}

// TestWrite_RefusedWithoutDocuments: where there is nothing left to refuse, the refusal is an error like any other.
func TestWrite_RefusedWithoutDocuments(t *testing.T) {
	s := newShop(t)
	s.fill(t, 3)
	b := s.in(t, "eu-west")
	refusal := &search.RejectedError{Reason: "whatever it is"}
	b.store.fail(func(call string) error {
		if call == "apply" {
			return refusal
		}
		return nil
	}, nil)
	if _, err := b.RoundOnce(t.Context()); !errors.Is(err, error(refusal)) {
		t.Errorf("the round ends with %v", err)
	}
}
