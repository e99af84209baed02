package inventory_test

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"meridian/internal/inventory"
	"meridian/internal/testkit"
)

func TestAllocate(t *testing.T) {
	near := func(sku string, units int64) inventory.Offer {
		return inventory.Offer{Region: "eu-west", Warehouse: "euw-1", SKU: sku, Available: units, DistanceKM: 10}
	}
	far := func(sku string, units int64) inventory.Offer {
		return inventory.Offer{Region: "us-east", Warehouse: "use-1", SKU: sku, Available: units, DistanceKM: 5000}
	}
	two := []inventory.Demand{{LineNo: 1, SKU: "A", Quantity: 2}, {LineNo: 2, SKU: "B", Quantity: 1}}
	tests := []struct {
		name   string
		demand []inventory.Demand
		offers []inventory.Offer
		want   string
	}{
		{"nothing", nil, nil, ""},
		{"nearest of two", two, []inventory.Offer{far("A", 9), far("B", 9), near("A", 2), near("B", 1)}, "euw-1/A/1:2 euw-1/B/2:1"},
		{"whole from afar rather than split", two, []inventory.Offer{near("A", 2), far("A", 9), far("B", 9)}, "use-1/A/1:2 use-1/B/2:1"},
		{"split by line", two, []inventory.Offer{near("A", 2), far("B", 9)}, "euw-1/A/1:2 use-1/B/2:1"},
		{"split within a line", two[:1], []inventory.Offer{near("A", 1), far("A", 1)}, "euw-1/A/1:1 use-1/A/1:1"},
		{
			"two lines of a SKU", []inventory.Demand{{LineNo: 1, SKU: "A", Quantity: 2}, {LineNo: 2, SKU: "A", Quantity: 2}},
			[]inventory.Offer{near("A", 3), far("A", 1)}, "euw-1/A/1:2 euw-1/A/2:1 use-1/A/2:1",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := testkit.Must(inventory.Allocate(test.demand, test.offers))(t)
			if diff := gocmp.Diff(test.want, written(got)); diff != "" {
				t.Errorf("allocations (-want +got):\n%s", diff)
			}
		})
	}
}

func written(allocations []inventory.Allocation) string {
	text := ""
	for i, a := range allocations {
		if i > 0 {
			text += " "
		}
		text += fmt.Sprintf("%s/%s/%d:%d", a.Warehouse, a.SKU, a.LineNo, a.Quantity)
	}
	return text
}

func TestAllocate_SoldOut(t *testing.T) {
	_, err := inventory.Allocate(
		[]inventory.Demand{{LineNo: 1, SKU: "A", Quantity: 2}, {LineNo: 2, SKU: "B", Quantity: 1}, {LineNo: 3, SKU: "A", Quantity: 2},
			{LineNo: 4, SKU: "C", Quantity: 1}},
		[]inventory.Offer{{Warehouse: "euw-1", SKU: "A", Available: 1}, {Warehouse: "use-1", SKU: "A", Available: 2},
			{Warehouse: "use-1", SKU: "B", Available: 1}})
	var soldOut *inventory.SoldOutError
	if !errors.As(err, &soldOut) {
		t.Fatalf("got %v", err)
	}
	want := []inventory.Shortage{{SKU: "A", Wanted: 4, Left: 3}, {SKU: "C", Wanted: 1}}
	if diff := gocmp.Diff(want, soldOut.Shortages); diff != "" {
		t.Errorf("shortages (-want +got):\n%s", diff)
	}
}

// warehouse is a generated warehouse and what it has.
type warehouse struct {
	code       string
	distanceKM float64
	has        map[string]int64
}

// TestAllocate_Properties holds Allocate to its promises on whatever is asked and offered.
func TestAllocate_Properties(t *testing.T) {
	skus := []string{"A", "B", "C"}
	rapid.Check(t, func(t *rapid.T) {
		houses, offers := drawOffers(t, skus)
		demand, wanted := drawDemand(t, skus)
		got, err := inventory.Allocate(demand, offers)

		again, errAgain := inventory.Allocate(demand, rapid.Permutation(offers).Draw(t, "offers in another order"))
		if diff := gocmp.Diff(got, again); diff != "" || (err == nil) != (errAgain == nil) {
			t.Fatalf("the order of the offers matters: %v, %v\n%s", err, errAgain, diff)
		}
		if short := shortages(houses, demand, wanted); len(short) > 0 {
			var soldOut *inventory.SoldOutError
			if !errors.As(err, &soldOut) || got != nil {
				t.Fatalf("too little is offered, but: %v, %v", got, err)
			}
			if diff := gocmp.Diff(short, soldOut.Shortages); diff != "" {
				t.Fatalf("shortages (-want +got):\n%s", diff)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		checkAllocations(t, houses, demand, got)
		if best := nearestThatServes(houses, wanted); best != "" {
			for _, a := range got {
				if a.Warehouse != best {
					t.Fatalf("%s serves all and is the nearest that does, but %s sends", best, a.Warehouse)
				}
			}
		}
	})
}

func drawOffers(t *rapid.T, skus []string) ([]warehouse, []inventory.Offer) {
	var houses []warehouse
	var offers []inventory.Offer
	for i := range rapid.IntRange(0, 5).Draw(t, "warehouses") {
		house := warehouse{code: fmt.Sprintf("w%d", i), distanceKM: float64(rapid.IntRange(0, 4).Draw(t, "distance")),
			has: make(map[string]int64)}
		for _, sku := range skus {
			if rapid.Bool().Draw(t, "has "+sku) {
				house.has[sku] = rapid.Int64Range(0, 8).Draw(t, "units")
				offers = append(offers, inventory.Offer{Region: "r" + house.code, Warehouse: house.code, SKU: sku, Available: house.has[sku],
					DistanceKM: house.distanceKM})
			}
		}
		houses = append(houses, house)
	}
	return houses, offers
}

func drawDemand(t *rapid.T, skus []string) ([]inventory.Demand, map[string]int64) {
	var demand []inventory.Demand
	wanted := make(map[string]int64)
	for i := range rapid.IntRange(1, 4).Draw(t, "lines") {
		d := inventory.Demand{LineNo: int64(i + 1), SKU: rapid.SampledFrom(skus).Draw(t, "sku"),
			Quantity: rapid.Int64Range(1, 6).Draw(t, "quantity")}
		wanted[d.SKU] += d.Quantity
		demand = append(demand, d)
	}
	return demand, wanted
}

func shortages(houses []warehouse, demand []inventory.Demand, wanted map[string]int64) []inventory.Shortage {
	var short []inventory.Shortage
	for _, d := range demand {
		left := int64(0)
		for _, house := range houses {
			left += house.has[d.SKU]
		}
		listed := slices.ContainsFunc(short, func(s inventory.Shortage) bool { return s.SKU == d.SKU })
		if left < wanted[d.SKU] && !listed {
			short = append(short, inventory.Shortage{SKU: d.SKU, Wanted: wanted[d.SKU], Left: left})
		}
	}
	return short
}

// checkAllocations holds allocations to what is there, to the demand and to the order in
// which stock rows are taken.
func checkAllocations(t *rapid.T, houses []warehouse, demand []inventory.Demand, got []inventory.Allocation) {
	taken := make(map[[2]string]int64)
	given := make(map[int64]int64)
	for _, a := range got {
		if a.Quantity < 1 {
			t.Fatalf("nothing is allocated: %+v", a)
		}
		taken[[2]string{a.Warehouse, a.SKU}] += a.Quantity
		given[a.LineNo] += a.Quantity
	}
	for _, house := range houses {
		for sku, units := range house.has {
			if n := taken[[2]string{house.code, sku}]; n > units {
				t.Fatalf("%d of %s from %s, which has %d", n, sku, house.code, units)
			}
		}
	}
	for _, d := range demand {
		if given[d.LineNo] != d.Quantity {
			t.Fatalf("line %d got %d of %d", d.LineNo, given[d.LineNo], d.Quantity)
		}
	}
	sorted := slices.IsSortedFunc(got, func(a, b inventory.Allocation) int {
		return cmp.Or(cmp.Compare(a.Region, b.Region), cmp.Compare(a.SKU, b.SKU), cmp.Compare(a.Warehouse, b.Warehouse),
			cmp.Compare(a.LineNo, b.LineNo))
	})
	if !sorted {
		t.Fatalf("not in the order of stock rows: %+v", got)
	}
}

// nearestThatServes is the nearest warehouse that can serve everything, "" if none can.
func nearestThatServes(houses []warehouse, wanted map[string]int64) string {
	best := warehouse{}
	for _, house := range houses {
		all := true
		for sku, n := range wanted {
			all = all && house.has[sku] >= n
		}
		if all && (best.code == "" || cmp.Or(cmp.Compare(house.distanceKM, best.distanceKM), cmp.Compare(house.code, best.code)) < 0) {
			best = house
		}
	}
	return best.code
}
