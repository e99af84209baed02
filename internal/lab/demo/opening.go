package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/lab/client"
)

func (t *tour) open(ctx context.Context) (err error) {
	if err := t.start(ctx); err != nil {
		return err
	}
	took := time.Since(t.started)
	t.address = t.shop.Address()
	t.edge.Base = t.address.EdgeURL
	t.db, err = database.Open(ctx, database.Config{
		URL: t.address.DatabaseURL, Region: t.Regions.Primary().Name, ApplicationName: "meridian-demo", MaxConns: 2, Tracer: t.Tracer,
	})
	if err != nil {
		return err
	}
	session, err := t.from(newYork).SignIn(ctx, t.address.OperatorEmail, t.address.OperatorPassword)
	if err != nil {
		return fmt.Errorf("sign the operator in: %w", err)
	}
	t.operator = session.By()
	size, err := t.size(ctx)
	if err != nil {
		return err
	}
	t.check(size.products > 0 && size.stock == size.skus*size.warehouses,
		fmt.Sprintf("Open after %.1f s, with %s products, %s SKUs and %s stock rows in %d warehouses.",
			took.Seconds(), thousands(size.products), thousands(size.skus), thousands(size.stock), size.warehouses),
		"products on sale, each SKU in every warehouse")
	t.durability(ctx)
	return t.chooseGoods(ctx)
}

type size struct{ products, skus, stock, warehouses int64 }

func (t *tour) size(ctx context.Context) (size, error) {
	return database.One(ctx, t.db, func(row pgx.CollectableRow) (size, error) {
		var s size
		err := row.Scan(&s.products, &s.skus, &s.stock, &s.warehouses)
		return s, err
	}, `
SELECT (SELECT count(*) FROM products), (SELECT count(*) FROM skus), (SELECT count(*) FROM stock),
  (SELECT count(*) FROM warehouses)`)
}

// durability says whether the figures to come are of commits that survive a power cut.
func (t *tour) durability(ctx context.Context) {
	if t.db.Engine() != database.PostgreSQL {
		return
	}
	settings, err := database.One(ctx, t.db, pgx.RowTo[string], `
SELECT current_setting('fsync') || ', synchronous_commit ' || current_setting('synchronous_commit')`)
	if err == nil {
		fmt.Fprintf(t.out, "     PostgreSQL, fsync %s.\n", settings)
	}
}

const (
	// goodsWanted is how many SKUs the tour buys.
	goodsWanted = 200
	// scarce is how many of them have their own part in an act; the others are for all.
	scarce = 20
	// pageSize and pagesMost bound the catalogue that they are chosen from.
	pageSize  = "100"
	pagesMost = 100
)

// chooseGoods takes random SKUs that can be bought everywhere: the same for the same seed.
func (t *tour) chooseGoods(ctx context.Context) error {
	shop := t.from(newYork)
	query := url.Values{"limit": {pageSize}}
	var all []good
	for range pagesMost {
		page, err := shop.ListProducts(ctx, query)
		if err != nil {
			return fmt.Errorf("list products: %w", err)
		}
		for _, product := range page.Products {
			all = append(all, t.goodsOf(product)...)
		}
		if page.NextCursor == "" {
			break
		}
		query.Set("cursor", page.NextCursor)
	}
	if len(all) < goodsWanted {
		return errors.New("the shop has too little to sell")
	}
	slices.SortFunc(all, func(a, b good) int { return cmp.Compare(a.sku, b.sku) })
	t.random().Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	t.goods = all[:goodsWanted]
	return nil
}

// goodsOf are a product's SKUs that are on sale everywhere.
func (t *tour) goodsOf(p client.Product) []good {
	var goods []good
	for _, sku := range p.SKUs {
		everywhere := sku.Status == "active"
		for _, region := range t.Regions.All() {
			for _, currency := range region.Currencies {
				everywhere = everywhere && sku.Prices[string(currency)] > 0
			}
		}
		if everywhere {
			goods = append(goods, good{sku: sku.SKU, product: p.ID, prices: sku.Prices})
		}
	}
	return goods
}

// title shortens a product's title for a line of the report.
func title(text string) string {
	if cut := []rune(text); len(cut) > 40 {
		return strings.TrimSpace(string(cut[:39])) + "…"
	}
	return text
}
