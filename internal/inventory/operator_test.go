package inventory_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/invalid"
	"meridian/internal/inventory"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

func TestSyncWarehouses(t *testing.T) {
	s := newShop(t)
	set := s.Regions
	houses := testkit.Must(s.Warehouses(t.Context()))(t)
	want := 0
	for _, region := range set.All() {
		want += len(region.Warehouses)
	}
	if len(houses) != want || houses[0].Code != "aps-1" || !houses[0].Active || houses[0].Region != "ap-southeast" ||
		houses[0].Latitude != 1.35 {
		t.Fatalf("warehouses %+v, want %d", houses, want)
	}
	databasetest.Exec(t, s.db, `INSERT INTO warehouses (code, region, title, country, latitude, longitude) VALUES ('old-1', 'us-east', 'Old', 'US', 1, 1)`)
	databasetest.Exec(t, s.db, `UPDATE warehouses SET title = 'wrong', active = false WHERE code = 'euw-1'`)
	for range 2 {
		testkit.NoError(t, inventory.SyncWarehouses(t.Context(), s.db, set))
	}
	again := testkit.Must(s.Warehouses(t.Context()))(t)
	var active []inventory.Warehouse
	for _, house := range again {
		if house.Active {
			active = append(active, house)
		}
	}
	if diff := cmp.Diff(houses, active); diff != "" || len(again) != want+1 {
		t.Errorf("%d rows; active ones (-want +got):\n%s", len(again), diff)
	}
	databasetest.Exec(t, s.db, `UPDATE warehouses SET region = 'us-west' WHERE code = 'euw-1'`)
	if err := inventory.SyncWarehouses(t.Context(), s.db, set); err == nil {
		t.Error("a warehouse has changed its region unnoticed")
	}
}

func TestReceive(t *testing.T) {
	s := newShop(t)
	ctx, trips := database.CountTrips(t.Context())
	for i := range 2 {
		level, err := s.Receive(ctx, inventory.Receipt{SKU: "A", Warehouse: "use-1", Quantity: 5, Operation: by("delivery")})
		want := inventory.Level{Region: "us-east", SKU: "A", Warehouse: "use-1", OnHand: int64(5 * (i + 1))}
		if err != nil || level != want {
			t.Errorf("got %+v, %v, want %+v", level, err, want)
		}
	}
	if trips.Count() != 2 {
		t.Errorf("%d round trips for two deliveries", trips.Count())
	}
	if n := s.events(t, "stock.received"); n != 2 {
		t.Errorf("%d events", n)
	}
	s.wantBalanced(t)
}

func TestOperations_Refused(t *testing.T) {
	s := newShop(t)
	s.stock(t, "euw-1", "A", 5)
	testkit.Must(s.place(t.Context(), "eu-west", from("eu-west", "euw-1", 3)))(t)
	receive := func(sku, warehouse string, units int64) error {
		_, err := s.Receive(t.Context(), inventory.Receipt{SKU: sku, Warehouse: warehouse, Quantity: units, Operation: by("x")})
		return err
	}
	adjust := func(sku, warehouse string, delta int64) error {
		_, err := s.Adjust(t.Context(), inventory.Adjustment{SKU: sku, Warehouse: warehouse, Delta: delta, Operation: by("x")})
		return err
	}
	transfer := func(sku, from, to string, units int64) error {
		_, err := s.Transfer(t.Context(), inventory.Transfer{SKU: sku, From: from, To: to, Quantity: units, Operation: by("x")})
		return err
	}
	invalid := func(err error) string {
		var e *invalid.Error
		if !errors.As(err, &e) {
			return fmt.Sprint(err)
		}
		var fields []string
		for _, f := range e.Fields {
			fields = append(fields, f.Name)
		}
		return strings.Join(fields, " ")
	}
	tests := []struct {
		name string
		got  error
		is   error
		want string
	}{
		{name: "unknown SKU", got: receive("Z", "euw-1", 1), is: inventory.ErrUnknownSKU},
		{name: "unknown warehouse", got: receive("A", "moon-1", 1), is: inventory.ErrUnknownWarehouse},
		{name: "nothing received", got: receive("A", "euw-1", 0), want: "quantity"},
		{name: "too much received", got: receive("A", "euw-1", inventory.MaxQuantity+1), want: "quantity"},
		{name: "no names", got: receive("", "", 1), want: "warehouse sku"},
		{name: "adjusted by nothing", got: adjust("A", "euw-1", 0), want: "delta"},
		{name: "adjusted where there is none", got: adjust("B", "euw-1", 1), is: inventory.ErrNoStock},
		{name: "adjusted below reserved", got: adjust("A", "euw-1", -3), want: "warehouse euw-1 has 2 free units of A, not 3"},
		{name: "adjusted below zero", got: adjust("A", "euw-1", -6), want: "warehouse euw-1 has 2 free units of A, not 6"},
		{name: "transferred to itself", got: transfer("A", "euw-1", "euw-1", 1), want: "to_warehouse"},
		{name: "too much transferred", got: transfer("A", "euw-1", "use-1", 3), want: "warehouse euw-1 has 2 free units of A, not 3"},
		{name: "transferred from nowhere", got: transfer("B", "euw-1", "use-1", 1), is: inventory.ErrNoStock},
		{name: "transferred to nowhere", got: transfer("A", "euw-1", "moon-1", 1), is: inventory.ErrUnknownWarehouse},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.is != nil {
				if !errors.Is(test.got, test.is) {
					t.Errorf("got %v, want %v", test.got, test.is)
				}
				return
			}
			if got := invalid(test.got); got != test.want && !strings.HasSuffix(got, ": "+test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	if got := s.counters(t, "euw-1", "A"); got != "5/3/0" {
		t.Errorf("something was changed: %s", got)
	}
	if n := databasetest.One[int64](t, s.db, `SELECT count(*) FROM stock`); n != 1 {
		t.Errorf("%d stock rows", n)
	}
	s.wantBalanced(t)
}

func TestOperation_Reason(t *testing.T) {
	for name, op := range map[string]inventory.Operation{
		"missing":  {Actor: "usr"},
		"too long": {Actor: "usr", Reason: strings.Repeat("x", 201)},
		"lines":    {Actor: "usr", Reason: "a\nb"},
		"blank":    {Actor: "usr", Reason: " "},
		"no actor": {Reason: "count"},
	} {
		t.Run(name, func(t *testing.T) {
			err := inventory.Adjustment{SKU: "A", Warehouse: "euw-1", Delta: 1, Operation: op}.Validate()
			var invalid *invalid.Error
			if !errors.As(err, &invalid) || len(invalid.Fields) != 1 {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTransfer(t *testing.T) {
	s := newShop(t)
	s.stock(t, "use-1", "A", 10)
	ctx, trips := database.CountTrips(t.Context())
	for _, way := range [][2]string{{"use-1", "euw-1"}, {"use-1", "aps-1"}, {"aps-1", "euw-1"}} {
		after, err := s.Transfer(ctx, inventory.Transfer{SKU: "A", From: way[0], To: way[1], Quantity: 2, Operation: by("balance")})
		if err != nil {
			t.Fatal(err)
		}
		if after.From.Warehouse != way[0] || after.To.Warehouse != way[1] {
			t.Errorf("got %+v", after)
		}
	}
	if trips.Count() != 3 {
		t.Errorf("%d round trips for three transfers", trips.Count())
	}
	got := s.counters(t, "use-1", "A") + " " + s.counters(t, "euw-1", "A") + " " + s.counters(t, "aps-1", "A")
	if got != "6/0/0 4/0/0 0/0/0" {
		t.Errorf("counters %s", got)
	}
	if n := databasetest.One[int64](t, s.db, `SELECT sum(on_hand)::int8 FROM stock`); n != 10 {
		t.Errorf("%d units of 10 are left", n)
	}
	s.wantBalanced(t)
}

func TestOperations_Idempotent(t *testing.T) {
	s := newShop(t)
	s.stock(t, "euw-1", "A", 10)
	keyed := func(key, print string) inventory.Operation {
		op := by("x")
		op.Idempotency = idempotency.Key{Key: key, Fingerprint: []byte(print)}
		return op
	}
	calls := map[string]func(op inventory.Operation) error{
		"receive": func(op inventory.Operation) error {
			_, err := s.Receive(t.Context(), inventory.Receipt{SKU: "A", Warehouse: "euw-1", Quantity: 1, Operation: op})
			return err
		},
		"adjust": func(op inventory.Operation) error {
			_, err := s.Adjust(t.Context(), inventory.Adjustment{SKU: "A", Warehouse: "euw-1", Delta: 1, Operation: op})
			return err
		},
		"transfer": func(op inventory.Operation) error {
			_, err := s.Transfer(t.Context(), inventory.Transfer{SKU: "A", From: "euw-1", To: "use-1", Quantity: 1, Operation: op})
			return err
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			testkit.NoError(t, call(keyed(name, "1")))
			before := s.counters(t, "euw-1", "A")
			var replay *idempotency.Replay
			if err := call(keyed(name, "1")); !errors.As(err, &replay) || replay.Answer.Resource != "euw-1/A" {
				t.Errorf("the repetition got %v", err)
			}
			if err := call(keyed(name, "2")); !errors.Is(err, idempotency.ErrReused) {
				t.Errorf("another call with the key got %v", err)
			}
			if after := s.counters(t, "euw-1", "A"); after != before {
				t.Errorf("counters %s became %s", before, after)
			}
		})
	}
	s.wantBalanced(t)
}

func TestReceiveMany(t *testing.T) {
	s := newShop(t)
	var receipts []inventory.Receipt
	for i := range 1100 {
		op := by("opening stock")
		op.Idempotency = idempotency.Key{Key: "seed"}
		receipts = append(receipts, inventory.Receipt{
			SKU: []string{"A", "B", "C"}[i%3], Warehouse: []string{"euw-1", "use-1"}[i%2], Quantity: 2, Operation: op,
		})
	}
	ctx, trips := database.CountTrips(t.Context())
	testkit.NoError(t, s.ReceiveMany(ctx, receipts))
	if trips.Count() != 3 {
		t.Errorf("%d round trips for three batches", trips.Count())
	}
	if err := s.ReceiveMany(t.Context(), receipts); err != nil {
		t.Errorf("the repetition got %v", err)
	}
	if n := databasetest.One[int64](t, s.db, `SELECT sum(on_hand)::int8 FROM stock`); n != 2200 {
		t.Errorf("%d units", n)
	}
	receipts[3].Quantity = 9
	if err := s.ReceiveMany(t.Context(), receipts); !errors.Is(err, idempotency.ErrReused) {
		t.Errorf("other receipts with the key got %v", err)
	}
	unknown := []inventory.Receipt{{SKU: "Z", Warehouse: "euw-1", Quantity: 1, Operation: by("x")}}
	if err := s.ReceiveMany(t.Context(), unknown); !errors.Is(err, inventory.ErrUnknownSKU) {
		t.Errorf("an unknown SKU got %v", err)
	}
	s.wantBalanced(t)
}

func TestAvailability(t *testing.T) {
	s := newShop(t)
	s.stock(t, "euw-1", "A", 5)
	s.stock(t, "euw-2", "A", 4)
	s.stock(t, "use-1", "A", 7)
	testkit.Must(s.place(t.Context(), "eu-west", from("eu-west", "euw-1", 3)))(t)
	databasetest.Exec(t, s.db, `UPDATE warehouses SET active = false WHERE code = 'use-1'`)
	ctx, trips := database.CountTrips(t.Context())
	got := testkit.Must(s.Availability(ctx, "A"))(t)
	want := []inventory.Availability{{Region: "ap-southeast"}, {Region: "eu-west", Units: 6}, {Region: "us-east"}, {Region: "us-west"}}
	if diff := cmp.Diff(want, got); diff != "" || trips.Count() != 1 {
		t.Errorf("%d round trips; availability (-want +got):\n%s", trips.Count(), diff)
	}
	for _, sku := range []string{"OLD", "Z"} {
		if _, err := s.Availability(t.Context(), sku); !errors.Is(err, inventory.ErrUnknownSKU) {
			t.Errorf("%s got %v", sku, err)
		}
	}
}

func TestList(t *testing.T) {
	s := newShop(t)
	for _, sku := range []string{"A", "B", "C"} {
		s.stock(t, "euw-1", sku, 1)
		s.stock(t, "use-1", sku, 2)
	}
	tests := []struct {
		name   string
		filter inventory.LevelFilter
		want   string
	}{
		{"by SKU", inventory.LevelFilter{SKU: "B"}, "B@euw-1 B@use-1"},
		{"by warehouse", inventory.LevelFilter{Warehouse: "use-1"}, "A@use-1 B@use-1 C@use-1"},
		{"by both", inventory.LevelFilter{SKU: "C", Warehouse: "use-1"}, "C@use-1"},
		{"unknown", inventory.LevelFilter{SKU: "Z"}, ""},
		{"everything", inventory.LevelFilter{}, "A@euw-1 A@use-1 B@euw-1 B@use-1 C@euw-1 C@use-1"},
		{"of a region", inventory.LevelFilter{Regions: []string{"us-east", "us-west"}}, "A@use-1 B@use-1 C@use-1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			filter := test.filter
			filter.Limit = 1 // a row a page
			for {
				page := testkit.Must(s.List(t.Context(), filter))(t)
				for _, level := range page.Items {
					got = append(got, level.SKU+"@"+level.Warehouse)
				}
				if filter.After = page.Next; page.Next == nil {
					break
				}
			}
			if diff := cmp.Diff(test.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := s.List(t.Context(), inventory.LevelFilter{Warehouse: "moon-1",
		PageFilter: database.PageFilter[inventory.LevelPosition]{Limit: 1}}); !errors.Is(err, inventory.ErrUnknownWarehouse) {
		t.Errorf("an unknown warehouse got %v", err)
	}
	var invalid *invalid.Error
	if _, err := s.List(t.Context(), inventory.LevelFilter{Regions: []string{"eu-west"}, Warehouse: "use-1",
		PageFilter: database.PageFilter[inventory.LevelPosition]{Limit: 1}}); !errors.As(err, &invalid) {
		t.Errorf("a warehouse of another region got %v", err)
	}
}

func TestMovements(t *testing.T) {
	s := newShop(t)
	s.stock(t, "euw-1", "A", 5)
	s.stock(t, "euw-1", "B", 5)
	for _, delta := range []int64{1, 2, 3} {
		testkit.Must(s.Adjust(t.Context(), inventory.Adjustment{SKU: "A", Warehouse: "euw-1", Delta: delta, Operation: by("count")}))(t)
	}
	var got []int64
	filter := inventory.MovementFilter{SKU: "A", Warehouse: "euw-1", PageFilter: database.PageFilter[inventory.MovementPosition]{Limit: 3}}
	for {
		page := testkit.Must(s.Movements(t.Context(), filter))(t)
		for _, m := range page.Items {
			got = append(got, m.OnHandDelta)
		}
		if filter.After = page.Next; page.Next == nil {
			break
		}
	}
	if diff := cmp.Diff([]int64{3, 2, 1, 5}, got); diff != "" {
		t.Errorf("movements (-want +got):\n%s", diff)
	}
	filter.After, filter.Limit = nil, 1
	page, err := s.Movements(t.Context(), filter)
	if err != nil || page.Items[0].Kind != "adjust" || page.Items[0].Reason != "count" || page.Items[0].Actor != "usr_euw_test" {
		t.Errorf("movement %+v, %v", page, err)
	}
}

// TestAlerts walks a stock row over its reorder point by every way there is.
func TestAlerts(t *testing.T) {
	s := newShop(t)
	alerts := func(want int64, when string) {
		t.Helper()
		if got := s.events(t, "stock.low"); got != want {
			t.Errorf("%d alerts %s, want %d", got, when, want)
		}
	}
	adjust := func(delta int64) {
		t.Helper()
		testkit.Must(s.Adjust(t.Context(), inventory.Adjustment{SKU: "A", Warehouse: "euw-1", Delta: delta, Operation: by("x")}))(t)
	}
	pass := func() {
		t.Helper()
		testkit.Must(s.AlertOnce(t.Context(), 10))(t)
	}
	s.stock(t, "euw-1", "A", 20)
	alerts(0, "of a full row")
	level, err := s.SetReorderPoint(t.Context(), inventory.ReorderPoint{SKU: "A", Warehouse: "euw-1", Units: 10})
	if err != nil || level.ReorderPoint != 10 {
		t.Fatalf("got %+v, %v", level, err)
	}
	alerts(0, "above the point")
	adjust(-10)
	alerts(1, "at the point")
	adjust(-1)
	pass()
	alerts(1, "further down")
	adjust(+2)
	alerts(1, "above again")
	adjust(-1)
	alerts(2, "at the point again")
	adjust(+5)
	p := testkit.Must(s.place(t.Context(), "eu-west", from("eu-west", "euw-1", 6)))(t)
	alerts(2, "by a sale, before the worker's pass")
	pass()
	pass()
	alerts(3, "by a sale")
	testkit.NoError(t, s.move(t.Context(), &p, inventory.ReleaseHeld, true))
	pass()
	testkit.Must(s.place(t.Context(), "eu-west", from("eu-west", "euw-1", 15)))(t)
	pass()
	alerts(4, "after a cancellation and another sale")
	if _, err := s.SetReorderPoint(t.Context(), inventory.ReorderPoint{SKU: "A", Warehouse: "use-1", Units: 1}); !errors.Is(err,
		inventory.ErrNoStock) {
		t.Errorf("the reorder point of no row got %v", err)
	}
	if n, err := s.AlertOnce(t.Context(), 10); n != 0 || err != nil {
		t.Errorf("a pass with nothing to do took %d, %v", n, err)
	}
}

func TestAlertOnce_Bounded(t *testing.T) {
	s := newShop(t)
	for _, sku := range []string{"A", "B", "C"} {
		s.stock(t, "euw-1", sku, 1)
	}
	s.stock(t, "use-1", "A", 1)
	databasetest.Exec(t, s.db, `UPDATE stock SET reorder_point = 1`)
	for want := range int64(4) {
		if got := s.events(t, "stock.low"); got != min(want, 3) {
			t.Errorf("%d alerts after %d passes of one row", got, want)
		}
		testkit.Must(s.AlertOnce(t.Context(), 1))(t)
	}
	if n := databasetest.One[int64](t, s.db, `SELECT count(*) FROM outbox WHERE topic = 'stock.low' AND region = 'eu-west' AND key = 'euw-1/B'`); n != 1 {
		t.Errorf("%d alerts of euw-1/B", n)
	}
}

// TestAlertOnce_Cost: a pass costs the same however many rows are low, and tells of each once.
func TestAlertOnce_Cost(t *testing.T) {
	s := newShop(t)
	for _, sku := range []string{"A", "B", "C"} {
		s.stock(t, "euw-1", sku, 1)
	}
	databasetest.Exec(t, s.db, `UPDATE stock SET reorder_point = 1`)
	databasetest.WantCost(t, "a pass", database.Cost{Trips: 2, Statements: 3}, func(ctx context.Context) {
		if n, err := s.AlertOnce(ctx, 50); n != 3 || err != nil {
			t.Errorf("%d rows, %v; want 3", n, err)
		}
	})
	databasetest.WantCost(t, "a pass that finds nothing", database.Cost{Trips: 1, Statements: 1}, func(ctx context.Context) {
		if n, err := s.AlertOnce(ctx, 50); n != 0 || err != nil {
			t.Errorf("%d rows, %v; want none", n, err)
		}
	})
	if got := s.events(t, "stock.low"); got != 3 {
		t.Errorf("%d alerts, want 3", got)
	}
}

// TestRetiredWarehouse moves the stock out of a warehouse that the regions' files do not
// have any more.
func TestRetiredWarehouse(t *testing.T) {
	s := newShop(t)
	databasetest.Exec(t, s.db, `INSERT INTO warehouses (code, region, title, country, latitude, longitude, active) VALUES ('old-1', 'us-east', 'Old', 'US', 1, 1, false)`)
	s.stock(t, "old-1", "A", 3)
	after, err := s.Transfer(t.Context(), inventory.Transfer{SKU: "A", From: "old-1", To: "use-1", Quantity: 3, Operation: by("closing")})
	if err != nil || after.From.OnHand != 0 || after.To.OnHand != 3 {
		t.Errorf("got %+v, %v", after, err)
	}
	if _, err := s.Get(context.Background(), "moon-1", "A"); !errors.Is(err, inventory.ErrUnknownWarehouse) {
		t.Errorf("an unknown warehouse got %v", err)
	}
	if _, err := s.Get(t.Context(), "use-2", "A"); !errors.Is(err, inventory.ErrNoStock) {
		t.Errorf("no row got %v", err)
	}
}

// TestMove_UnknownOrder shows that a move without its order changes nothing.
func TestMove_UnknownOrder(t *testing.T) {
	s := newShop(t)
	s.stock(t, "euw-1", "A", 3)
	p := placed{ref: regions.Ref{Region: "eu-west", ID: uuid.New()}}
	p.cause = inventory.Cause{Order: p.ref, OrderID: "ord_test", Actor: "system"}
	testkit.NoError(t, s.move(t.Context(), &p, inventory.AllocateHeld, true))
	if got := s.counters(t, "euw-1", "A"); got != "3/0/0" {
		t.Errorf("counters %s", got)
	}
}
