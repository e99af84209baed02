package searching

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/inventory"
)

// goods holds what is edited and searched for: the products of one seller, and the words of their titles.
type goods struct {
	seller catalog.Seller
	ids    []uuid.UUID
	skus   []string
	words  []string
}

// giftShop is the shipped seller whose products are edited.
const giftShop = "gift-shop"

func (r *run) readGoods(ctx context.Context) (*goods, error) {
	seller, err := r.shelves.FindSeller(ctx, giftShop)
	if err != nil {
		return nil, err
	}
	g := &goods{seller: seller}
	words := make(map[string]bool)
	filter := catalog.SellerListFilter{Seller: seller.ID, PageFilter: database.PageFilter[string]{Limit: 500}}
	for more := true; more; more = filter.After != nil {
		page, err := r.shelves.ListSellerProducts(ctx, filter)
		if err != nil {
			return nil, err
		}
		filter.After = page.Next
		for _, p := range page.Items {
			g.ids, g.skus = append(g.ids, p.ID), append(g.skus, p.SKUs[0].Code)
			for _, word := range strings.Fields(strings.ToLower(p.Title)) {
				words[word] = true
			}
		}
	}
	g.words = slices.Sorted(maps.Keys(words))
	if len(g.ids) == 0 {
		return nil, fmt.Errorf("the seller %s has no products", giftShop)
	}
	return g, nil
}

// edit makes Edits edits a second, a few at the same time, until ctx ends or one fails. Two edits of one product at the
// same time are a conflict, which sellers meet too: the later one is dropped.
func (r *run) edit(ctx context.Context, dice *rand.Rand) error {
	group, failing := errgroup.WithContext(ctx)
	group.SetLimit(8)
	tick := time.NewTicker(time.Second / time.Duration(r.Edits))
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-failing.Done():
			return group.Wait()
		case <-tick.C:
		}
		i, kind := dice.IntN(len(r.goods.ids)), editKinds[dice.IntN(len(editKinds))]
		group.Go(func() error {
			err := kind.make(r, context.WithoutCancel(ctx), i, n)
			switch {
			case err == nil:
				r.note(func(result *Result) { result.Edits[kind.name]++ })
			case errors.Is(err, catalog.ErrVersionConflict), errors.Is(err, inventory.ErrNoStock), errors.As(err, new(*inventory.NotEnoughError)):
			default:
				return fmt.Errorf("%s: %w", kind.name, err)
			}
			return nil
		})
	}
}

// editKinds lists the edits, repeated by how often sellers make them.
var editKinds = []struct {
	name string
	make func(r *run, ctx context.Context, i, n int) error
}{
	{"text", (*run).editText}, {"text", (*run).editText}, {"text", (*run).editText},
	{"price", (*run).editPrice}, {"sale", (*run).editStatus}, {"stock", (*run).editStock},
}

func (r *run) editText(ctx context.Context, i, n int) error {
	return r.update(ctx, i, func(in *catalog.ProductInput) {
		base, _, _ := strings.Cut(in.Title, " No. ")
		in.Title = fmt.Sprintf("%s No. %d", base, n)
		in.Attributes = map[string]any{"edition": fmt.Sprint(n % 7)}
	})
}

func (r *run) editPrice(ctx context.Context, i, n int) error {
	return r.update(ctx, i, func(in *catalog.ProductInput) {
		in.SKUs[0].Prices["GBP"] = int64(100 + n%5000)
	})
}

// editStatus takes a product off sale, or puts it back.
func (r *run) editStatus(ctx context.Context, i, _ int) error {
	return r.update(ctx, i, func(in *catalog.ProductInput) {
		if in.Status == catalog.Active {
			in.Status = catalog.Archived
		} else {
			in.Status = catalog.Active
		}
	})
}

// editStock moves a row of stock over the edge of its band, one way or the other.
func (r *run) editStock(ctx context.Context, i, n int) error {
	region := r.Regions.All()[n%len(r.Regions.All())]
	at := inventory.Adjustment{
		Warehouse: region.Warehouses[0].Code, SKU: r.goods.skus[i], Delta: -4,
		Operation: inventory.Operation{Actor: "chaos", Reason: "count"},
	}
	if n%2 == 0 {
		at.Delta = 4
	}
	_, err := r.stock.Adjust(ctx, at)
	return err
}

// update reads a product and writes it with a change.
func (r *run) update(ctx context.Context, i int, change func(in *catalog.ProductInput)) error {
	p, err := r.shelves.GetSellerProduct(ctx, r.goods.seller.ID, r.goods.ids[i])
	if err != nil {
		return err
	}
	in := catalog.ProductInput{
		Title: p.Title, Description: p.Description, Brand: p.Brand, CategoryID: p.CategoryID, TaxCategory: p.TaxCategory,
		Status: p.Status, Attributes: p.Attributes, Images: p.Images,
	}
	for _, sku := range p.SKUs {
		if sku.Status == catalog.Active {
			in.SKUs = append(in.SKUs, catalog.SKUInput{Code: sku.Code, Barcode: sku.Barcode, Options: sku.Options, WeightGrams: sku.WeightGrams,
				Prices: sku.Prices(time.Now())})
		}
	}
	change(&in)
	_, err = r.shelves.UpdateProduct(ctx, catalog.UpdateInput{Seller: r.goods.seller.ID, ID: p.ID, Version: p.Version, Product: in})
	return err
}
