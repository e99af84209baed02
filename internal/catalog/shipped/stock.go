package shipped

// Stock is how many units of a SKU a warehouse starts with.
type Stock struct {
	SKU       string
	Warehouse string
	Units     int64
}

const (
	salesWeeks = 33 // the source covers 2010-12-01 to 2011-07-19
	coverWeeks = 4
	leastUnits = 10
)

// StartingStock is demonstration stock, for the products in their order and, for each
// SKU, the warehouses in theirs. Each warehouse gets four weeks' sales of the source
// (units sold × 4 / 33, rounded up), and ten units at least.
func StartingStock(products []Product, warehouses []string) []Stock {
	var all []Stock
	for _, p := range products {
		for _, s := range p.SKUs {
			for _, w := range warehouses {
				all = append(all, Stock{SKU: s.Code, Warehouse: w, Units: startingUnits(s.UnitsSold)})
			}
		}
	}
	return all
}

func startingUnits(sold int64) int64 {
	return max(leastUnits, (sold*coverWeeks+salesWeeks-1)/salesWeeks)
}
