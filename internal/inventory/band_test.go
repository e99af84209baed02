package inventory_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/testkit/seed"
)

// band is that of a stock row, by its counters.
func band(l inventory.Level) inventory.Band {
	switch n := l.Available(); {
	case n > 5:
		return inventory.BandIn
	case n > 0:
		return inventory.BandLow
	}
	return inventory.BandOut
}

// TestBandChanged does all that changes a stock row's counters: band_changed_at moves when the row comes into another
// band, and only then.
func TestBandChanged(t *testing.T) {
	s := newShop(t)
	s.stock(t, "euw-1", "A", 8)
	s.stock(t, "euw-2", "A", 3)
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 7))
	look := func() (inventory.Level, time.Time) {
		level := testkit.Must(s.Get(t.Context(), "euw-1", "A"))(t)
		return level, databasetest.One[time.Time](t, s.db, `SELECT band_changed_at FROM stock WHERE region = 'eu-west' AND sku = 'A' AND warehouse = 'euw-1'`)
	}
	var held []placed
	moved, stayed := 0, 0
	for n := range 150 {
		before, changedBefore := look()
		what := "a count that finds less" // else the row would only grow
		if n := before.Available(); n > 10 {
			_, _ = s.Adjust(t.Context(), inventory.Adjustment{SKU: "A", Warehouse: "euw-1", Delta: 4 - n, Operation: by("count")})
		} else {
			what = change(t, s, random, &held)
		}
		after, changedAfter := look()
		changed := !changedAfter.Equal(changedBefore)
		if changed != (band(before) != band(after)) {
			t.Fatalf("change %d, %s: from %d to %d units for sale, moved: %t", n, what, before.Available(), after.Available(), changed)
		}
		if changed {
			moved++
		} else {
			stayed++
		}
	}
	if moved < 10 || stayed < 10 {
		t.Errorf("the band changed %d times and stayed %d times", moved, stayed)
	}
}

// change does something to the stock row, which may be refused, and says what.
func change(t *testing.T, s *shop, random *rand.Rand, held *[]placed) string {
	t.Helper()
	units := 1 + random.Int64N(6)
	switch random.IntN(6) {
	case 0:
		s.stock(t, "euw-1", "A", units)
		return "a delivery"
	case 1:
		_ = s.ReceiveMany(t.Context(), []inventory.Receipt{{SKU: "A", Warehouse: "euw-1", Quantity: units}})
		return "many deliveries"
	case 2:
		_, _ = s.Adjust(t.Context(), inventory.Adjustment{SKU: "A", Warehouse: "euw-1", Delta: -units, Operation: by("broken")})
		return "a correction"
	case 3:
		from, to := "euw-1", "euw-2"
		if random.IntN(2) == 0 {
			from, to = to, from
		}
		_, _ = s.Transfer(t.Context(), inventory.Transfer{SKU: "A", From: from, To: to, Quantity: units, Operation: by("balance")})
		return "a transfer"
	case 4:
		p, err := s.place(t.Context(), "eu-west", []inventory.Allocation{{Region: "eu-west", Warehouse: "euw-1", SKU: "A", LineNo: 1,
			Quantity: units}})
		if err == nil {
			*held = append(*held, p)
		}
		return "an order"
	}
	if len(*held) == 0 {
		return "nothing"
	}
	p := (*held)[0]
	*held = (*held)[1:]
	if random.IntN(2) == 0 {
		_ = s.move(t.Context(), &p, inventory.ReleaseHeld, true)
		return "a cancellation"
	}
	_ = s.move(t.Context(), &p, inventory.AllocateHeld, true)
	_ = s.move(t.Context(), &p, inventory.ShipAllocated, true)
	return "a shipment"
}

// TestBands: a product has the best band of its active SKUs in the region's active warehouses.
func TestBands(t *testing.T) {
	s := newShop(t)
	product := seed.ProductID("mug")
	want := func(region string, want inventory.Band) {
		t.Helper()
		got := make(map[uuid.UUID]inventory.Band)
		err := s.db.Read(t.Context(), func(b *database.Batch) error {
			inventory.QueueBands(b, region, []uuid.UUID{product, uuid.New()}, got)
			return nil
		})
		if err != nil || got[product] != want {
			t.Errorf("in %s the band is %d (%v), want %d", region, got[product], err, want)
		}
	}
	want("eu-west", inventory.BandOut)
	s.stock(t, "euw-1", "A", 5)
	s.stock(t, "euw-2", "A", 5)
	s.stock(t, "euw-2", "OLD", 50)
	want("eu-west", inventory.BandLow)
	want("us-east", inventory.BandOut)
	s.stock(t, "euw-2", "B", 6)
	want("eu-west", inventory.BandIn)
	databasetest.Exec(t, s.db, `UPDATE warehouses SET active = false WHERE code = 'euw-2'`)
	want("eu-west", inventory.BandLow)
}
