package replay

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"

	"meridian/internal/catalog/shipped"
	"meridian/internal/lab/client"
	"meridian/internal/lab/shopper"
	"meridian/regions"
)

// Stocked counts what was done before the first order, in whichever session of the run that was.
type Stocked struct {
	// ArticlesAdded is how many SKUs of the file were put on sale that the shop did not have.
	ArticlesAdded int64 `json:"articles_added"`
	// Receipts and Units are what the warehouses got.
	Receipts int64 `json:"receipts"`
	Units    int64 `json:"units"`
}

// stock puts on sale what the shop does not have, and receives what the stream will take.
func (r *replayer) stock(ctx context.Context) (Stocked, error) {
	var s Stocked
	if err := r.readSold(ctx); err != nil {
		return s, fmt.Errorf("read the catalogue: %w", err)
	}
	if r.state.stocked != nil {
		return *r.state.stocked, nil
	}
	var err error
	if s.ArticlesAdded, err = r.addArticles(ctx); err != nil {
		return s, fmt.Errorf("put articles on sale: %w", err)
	}
	for _, region := range r.Regions.All() {
		if err := r.fillWarehouse(ctx, region, r.survey.needs, &s); err != nil {
			return s, fmt.Errorf("receive stock in %s: %w", region.Name, err)
		}
	}
	return s, r.state.note(record{Stocked: &s})
}

// readSold lists every SKU that is on sale.
func (r *replayer) readSold(ctx context.Context) error {
	r.sold = make(map[string]bool)
	return r.client.EachProduct(ctx, nil, func(product client.Product) bool {
		for _, sku := range product.SKUs {
			if sku.Status == "" || sku.Status == "active" {
				r.sold[sku.SKU] = true
			}
		}
		return true
	})
}

// addArticles puts the SKUs that the shop lacks on sale at the file's own price.
func (r *replayer) addArticles(ctx context.Context) (int64, error) {
	missing := make(map[string]int64) // and their prices
	for place := range r.survey.needs {
		if pence := r.survey.price(place.sku); pence > 0 && !r.sold[place.sku] {
			missing[place.sku] = pence
		}
	}
	if len(missing) == 0 {
		return 0, nil
	}
	seller, err := r.seller(ctx)
	if err != nil {
		return 0, err
	}
	rates, err := readRates()
	if err != nil {
		return 0, err
	}
	var mu sync.Mutex
	var added int64
	err = inParallel(ctx, r.Clients, slices.Sorted(maps.Keys(missing)), func(ctx context.Context, sku string) error {
		err := seller.Do(ctx, r.client, func(by client.By) error { return r.addArticle(ctx, by, sku, rates.prices(missing[sku])) })
		if client.CodeOf(err) == "sku_taken" || client.CodeOf(err) == "key_taken" { // it is there, and not on sale
			return nil
		}
		if err == nil {
			mu.Lock()
			defer mu.Unlock()
			r.sold[sku] = true
			added++
		}
		return err
	})
	return added, err
}

// articleCategory is the category of articles that only a file knows.
const articleCategory = "replayed"

func (r *replayer) addArticle(ctx context.Context, seller client.By, sku string, prices map[string]int64) error {
	return r.client.Do(ctx, http.MethodPost, "/v1/seller/products", seller, r.key("article", sku), map[string]any{
		"key": sku, "title": "Article " + sku, "category": articleCategory, "status": "active",
		"skus": []any{map[string]any{"sku": sku, "prices": prices}},
	}, nil)
}

// seller returns an account that sells for this run; it is made if it is not there.
func (r *replayer) seller(ctx context.Context) (*shopper.Account, error) {
	name := "seller-" + r.run[:8]
	seller, shop := r.account(name, homeCountry), r.from(homeCountry)
	if err := seller.Register(ctx, shop, r.key("register", name)); err != nil {
		return nil, err
	}
	who := seller.Session().Account
	if slices.Contains(who.Roles, "seller") {
		return seller, nil
	}
	if err := r.asOperator(ctx, func(by client.By) error { return r.makeSeller(ctx, by, who.ID) }); err != nil {
		return nil, err
	}
	return seller, seller.SignIn(ctx, shop) // roles are in the token
}

// makeSeller makes a seller, the account its seller, and a category, as an admin.
func (r *replayer) makeSeller(ctx context.Context, by client.By, account string) error {
	var seller struct {
		ID string `json:"id"`
	}
	err := r.client.Do(ctx, http.MethodPost, "/v1/admin/sellers", by, r.key("seller"),
		map[string]any{"slug": "replay-" + r.run[:8], "name": "Articles of an order file"}, &seller)
	if err != nil {
		return err
	}
	err = r.client.Do(ctx, http.MethodPut, "/v1/admin/categories", by, "",
		map[string]any{"categories": []any{map[string]any{"code": articleCategory, "name": "Articles of order files"}}}, nil)
	if err != nil {
		return err
	}
	return r.client.Do(ctx, http.MethodPut, "/v1/admin/accounts/"+account+"/roles", by, "",
		map[string]any{"roles": []string{"seller"}, "seller_id": seller.ID}, nil)
}

// rates holds what a pound is in minor units of each currency, by the dearest article of the shipped catalogue: the
// file's articles are priced as those are.
type rates map[string]float64

func readRates() (rates, error) {
	gifts, err := shipped.Gifts()
	if err != nil {
		return nil, err
	}
	var dearest shipped.SKU
	for _, product := range gifts {
		for _, sku := range product.SKUs {
			if sku.Prices["GBP"] > dearest.Prices["GBP"] {
				dearest = sku
			}
		}
	}
	pound := make(rates)
	for currency, minor := range dearest.Prices {
		pound[currency] = float64(minor) / float64(dearest.Prices["GBP"])
	}
	return pound, nil
}

// prices returns those of an article that costs so many pence, one minor unit at least.
func (pound rates) prices(pence int64) map[string]int64 {
	all := make(map[string]int64, len(pound))
	for currency, rate := range pound {
		all[currency] = max(1, int64(math.Round(float64(pence)*rate)))
	}
	return all
}

// warehouseOf returns the warehouse that serves a region's stream: the first, which is the nearest, so that orders are
// sent from there.
func warehouseOf(region regions.Region) string { return region.Warehouses[0].Code }

// fillWarehouse receives what the region's orders and corrections take, less what is there.
func (r *replayer) fillWarehouse(ctx context.Context, region regions.Region, needs map[shelf]int64, s *Stocked) error {
	available, err := r.readStock(ctx, warehouseOf(region))
	if err != nil {
		return err
	}
	var receipts []client.ReceiveInput
	for place, needed := range needs {
		if lack := needed - available[place.sku]; place.region == region.Name && r.sold[place.sku] && lack > 0 {
			receipts = append(receipts, client.ReceiveInput{
				SKU: place.sku, Warehouse: warehouseOf(region), Quantity: lack, Reason: "for the replay of orders", Reference: r.run[:8],
			})
		}
	}
	slices.SortFunc(receipts, func(a, b client.ReceiveInput) int { return cmp.Compare(a.SKU, b.SKU) })
	for _, receipt := range receipts {
		s.Receipts++
		s.Units += receipt.Quantity
	}
	return inParallel(ctx, r.Clients, receipts, func(ctx context.Context, in client.ReceiveInput) error {
		// What is there was counted, so a delivery that a run before this one booked is not
		// booked again; the quantity in the key lets this one book what else is lacking.
		key := r.key("receive", in.Warehouse, in.SKU, strconv.FormatInt(in.Quantity, 10))
		return r.asOperator(ctx, func(by client.By) error { return r.client.Receive(ctx, by, key, in) })
	})
}

// readStock returns how many units of each SKU a warehouse has for sale.
func (r *replayer) readStock(ctx context.Context, warehouse string) (map[string]int64, error) {
	available := make(map[string]int64)
	err := r.asOperator(ctx, func(by client.By) error {
		return r.client.EachStock(ctx, by, url.Values{"warehouse": {warehouse}}, func(level client.StockLevel) {
			available[level.SKU] = level.Available
		})
	})
	return available, err
}

// adjustStock replays a correction of stock.
func (r *replayer) adjustStock(ctx context.Context, in invoice, d *done) error {
	if len(in.goods) == 0 {
		d.reject(string(noProducts))
	}
	home := r.atlas.region(placeOf(in))
	for _, g := range r.onSale(in.goods, d) {
		err := r.asOperator(ctx, func(by client.By) error {
			return r.client.Adjust(ctx, by, r.key("correct", in.name, g.SKU), client.AdjustInput{
				SKU: g.SKU, Warehouse: warehouseOf(home), Delta: -g.Units, Reason: "correction", Reference: numberOf(in.name),
			})
		})
		if err == nil {
			d.Corrected++
		}
		if err := refusal(err, d); err != nil {
			return err
		}
	}
	return nil
}

// inParallel does all of a list, some at a time, and stops at the first error.
func inParallel[T any](ctx context.Context, atOnce int, all []T, do func(context.Context, T) error) error {
	group, each := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, one := range all {
		if each.Err() != nil {
			break
		}
		group.Go(func() error { return do(each, one) })
	}
	return cmp.Or(group.Wait(), ctx.Err())
}
