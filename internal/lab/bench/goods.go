package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/lab/client"
	"meridian/regions"
)

// market describes where a visitor is: a region, a country at home in it, and its currency.
type market struct {
	region   string
	url      string
	header   http.Header
	country  string
	currency string
	// warehouse is where its orders are sent from.
	warehouse string
}

// markets returns those of the regions that have visitors.
func (c Config) markets() []market {
	var all []market
	for _, name := range c.ClientRegions {
		region, _ := c.Regions.Get(name)
		country := countryOf(region, c.Regions)
		m := market{
			region: name, url: c.RegionURLs[name], country: country, currency: c.Regions.CurrencyOf(country),
		}
		m.warehouse = nearestWarehouse(region, c.Regions)
		if c.ThroughEdge {
			m.url, m.header = c.EdgeURL, http.Header{"Cf-Ipcountry": {country}}
		}
		all = append(all, m)
	}
	return all
}

// largeMarkets lists the preferred countries of a region's visitors.
var largeMarkets = []string{"US", "MX", "DE", "SG"}

// countryOf returns a country that is at home in the region.
func countryOf(r regions.Region, all *regions.Set) string {
	for _, country := range largeMarkets {
		if home, ok := all.HomeOf(country); ok && home.Name == r.Name {
			return country
		}
	}
	return r.Countries[0]
}

// nearestWarehouse returns the warehouse that the shop's allocation takes first for a customer
// at home in the region.
func nearestWarehouse(r regions.Region, all *regions.Set) string {
	type place struct {
		code     string
		distance float64
	}
	var places []place
	for _, region := range all.All() {
		for _, w := range region.Warehouses {
			places = append(places, place{w.Code, regions.DistanceKM(r.Latitude, r.Longitude, w.Latitude, w.Longitude)})
		}
	}
	nearest := slices.MinFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.code, b.code))
	})
	return nearest.code
}

// article is a SKU on sale.
type article struct {
	sku     string
	product uuid.UUID
}

// goods holds what the visitors choose from.
type goods struct {
	products   []string // public ids
	categories []string
	articles   []article // without the hot one
	hot        article
	lines      int
}

// survey reads the shop's listing until it has enough products. The first article is the hot
// one.
func survey(ctx context.Context, c Config) (*goods, error) {
	api := client.Client{Base: c.RegionURLs[c.ClientRegions[0]], HTTP: client.NewHTTP(1), Attempts: 3}
	g := &goods{lines: c.Lines}
	var bad error
	err := api.EachProduct(ctx, nil, func(p client.Product) bool {
		bad = g.add(p, c.Regions)
		return bad == nil && len(g.products) < c.Products
	})
	if err := errors.Join(bad, err); err != nil {
		return nil, fmt.Errorf("read the listing: %w", err)
	}
	if len(g.articles) < c.Lines+1 {
		return nil, fmt.Errorf("the shop has %d SKUs on sale, and an order of %d lines needs more: fill it first", len(g.articles), c.Lines)
	}
	g.hot, g.articles = g.articles[0], g.articles[1:]
	return g, nil
}

func (g *goods) add(p client.Product, set *regions.Set) error {
	id, err := regions.ParseGlobalID(regions.ProductPrefix, p.ID)
	if err != nil {
		return fmt.Errorf("product %s: %w", p.ID, err)
	}
	g.products = append(g.products, p.ID)
	if !slices.Contains(g.categories, p.Category) {
		g.categories = append(g.categories, p.Category)
	}
	for _, sku := range p.SKUs {
		if sku.Status == "active" && soldEverywhere(sku.Prices, set) {
			g.articles = append(g.articles, article{sku: sku.SKU, product: id})
		}
	}
	return nil
}

// soldEverywhere reports whether every region's shoppers can buy at these prices, and pay.
func soldEverywhere(prices map[string]int64, set *regions.Set) bool {
	for _, region := range set.All() {
		for _, currency := range region.Currencies {
			if prices[currency] <= 0 {
				return false
			}
		}
	}
	return true
}

// draw returns the articles of an order, each once: the hot one first, if it is wanted.
func (g *goods) draw(r *rand.Rand, hot bool) []article {
	chosen := make([]article, 0, g.lines)
	if hot {
		chosen = append(chosen, g.hot)
	}
	for len(chosen) < g.lines {
		next := g.articles[r.IntN(len(g.articles))]
		if !slices.ContainsFunc(chosen, func(a article) bool { return a.sku == next.sku }) {
			chosen = append(chosen, next)
		}
	}
	return chosen
}

// A stock row with fewer than plenty units is filled up, so that a run does not sell it out.
const (
	plenty   = 500_000
	filledTo = 2 * plenty
)

// stockUp receives enough units where the orders will be sent from that random SKUs do not sell
// out, and sets the hot SKU's units to what was asked for.
func stockUp(ctx context.Context, stock *inventory.Stock, c Config, g *goods, markets []market) error {
	free, err := freeUnits(ctx, stock.DB, markets)
	if err != nil {
		return err
	}
	var receipts []inventory.Receipt
	for _, m := range markets {
		for _, a := range append([]article{g.hot}, g.articles...) {
			if have := free[stockRow{a.sku, m.warehouse}]; have < plenty && (a.sku != g.hot.sku || c.Stock == 0) {
				receipts = append(receipts, receipt(a.sku, m.warehouse, filledTo-have))
				free[stockRow{a.sku, m.warehouse}] = filledTo // regions may share a warehouse
			}
		}
	}
	if len(receipts) > 0 {
		if err := stock.ReceiveMany(ctx, receipts); err != nil {
			return fmt.Errorf("receive stock to sell: %w", err)
		}
	}
	if c.Stock == 0 {
		return nil
	}
	return limitStock(ctx, stock, g.hot.sku, c.Stock, markets)
}

func receipt(sku, warehouse string, units int64) inventory.Receipt {
	return inventory.Receipt{SKU: sku, Warehouse: warehouse, Quantity: units, Operation: because}
}

// because is the ledger entry of stock received for a run.
var because = inventory.Operation{Actor: "system", Reason: "stock for a benchmark"}

// stockRow identifies a stock row.
type stockRow struct{ sku, warehouse string }

// freeUnits returns the units for sale in the markets' warehouses.
func freeUnits(ctx context.Context, db *database.DB, markets []market) (map[stockRow]int64, error) {
	var warehouses []string
	for _, m := range markets {
		warehouses = append(warehouses, m.warehouse)
	}
	return readStock(ctx, db, `
SELECT sku, warehouse, on_hand - reserved - allocated
FROM stock
WHERE warehouse = ANY($1::text[])`, warehouses)
}

func readStock(ctx context.Context, db *database.DB, query string, args ...any) (map[stockRow]int64, error) {
	type free struct {
		row   stockRow
		units int64
	}
	units := make(map[stockRow]int64)
	err := database.Each(ctx, db, func(row pgx.CollectableRow) (f free, err error) {
		err = row.Scan(&f.row.sku, &f.row.warehouse, &f.units)
		return f, err
	}, func(f free) error {
		units[f.row] = f.units
		return nil
	}, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read stock: %w", err)
	}
	return units, nil
}

// limitStock leaves a SKU with so many units for sale, split evenly over the markets'
// warehouses, and none elsewhere.
func limitStock(ctx context.Context, stock *inventory.Stock, sku string, units int64, markets []market) error {
	free, err := readStock(ctx, stock.DB, `
SELECT sku, warehouse, on_hand - reserved - allocated
FROM stock
WHERE sku = $1`, sku)
	if err != nil {
		return err
	}
	want := make(map[stockRow]int64)
	for row := range free {
		want[row] = 0
	}
	for i, m := range markets {
		n := int64(len(markets))
		share := (units + n - 1 - int64(i)) / n // the first ones take what is left over
		want[stockRow{sku, m.warehouse}] += share
	}
	var faults []error
	for row, units := range want {
		have, exists := free[row]
		switch {
		case !exists && units > 0:
			faults = append(faults, stock.ReceiveMany(ctx, []inventory.Receipt{receipt(sku, row.warehouse, units)}))
		case units != have:
			_, err := stock.Adjust(ctx, inventory.Adjustment{SKU: sku, Warehouse: row.warehouse, Delta: units - have, Operation: because})
			faults = append(faults, err)
		}
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("set the stock of %s to %d: %w", sku, units, err)
	}
	return nil
}
