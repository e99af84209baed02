package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"

	"meridian/internal/account"
	"meridian/internal/catalog"
	"meridian/internal/catalog/shipped"
	"meridian/internal/database"
	"meridian/internal/fx"
	"meridian/internal/inventory"
	"meridian/internal/pod"
	"meridian/regions"
)

// The sellers of the shipped catalogue.
var shippedSellers = []struct {
	slug, name string
	products   func() ([]shipped.Product, error)
}{
	{"gift-shop", "The Gift Shop", shipped.Gifts},
	{"pantry", "The Pantry", shipped.Food},
}

// seedRates imports the shipped history of exchange rates.
func seedRates(ctx context.Context, p *pod.Pod, out io.Writer) error {
	report, err := p.Rates.Import(ctx, fx.Shipped(), "first start")
	if err != nil {
		return fmt.Errorf("import the shipped exchange rates: %w", err)
	}
	fmt.Fprintf(out, "  %-14s %5d rates\n", "Exchange", report.New+report.Unchanged)
	return nil
}

// seed fills a shop with the shipped catalogue and its starting stock. It skips what is done, so that the next start
// completes an interrupted one and keeps later edits.
func seed(ctx context.Context, p *pod.Pod, set *regions.Set, out io.Writer) error {
	done, err := seeded(ctx, p.DB)
	if err != nil || done {
		return err
	}
	fmt.Fprintln(out, "Filling the shop with its catalogue; the first start only.")
	if err := seedCategories(ctx, p.Catalog); err != nil {
		return err
	}
	var all []shipped.Product
	for _, seller := range shippedSellers {
		products, err := seller.products()
		if err != nil {
			return err
		}
		if err := seedProducts(ctx, p, seller.slug, seller.name, products); err != nil {
			return err
		}
		fmt.Fprintf(out, "  %-14s %5d products\n", seller.name, len(products))
		all = append(all, products...)
	}
	if err := seedRates(ctx, p, out); err != nil {
		return err
	}
	n, err := seedStock(ctx, p, set, all)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "  %-14s %5d stock rows\n", "Warehouses", n)
	return nil
}

// seeded reports whether seed has finished before: the products of the sellers' first imports have stock.
func seeded(ctx context.Context, db *database.DB) (bool, error) {
	var slugs []string
	for _, seller := range shippedSellers {
		slugs = append(slugs, seller.slug)
	}
	done, err := database.One(ctx, db, pgx.RowTo[bool], `
WITH filled AS (
  SELECT i.seller_id, min(i.finished_at) AS finished_at
  FROM imports i
  JOIN sellers s ON s.id = i.seller_id AND s.slug = ANY($1::text[])
  WHERE i.status = 'done'
  GROUP BY i.seller_id
)
SELECT (SELECT count(*) FROM filled) = $2::int8
  AND NOT EXISTS (
    SELECT 1
    FROM filled f
    JOIN products p ON p.seller_id = f.seller_id AND p.created_at <= f.finished_at
    JOIN skus k ON k.product_id = p.id AND k.status = 'active'
    WHERE NOT EXISTS (SELECT 1 FROM stock s WHERE s.sku = k.sku))`, slugs, len(slugs))
	if err != nil {
		return false, fmt.Errorf("look whether the shop is filled: %w", err)
	}
	return done, nil
}

func seedCategories(ctx context.Context, c *catalog.Catalog) error {
	list, err := shipped.Categories()
	if err != nil {
		return err
	}
	inputs := make([]catalog.CategoryInput, len(list))
	for i, category := range list {
		inputs[i] = catalog.CategoryInput{ID: category.ID, ParentID: category.ParentID, Name: category.Name}
	}
	_, err = c.UpsertCategories(ctx, inputs)
	return err
}

// seedProducts imports a seller's products, once.
func seedProducts(ctx context.Context, p *pod.Pod, slug, name string, products []shipped.Product) error {
	c := p.Catalog
	seller, err := c.FindSeller(ctx, slug)
	if errors.Is(err, catalog.ErrNotFound) {
		seller, err = c.CreateSeller(ctx, catalog.SellerInput{Slug: slug, Name: name})
	}
	if err != nil {
		return err
	}
	imported, err := database.One(ctx, p.DB, pgx.RowTo[bool], `
SELECT EXISTS (SELECT 1 FROM imports WHERE seller_id = $1 AND status = 'done')`, seller.ID)
	if err != nil || imported {
		return err
	}
	var file bytes.Buffer
	if err := shipped.NDJSON(&file, products); err != nil {
		return err
	}
	report, err := c.Import(ctx, catalog.ImportInput{
		Seller: seller.ID, Source: bytes.NewReader(file.Bytes()), Size: int64(file.Len()), Format: catalog.FormatNDJSON, Policy: catalog.KeepGood,
	})
	if err != nil {
		return err
	}
	if report.LinesBad > 0 {
		return fmt.Errorf("%d products of the shipped catalogue were refused, the first: %v", report.LinesBad, report.Errors[0])
	}
	return nil
}

// seedStock receives the starting stock of each SKU in each warehouse that has no row of it yet. It returns the
// number of receipts.
func seedStock(ctx context.Context, p *pod.Pod, set *regions.Set, products []shipped.Product) (int, error) {
	var warehouses []string
	for _, region := range set.All() {
		for _, warehouse := range region.Warehouses {
			warehouses = append(warehouses, warehouse.Code)
		}
	}
	have, err := stockRows(ctx, p.DB)
	if err != nil {
		return 0, err
	}
	var receipts []inventory.Receipt
	for _, stock := range shipped.StartingStock(products, warehouses) {
		if !have[stockRow{stock.SKU, stock.Warehouse}] {
			receipts = append(receipts, inventory.Receipt{Warehouse: stock.Warehouse, SKU: stock.SKU, Quantity: stock.Units})
		}
	}
	return len(receipts), p.Inventory.ReceiveMany(ctx, receipts)
}

type stockRow struct{ sku, warehouse string }

// stockRows returns the stock rows there are.
func stockRows(ctx context.Context, db *database.DB) (map[stockRow]bool, error) {
	have := make(map[stockRow]bool)
	err := database.Each(ctx, db, func(row pgx.CollectableRow) (stockRow, error) {
		var r stockRow
		err := row.Scan(&r.sku, &r.warehouse)
		return r, err
	}, func(r stockRow) error {
		have[r] = true
		return nil
	}, `
SELECT sku, warehouse
FROM stock`)
	if err != nil {
		return nil, fmt.Errorf("list stock: %w", err)
	}
	return have, nil
}

// operatorEmail is the address of the account that may do everything in a local shop.
const operatorEmail = "operator@meridian.example"

// seedOperator makes the operator's account, once.
func seedOperator(ctx context.Context, p *pod.Pod, country, password string) error {
	found, err := p.Accounts.FindByEmail(ctx, operatorEmail)
	if errors.Is(err, account.ErrNotFound) {
		var session account.Session
		session, err = p.Accounts.Register(ctx, account.RegisterInput{Email: operatorEmail, Password: password, Name: "Operator",
			Country: country})
		found = session.Account
	}
	if err != nil {
		return fmt.Errorf("make the operator's account: %w", err)
	}
	if found.Has(account.RoleAdmin) {
		return nil
	}
	if _, err := p.Accounts.SetRoles(ctx, account.SetRolesInput{
		Account: found.Ref, Roles: []string{account.RoleAdmin, account.RoleOperator, account.RoleFinance},
	}); err != nil {
		return fmt.Errorf("make the operator an operator: %w", err)
	}
	return nil
}
