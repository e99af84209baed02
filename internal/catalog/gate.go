package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/money"
	"meridian/internal/pricing"
)

// A Gate keeps back the prices of a seller's edit that take too large a step, and proposes them to a second person. A nil
// Gate lets all pass.
type Gate struct {
	// Jumps reports whether the step from one price to another, in minor units, is larger than a seller may take alone.
	Jumps func(before, after int64) bool
	// Propose returns the proposals of prices, and what adds those that do not wait already to the batch of the edit. It
	// may read the database.
	Propose func(ctx context.Context, prices []pricing.Price) ([]WaitingPrice, func(b *database.Batch), error)
}

// A WaitingPrice is a price that a second person has to approve.
type WaitingPrice struct {
	pricing.Price
	ChangeID string
}

// keepBack takes the prices that jump out of an edit of a product and returns them, by SKU and currency.
func (g *Gate) keepBack(before Product, in *ProductInput) []pricing.Price {
	if g == nil {
		return nil
	}
	var kept []pricing.Price
	in.SKUs = slices.Clone(in.SKUs)
	for i := range in.SKUs {
		sku := &in.SKUs[i]
		sku.Prices = maps.Clone(sku.Prices)
		was := before.latestPrices(sku.Code)
		for _, currency := range slices.Sorted(maps.Keys(sku.Prices)) {
			amount := sku.Prices[currency]
			if old, priced := was[currency]; priced && old != amount && g.Jumps(old, amount) {
				kept = append(kept, pricing.Price{SKU: sku.Code, Currency: currency, AmountMinor: amount})
				delete(sku.Prices, currency)
			}
		}
	}
	return kept
}

// propose proposes prices, if there are any.
func (g *Gate) propose(ctx context.Context, prices []pricing.Price) ([]WaitingPrice, func(b *database.Batch), error) {
	if len(prices) == 0 {
		return nil, func(*database.Batch) {}, nil
	}
	waiting, queue, err := g.Propose(ctx, prices)
	if err != nil {
		return nil, nil, fmt.Errorf("propose prices: %w", err)
	}
	return waiting, queue, nil
}

// latestPrices returns the catalogue prices of one of the product's SKUs that were set last, in force or soon to be.
func (p Product) latestPrices(sku string) map[money.Currency]int64 {
	i := slices.IndexFunc(p.SKUs, func(s SKU) bool { return s.Code == sku })
	if i < 0 {
		return nil
	}
	return pricing.LatestPrices(p.SKUs[i].Entries)
}

// checkPricesStay wants an edit to name every currency that a SKU has a price in: an edit is of the whole product, and a
// price that it left out would be there all the same.
func checkPricesStay(before Product, in ProductInput) error {
	var f invalid.List
	for i, sku := range in.SKUs {
		for _, currency := range slices.Sorted(maps.Keys(before.latestPrices(sku.Code))) {
			if _, named := sku.Prices[currency]; !named {
				f.Add("skus["+strconv.Itoa(i)+"].prices."+string(currency), "must be given: the SKU has a price in %s, "+
					"which can be changed but not taken away", currency)
			}
		}
	}
	return f.Err("product")
}
