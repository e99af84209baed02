package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/fx"
	"meridian/internal/search/indexer"
)

// skusOfProduct is the number of SKUs of a product.
const skusOfProduct = 10

// pricesID names the seller and the category of what is loaded.
const pricesID = "bench-prices"

// benchSKUs returns the codes of the loaded SKUs [from, to).
func benchSKUs(from, to int) []string {
	skus := make([]string, 0, to-from)
	for i := from; i < to; i++ {
		skus = append(skus, fmt.Sprintf("BENCH-%06d", i))
	}
	return skus
}

// loadPrices imports products with their SKUs and prices, as a seller does, and the exchange
// rates that come with the program. It returns when every region's index has them, so that
// indexing is not part of what is measured.
func (r *run) loadPrices(ctx context.Context) error {
	rates, err := fx.New(fx.Config{DB: r.db})
	if err != nil {
		return err
	}
	if _, err := rates.Import(ctx, fx.Shipped(), "system"); err != nil {
		return err
	}
	shop, err := catalog.New(catalog.Config{DB: r.db, Regions: r.Regions, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if _, err := shop.UpsertCategories(ctx, []catalog.CategoryInput{{ID: pricesID, Name: "Benchmark"}}); err != nil {
		return err
	}
	seller, err := shop.CreateSeller(ctx, catalog.SellerInput{Slug: pricesID, Name: "Benchmark"})
	if err != nil {
		return err
	}
	file, err := priceGoods(r.SKUs)
	if err != nil {
		return err
	}
	loaded, err := shop.Import(ctx, catalog.ImportInput{
		Seller: seller.ID, Source: bytes.NewReader(file), Size: int64(len(file)), Format: catalog.FormatNDJSON, Policy: catalog.KeepGood,
	})
	if err == nil && loaded.LinesBad > 0 {
		err = fmt.Errorf("%d products were refused, the first: %v", loaded.LinesBad, loaded.Errors[0])
	}
	if err != nil {
		return err
	}
	return awaitIndexes(ctx, r.db, r.Regions.Names())
}

// priceGoods returns so many SKUs as an import reads them.
func priceGoods(skus int) ([]byte, error) {
	type sku struct {
		SKU    string           `json:"sku"`
		Prices map[string]int64 `json:"prices"`
	}
	var file bytes.Buffer
	lines := json.NewEncoder(&file)
	for from := 0; from < skus; from += skusOfProduct {
		codes := benchSKUs(from, min(from+skusOfProduct, skus))
		of := make([]sku, len(codes))
		for i, code := range codes {
			of[i] = sku{SKU: code, Prices: make(map[string]int64)}
			for _, currency := range priceCurrencies[:len(priceCurrencies)/2] {
				of[i].Prices[string(currency)] = int64(199 + (from+i)*7919%50_000)
			}
		}
		err := lines.Encode(map[string]any{
			"key": codes[0], "title": "Benchmark " + codes[0], "category": pricesID, "status": "active", "skus": of,
			"tax_category": [...]string{"standard", "standard", "standard", "reduced", "zero"}[from/skusOfProduct%5],
		})
		if err != nil {
			return nil, err
		}
	}
	return file.Bytes(), nil
}

// indexSlack is how old an index's report of itself may be.
const indexSlack = 3 * time.Second

// awaitIndexes returns when each region's index holds everything that was committed before.
func awaitIndexes(ctx context.Context, db *database.DB, regions []string) error {
	began := time.Now()
	err := await(ctx, func() (bool, error) {
		replicas, err := indexer.Replicas(ctx, db, regions)
		following := make(map[string]bool)
		for _, one := range replicas {
			if one.State == indexer.StateFollowing && one.Lag >= 0 && one.Lag < time.Since(began)-indexSlack {
				following[one.Region] = true
			}
		}
		return len(following) == len(regions), err
	})
	if err != nil {
		return fmt.Errorf("wait for the regions' indexes: %w", err)
	}
	return nil
}
