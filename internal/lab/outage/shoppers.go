package outage

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"time"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/lab/client"
	"meridian/internal/lab/shopper"
	"meridian/internal/money"
	"meridian/regions"
)

const (
	// plenty and scarce are the numbers of SKUs that never sell out, and that do.
	plenty, scarce = 40, 8
	// plentyUnits lie in each warehouse, scarceUnits in one.
	plentyUnits, scarceUnits = 100_000, 2
	// scarceOf is how many purchases there are to one of a scarce SKU.
	scarceOf = 6
)

// goods are what the shop sells: identifiers by SKU.
type goods struct {
	plenty, scarce []good
}

type good struct{ sku, product string }

// any returns what somebody wants to buy.
func (g goods) any() good {
	if rand.IntN(scarceOf) == 0 {
		return g.scarce[rand.IntN(len(g.scarce))]
	}
	return g.plenty[rand.IntN(len(g.plenty))]
}

// fill puts goods on sale in an empty shop.
func fill(ctx context.Context, db *database.DB, set *regions.Set) (g goods, err error) {
	shelves, err := catalog.New(catalog.Config{DB: db, Regions: set})
	if err != nil {
		return g, err
	}
	if _, err := shelves.UpsertCategories(ctx, []catalog.CategoryInput{{ID: "world", Name: "World"}}); err != nil {
		return g, err
	}
	seller, err := shelves.CreateSeller(ctx, catalog.SellerInput{Slug: "world", Name: "World"})
	if err != nil {
		return g, err
	}
	for i := range plenty + scarce {
		made, err := shelves.CreateProduct(ctx, catalog.CreateInput{Seller: seller.ID, Product: product(i, set)})
		if err != nil {
			return g, fmt.Errorf("put goods on sale: %w", err)
		}
		one := good{sku: skuOf(i), product: made.Slug}
		if i < plenty {
			g.plenty = append(g.plenty, one)
		} else {
			g.scarce = append(g.scarce, one)
		}
	}
	return g, inventory.New(inventory.Config{DB: db, Regions: set}).ReceiveMany(ctx, deliveries(set))
}

func skuOf(i int) string { return fmt.Sprintf("WORLD-%02d", i+1) }

func product(i int, set *regions.Set) catalog.ProductInput {
	prices := make(map[money.Currency]int64)
	for _, region := range set.All() {
		for _, currency := range region.Currencies {
			prices[money.Currency(currency)] = int64(1000 + 37*i)
		}
	}
	return catalog.ProductInput{Key: skuOf(i), Title: "Lamp " + skuOf(i), CategoryID: "world", Status: catalog.Active,
		SKUs: []catalog.SKUInput{{Code: skuOf(i), Prices: prices}}}
}

// deliveries are the goods' first stock.
func deliveries(set *regions.Set) (all []inventory.Receipt) {
	var warehouses []string
	for _, region := range set.All() {
		for _, warehouse := range region.Warehouses {
			warehouses = append(warehouses, warehouse.Code)
		}
	}
	for i := range plenty {
		for _, warehouse := range warehouses {
			all = append(all, inventory.Receipt{SKU: skuOf(i), Warehouse: warehouse, Quantity: plentyUnits})
		}
	}
	for i := range scarce {
		all = append(all, inventory.Receipt{SKU: skuOf(plenty + i), Warehouse: warehouses[i%len(warehouses)], Quantity: scarceUnits})
	}
	return all
}

// homes are where shoppers live in each region: on four continents, and the last two in Oceania.
var homes = map[string][]string{
	"us-east": {"US", "BR"}, "us-west": {"MX", "CR"}, "eu-west": {"DE", "ZA"}, "ap-southeast": {"SG", "AU"},
}

// crowd returns so many shoppers of each region, who ask the edge there.
func (r *run) crowd() (all []*shopper.Shopper) {
	connections := client.NewHTTP(r.ShoppersEach * len(homes))
	for region, edge := range r.shop.EdgeURLs() {
		for i := range r.ShoppersEach {
			country := homes[region][i%len(homes[region])]
			asks := client.Client{Base: edge, HTTP: connections, Observe: r.record.observer(region)}
			all = append(all, &shopper.Shopper{
				Client: shopper.From(&asks, country, ""), Country: country, Email: "shopper@world.example", Journal: &r.journal,
				ShipTo: shopper.Address("A Shopper", country, ""),
			})
		}
	}
	return all
}

// think is the pause between two requests of a shopper.
const think = 100 * time.Millisecond

// visit is one of a shopper's: reads, then a purchase. It ends early when the time is over; a request that has begun is let end.
// What fails is in the record, and the shopper goes on.
func (r *run) visit(ctx, timed context.Context, s *shopper.Shopper) {
	wanted := r.goods.any()
	for _, look := range []func(){
		func() { _, _ = s.Client.ListProducts(ctx, url.Values{"limit": {"20"}}) },
		func() { _, _ = s.Client.GetProduct(ctx, wanted.product) },
		func() { _, _ = s.Client.Search(ctx, "/v1/search?q=lamp&limit=10") },
	} {
		look()
		if !client.Sleep(timed, think) {
			return
		}
	}
	p, err := s.NewCart(ctx, "", []client.Line{{SKU: wanted.sku, Quantity: 1}})
	if !client.Sleep(timed, think) || err != nil {
		return
	}
	err = s.Checkout(ctx, "", p, "card_success")
	if client.Sleep(timed, think) && err == nil {
		_, _ = s.ReadOrder(ctx, p)
	}
}
