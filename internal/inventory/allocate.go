package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Demand is what one order line asks for.
type Demand struct {
	LineNo   int64
	SKU      string
	Quantity int64
}

// Offer is what one warehouse has of one SKU, and how far it is from where it has to go.
type Offer struct {
	Region     string
	Warehouse  string
	SKU        string
	Available  int64
	DistanceKM float64
}

// Allocation is one warehouse's part of one line.
type Allocation struct {
	Region    string
	Warehouse string
	SKU       string
	LineNo    int64
	Quantity  int64
}

// Shortage is a SKU of which fewer units are left than were asked for.
type Shortage struct {
	SKU    string
	Wanted int64
	Left   int64
}

// SoldOutError says what is missing. Nothing was allocated.
type SoldOutError struct{ Shortages []Shortage }

func (e *SoldOutError) Error() string {
	parts := make([]string, len(e.Shortages))
	for i, s := range e.Shortages {
		parts[i] = fmt.Sprintf("%s: %d wanted, %d left", s.SKU, s.Wanted, s.Left)
	}
	return "sold out: " + strings.Join(parts, "; ")
}

// Allocate decides which warehouse sends what: the nearest one that can serve the whole
// demand; where none can, the one that can serve most of it in full, the nearer first,
// then the same again for what is left, so that an order travels in few parcels. It
// returns *SoldOutError, naming every SKU that is short, if the demand cannot be met. The
// allocations come in one order for everybody (region, SKU, warehouse, line), the order
// in which stock rows are taken.
func Allocate(demand []Demand, offers []Offer) ([]Allocation, error) {
	houses := byWarehouse(offers)
	if err := shortages(demand, offers); err != nil {
		return nil, err
	}
	open := slices.Clone(demand)
	var allocations []Allocation
	for len(open) > 0 {
		house := mostUseful(houses, open)
		var rest []Demand
		for _, d := range open {
			take := min(d.Quantity, house.available[d.SKU])
			if take > 0 {
				house.available[d.SKU] -= take
				allocations = append(allocations, Allocation{
					Region: house.region, Warehouse: house.code, SKU: d.SKU, LineNo: d.LineNo, Quantity: take,
				})
			}
			if d.Quantity > take {
				rest = append(rest, Demand{LineNo: d.LineNo, SKU: d.SKU, Quantity: d.Quantity - take})
			}
		}
		open = rest
	}
	slices.SortFunc(allocations, compareAllocations)
	return allocations, nil
}

func compareAllocations(a, b Allocation) int {
	return cmp.Or(cmp.Compare(a.Region, b.Region), cmp.Compare(a.SKU, b.SKU),
		cmp.Compare(a.Warehouse, b.Warehouse), cmp.Compare(a.LineNo, b.LineNo))
}

// warehouseStock is one warehouse's offers.
type warehouseStock struct {
	region, code string
	distanceKM   float64
	available    map[string]int64
}

// byWarehouse gathers offers, the nearest warehouse first.
func byWarehouse(offers []Offer) []*warehouseStock {
	var houses []*warehouseStock
	byCode := make(map[string]*warehouseStock)
	for _, offer := range offers {
		house := byCode[offer.Warehouse]
		if house == nil {
			house = &warehouseStock{region: offer.Region, code: offer.Warehouse, distanceKM: offer.DistanceKM, available: make(map[string]int64)}
			byCode[offer.Warehouse] = house
			houses = append(houses, house)
		}
		house.available[offer.SKU] += offer.Available
	}
	slices.SortFunc(houses, func(a, b *warehouseStock) int {
		return cmp.Or(cmp.Compare(a.distanceKM, b.distanceKM), cmp.Compare(a.code, b.code))
	})
	return houses
}

// mostUseful returns the warehouse that serves the most lines in full, then the most units,
// the nearest on a tie.
func mostUseful(houses []*warehouseStock, open []Demand) *warehouseStock {
	return slices.MaxFunc(houses, func(a, b *warehouseStock) int {
		aLines, aUnits := a.serves(open)
		bLines, bUnits := b.serves(open)
		return cmp.Or(cmp.Compare(aLines, bLines), cmp.Compare(aUnits, bUnits))
	})
}

// serves counts the lines the warehouse can serve in full and the units it can serve,
// taking several lines of one SKU together.
func (w *warehouseStock) serves(open []Demand) (lines, units int64) {
	taken := make(map[string]int64)
	for _, d := range open {
		take := min(d.Quantity, w.available[d.SKU]-taken[d.SKU])
		taken[d.SKU] += take
		units += take
		if take == d.Quantity {
			lines++
		}
	}
	return lines, units
}

// shortages compares the demand, summed for each SKU, with all offers.
func shortages(demand []Demand, offers []Offer) error {
	left := make(map[string]int64)
	for _, offer := range offers {
		left[offer.SKU] += offer.Available
	}
	var skus []string
	wanted := make(map[string]int64)
	for _, d := range demand {
		if wanted[d.SKU] == 0 {
			skus = append(skus, d.SKU)
		}
		wanted[d.SKU] += d.Quantity
	}
	var short []Shortage
	for _, sku := range skus {
		if wanted[sku] > left[sku] {
			short = append(short, Shortage{SKU: sku, Wanted: wanted[sku], Left: left[sku]})
		}
	}
	if len(short) > 0 {
		return &SoldOutError{Shortages: short}
	}
	return nil
}
