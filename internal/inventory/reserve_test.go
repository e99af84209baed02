package inventory_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"meridian/internal/cart"
	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/order"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

func TestReserve(t *testing.T) {
	s := newShop(t)
	s.stock(t, "euw-1", "A", 5)
	s.stock(t, "use-1", "A", 5)
	both := append(from("us-east", "use-1", 2), from("eu-west", "euw-1", 3)...)
	p, err := s.place(t.Context(), "ap-southeast", both)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.counters(t, "euw-1", "A") + " " + s.counters(t, "use-1", "A"); got != "5/3/0 5/2/0" {
		t.Errorf("counters %s", got)
	}
	var held []inventory.Reservation
	err = s.db.Read(t.Context(), func(b *database.Batch) error {
		inventory.QueueOrderReservations(b, order.Moved(p.cause), &held)
		return nil
	})
	if err != nil || len(held) != 2 || held[0].Warehouse != "euw-1" || held[0].Quantity != 3 || held[1].Status != "held" {
		t.Errorf("reservations %+v, %v", held, err)
	}
	s.wantBalanced(t)
}

func TestReserve_SoldOut(t *testing.T) {
	s := newShop(t)
	s.stock(t, "euw-1", "A", 5)
	s.stock(t, "euw-2", "A", 1)
	tooMany := append(from("eu-west", "euw-1", 3), from("eu-west", "euw-2", 2)...)
	if _, err := s.place(t.Context(), "eu-west", tooMany); !inventory.SoldOut(err) {
		t.Errorf("got %v", err)
	}
	if got := s.counters(t, "euw-1", "A"); got != "5/0/0" {
		t.Errorf("half of it happened: %s", got)
	}
	if n := databasetest.One[int64](t, s.db, `SELECT count(*) FROM orders`); n != 0 {
		t.Errorf("%d orders", n)
	}
	if _, err := s.place(t.Context(), "eu-west", from("eu-west", "euw-3", 1)); err == nil {
		t.Error("reserved where there is no stock row")
	}
	s.wantBalanced(t)
}

func TestMove(t *testing.T) {
	tests := []struct {
		name  string
		moves []inventory.Move
		want  string
	}{
		{"paid", []inventory.Move{inventory.AllocateHeld}, "5/0/2"},
		{"cancelled", []inventory.Move{inventory.ReleaseHeld}, "5/0/0"},
		{"shipped", []inventory.Move{inventory.AllocateHeld, inventory.ShipAllocated}, "3/0/0"},
		{"refunded unsent", []inventory.Move{inventory.AllocateHeld, inventory.ReleaseAllocated}, "5/0/0"},
		{"shipped twice", []inventory.Move{inventory.AllocateHeld, inventory.ShipAllocated, inventory.ShipAllocated}, "3/0/0"},
		{"shipped unpaid", []inventory.Move{inventory.ShipAllocated}, "5/2/0"},
		{"cancelled, then paid", []inventory.Move{inventory.ReleaseHeld, inventory.AllocateHeld}, "5/0/0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newShop(t)
			s.stock(t, "use-1", "A", 5)
			p := testkit.Must(s.place(t.Context(), "eu-west", from("us-east", "use-1", 2)))(t)
			for _, move := range test.moves {
				testkit.NoError(t, s.move(t.Context(), &p, move, true))
			}
			if got := s.counters(t, "use-1", "A"); got != test.want {
				t.Errorf("counters %s, want %s", got, test.want)
			}
			s.wantBalanced(t)
		})
	}
}

// TestMove_NotAllowed shows that a transition that did not happen moves nothing.
func TestMove_NotAllowed(t *testing.T) {
	s := newShop(t)
	s.stock(t, "euw-1", "A", 5)
	p := testkit.Must(s.place(t.Context(), "eu-west", from("eu-west", "euw-1", 2)))(t)
	testkit.NoError(t, s.move(t.Context(), &p, inventory.AllocateHeld, false))
	if got := s.counters(t, "euw-1", "A"); got != "5/2/0" {
		t.Errorf("counters %s", got)
	}
	s.wantBalanced(t)
}

// TestReserveConcurrently races 100 buyers for 30 units of one row.
func TestReserveConcurrently(t *testing.T) {
	s := newShop(t, databasetest.MaxConns(16))
	s.stock(t, "euw-1", "A", 30)
	var sold, soldOut atomic.Int64
	var buyers sync.WaitGroup
	for range 100 {
		buyers.Go(func() {
			_, err := s.place(t.Context(), "eu-west", from("eu-west", "euw-1", 1))
			switch {
			case err == nil:
				sold.Add(1)
			case inventory.SoldOut(err):
				soldOut.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	buyers.Wait()
	if sold.Load() != 30 || soldOut.Load() != 70 {
		t.Errorf("%d sold and %d told sold out, of 30 units for 100", sold.Load(), soldOut.Load())
	}
	if got := s.counters(t, "euw-1", "A"); got != "30/30/0" {
		t.Errorf("counters %s", got)
	}
	s.wantBalanced(t)
}

func TestGiveBackAndReturn(t *testing.T) {
	s := newShop(t)
	s.stock(t, "euw-1", "A", 9)
	p := testkit.Must(s.place(t.Context(), "eu-west", from("eu-west", "euw-1", 5)))(t)
	testkit.NoError(t, s.move(t.Context(), &p, inventory.AllocateHeld, true))
	give := func(units int64) func(b *database.Batch, r inventory.Reservation) {
		return func(b *database.Batch, r inventory.Reservation) {
			inventory.QueueRelease(b, p.cause, taken(r, 1), taken(r, units-1))
		}
	}
	s.change(t, p, give(2))
	if got := s.counters(t, "euw-1", "A"); got != "9/0/3" {
		t.Errorf("after giving 2 back: %s", got)
	}
	s.wantBalanced(t)
	testkit.NoError(t, s.move(t.Context(), &p, inventory.ShipAllocated, true))
	s.change(t, p, func(b *database.Batch, r inventory.Reservation) {
		inventory.QueueReturn(b, p.cause, taken(r, 2), taken(r, 1))
	})
	if got := s.counters(t, "euw-1", "A"); got != "9/0/0" {
		t.Errorf("after the return of 3: %s", got)
	}
	s.wantBalanced(t)
}

// TestGiveBack_Whole: a reservation whose last units go back, in parts, is released; what has no units changes nothing.
func TestGiveBack_Whole(t *testing.T) {
	s := newShop(t)
	s.stock(t, "euw-1", "A", 9)
	s.stock(t, "use-1", "A", 9)
	p := testkit.Must(s.place(t.Context(), "eu-west", slices.Concat(from("eu-west", "euw-1", 5), from("us-east", "use-1", 4))))(t)
	testkit.NoError(t, s.move(t.Context(), &p, inventory.AllocateHeld, true))
	var all []inventory.Taken
	s.change(t, p, func(_ *database.Batch, r inventory.Reservation) {
		all = append(all, taken(r, 1), taken(r, r.Quantity-1))
	})
	databasetest.WantCost(t, "giving back", database.Cost{Trips: 1, Statements: 3, Away: 3}, func(ctx context.Context) {
		testkit.NoError(t, s.db.Write(ctx, func(b *database.Batch) error {
			inventory.QueueReturn(b, p.cause)
			inventory.QueueRelease(b, p.cause)
			inventory.QueueRelease(b, p.cause, all...)
			return nil
		}))
	})
	for warehouse, want := range map[string]string{"euw-1": "9/0/0", "use-1": "9/0/0"} {
		if got := s.counters(t, warehouse, "A"); got != want {
			t.Errorf("%s: %s, want %s", warehouse, got, want)
		}
	}
	if n := databasetest.One[int64](t, s.db, `SELECT count(*) FROM reservations WHERE status = 'released' AND quantity IN (4, 5)`); n != 2 {
		t.Errorf("%d reservations are released, want 2", n)
	}
	s.wantBalanced(t)
}

func taken(r inventory.Reservation, units int64) inventory.Taken {
	return inventory.Taken{Reservation: r, Units: units}
}

// change queues something for each reservation of an order.
func (s *shop) change(t testing.TB, p placed, queue func(b *database.Batch, r inventory.Reservation)) {
	t.Helper()
	var held []inventory.Reservation
	testkit.NoError(t, s.db.Read(t.Context(), func(b *database.Batch) error {
		inventory.QueueOrderReservations(b, order.Moved(p.cause), &held)
		return nil
	}))
	testkit.NoError(t, s.db.Write(t.Context(), func(b *database.Batch) error {
		for _, r := range held {
			queue(b, r)
		}
		return nil
	}))
}

// TestLedger_RandomSequences lets orders and operators do anything, refused or not, and
// holds every counter to its ledger and its reservations.
func TestLedger_RandomSequences(t *testing.T) {
	s := newShop(t)
	places := [][2]string{{"eu-west", "euw-1"}, {"us-east", "use-1"}}
	moves := []inventory.Move{inventory.AllocateHeld, inventory.ReleaseHeld, inventory.ReleaseAllocated, inventory.ShipAllocated}
	rapid.Check(t, func(rt *rapid.T) {
		var orders []placed
		s.stock(t, "use-1", "A", 6)
		for range rapid.IntRange(8, 24).Draw(rt, "steps") {
			place := rapid.SampledFrom(places).Draw(rt, "warehouse")
			units := rapid.Int64Range(1, 6).Draw(rt, "units")
			switch step := rapid.IntRange(0, 9).Draw(rt, "step"); {
			case step == 0:
				s.stock(t, place[1], "A", units)
			case step == 1:
				_, _ = s.Adjust(t.Context(), inventory.Adjustment{SKU: "A", Warehouse: place[1], Delta: -units, Operation: by("count")})
			case step == 2:
				_, _ = s.Transfer(t.Context(), inventory.Transfer{SKU: "A", From: place[1], To: "aps-1", Quantity: units, Operation: by("balance")})
			case step <= 4:
				if p, err := s.place(t.Context(), "eu-west", from(place[0], place[1], units)); err == nil {
					orders = append(orders, p)
				}
			case len(orders) > 0:
				i := rapid.IntRange(0, len(orders)-1).Draw(rt, "order")
				move := rapid.SampledFrom(moves).Draw(rt, "move")
				testkit.NoError(rt, s.move(t.Context(), &orders[i], move, rapid.IntRange(0, 3).Draw(rt, "allowed") > 0))
			}
		}
	})
	s.wantBalanced(t)
	if n := databasetest.One[int64](t, s.db, `SELECT count(*) FROM stock_movements WHERE kind = 'ship'`); n == 0 {
		t.Error("the sequences never shipped anything: they are too tame")
	}
}

func TestOffers(t *testing.T) {
	levels := inventory.LevelsOf([]inventory.LocatedLevel{
		{Level: inventory.Level{Region: "eu-west", SKU: "A", Warehouse: "euw-1", OnHand: 9, Reserved: 2, Allocated: 3}, Latitude: 53.35,
			Longitude: -6.26},
		{Level: inventory.Level{Region: "eu-west", SKU: "B", Warehouse: "euw-1", OnHand: 9}},
	})
	demand := []inventory.Demand{{LineNo: 1, SKU: "A", Quantity: 3}, {LineNo: 2, SKU: "A", Quantity: 1}}
	offers := func() []inventory.Offer { return levels.Offers(demand, 53.35, -6.26, inventory.Unlimited) }
	if got := offers(); len(got) != 1 || got[0].Available != 4 || got[0].DistanceKM != 0 || got[0].Warehouse != "euw-1" {
		t.Errorf("offers %+v", got)
	}
	allocations := testkit.Must(inventory.Allocate(demand, offers()))(t)
	levels.Take(allocations)
	if got := offers(); got[0].Available != 0 {
		t.Errorf("offers after all was taken %+v", got)
	}
}

// TestCartLevels reads the stock of what a cart holds, in every region, from active
// warehouses.
func TestCartLevels(t *testing.T) {
	s := newShop(t)
	s.stock(t, "euw-1", "A", 5)
	s.stock(t, "use-1", "A", 4)
	s.stock(t, "use-1", "B", 3)
	databasetest.Exec(t, s.db, `UPDATE warehouses SET active = false WHERE code = 'euw-1'`)
	databasetest.Exec(t, s.db, `
INSERT INTO carts (region, id, currency, country, expires_at)
VALUES ('eu-west', '00000000-0000-4000-8000-0000000000c1', 'EUR', 'IE', now() + INTERVAL '1 day')`)
	databasetest.Exec(t, s.db, `INSERT INTO cart_lines (region, cart_id, sku, quantity) VALUES ('eu-west', '00000000-0000-4000-8000-0000000000c1', 'A', 1)`)
	ref := regions.Ref{Region: "eu-west", ID: [16]byte{0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 0xc1}}
	var levels []inventory.LocatedLevel
	err := s.db.Read(t.Context(), func(b *database.Batch) error {
		inventory.QueueLevels(b, cart.SKUsSQL([]regions.Ref{ref}), s.Regions, &levels)
		return nil
	})
	if err != nil || len(levels) != 1 || levels[0].Warehouse != "use-1" || levels[0].Available() != 4 || levels[0].Latitude == 0 {
		t.Errorf("levels %+v, %v", levels, err)
	}
}
