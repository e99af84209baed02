package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/lab/client"
	"meridian/internal/lab/localshop"
	"meridian/internal/lab/report"
	"meridian/internal/lab/shopper"
	"meridian/internal/local"
)

func (t *tour) open(ctx context.Context) (err error) {
	t.shop, err = localshop.Open(ctx, local.Config{
		Regions: t.Regions, Dir: t.Dir, DatabaseURL: t.DatabaseURL,
		PayWithin: payWithin, CheckPaymentAfter: checkAfter,
		Tracer: t.Tracer, Argon2: t.Argon2, Log: t.Log, Version: t.Version,
	}, t.end)
	if err != nil {
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
	operator := client.RegisterInput{Email: t.address.OperatorEmail, Password: t.address.OperatorPassword}
	t.operator = shopper.NewAccount(operator, client.Session{})
	if err := t.operator.SignIn(ctx, t.from(newYork)); err != nil {
		return fmt.Errorf("sign the operator in: %w", err)
	}
	size, err := t.size(ctx)
	if err != nil {
		return err
	}
	t.check(size.Products > 0 && size.Stock == size.SKUs*size.Warehouses, "products on sale, each SKU in every warehouse",
		"Open after %.1f s, with %s products, %s SKUs and %s stock rows in %d warehouses.",
		took.Seconds(), report.Thousands(size.Products), report.Thousands(size.SKUs), report.Thousands(size.Stock), size.Warehouses)
	t.durability(ctx)
	return t.chooseGoods(ctx)
}

type size struct{ Products, SKUs, Stock, Warehouses int64 }

func (t *tour) size(ctx context.Context) (size, error) {
	return database.One(ctx, t.db, pgx.RowToStructByPos[size], `
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
	// productsMost bounds the products that they are chosen from.
	productsMost = 10_000
)

// chooseGoods takes random SKUs that can be bought everywhere: the same for the same seed.
func (t *tour) chooseGoods(ctx context.Context) error {
	var all []good
	products := 0
	err := t.from(newYork).EachProduct(ctx, nil, func(p client.Product) bool {
		all = append(all, t.goodsOf(p)...)
		products++
		return products < productsMost
	})
	if err != nil {
		return fmt.Errorf("list products: %w", err)
	}
	if len(all) < goodsWanted {
		return errors.New("the shop has too little to sell")
	}
	slices.SortFunc(all, func(a, b good) int { return cmp.Compare(a.sku, b.sku) })
	t.random(0).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	t.goods = all[:goodsWanted]
	return nil
}

// goodsOf returns a product's SKUs that are on sale everywhere.
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
			goods = append(goods, good{sku: sku.SKU, product: p.ID})
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
