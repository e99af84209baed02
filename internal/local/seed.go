package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"meridian/internal/account"
	"meridian/internal/catalog"
	"meridian/internal/catalog/shipped"
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
	done, err := seeded(ctx, p)
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
func seeded(ctx context.Context, p *pod.Pod) (bool, error) {
	var slugs []string
	for _, seller := range shippedSellers {
		slugs = append(slugs, seller.slug)
	}
	skus, done, err := p.Catalog.FirstImports(ctx, slugs)
	if err != nil || !done {
		return false, err
	}
	rows, err := p.Inventory.Rows(ctx)
	if err != nil {
		return false, err
	}
	stocked := make(map[string]bool)
	for row := range rows {
		stocked[row.SKU] = true
	}
	return !slices.ContainsFunc(skus, func(sku string) bool { return !stocked[sku] }), nil
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
	imported, err := c.HasImported(ctx, seller.ID)
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
	have, err := p.Inventory.Rows(ctx)
	if err != nil {
		return 0, err
	}
	var receipts []inventory.Receipt
	for _, stock := range shipped.StartingStock(products, warehouses) {
		if !have[inventory.LevelPosition{SKU: stock.SKU, Warehouse: stock.Warehouse}] {
			receipts = append(receipts, inventory.Receipt{Warehouse: stock.Warehouse, SKU: stock.SKU, Quantity: stock.Units})
		}
	}
	return len(receipts), p.Inventory.ReceiveMany(ctx, receipts)
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
