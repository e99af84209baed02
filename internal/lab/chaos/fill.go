package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"meridian/internal/account"
	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/lab/client"
	"meridian/internal/payment/sandbox"
	"meridian/internal/pod"
)

// What a shop begins with: few SKUs and little stock, so that shoppers meet and things sell out.
const (
	skuCount     = 30
	openingUnits = 8 // at most, of a SKU in a warehouse
	// walkSKU is for Walk: there is always enough of it.
	walkSKU   = "CHAOS-WALK"
	walkUnits = 2000
)

// homes are a country of each region.
var homes = []string{"US", "MX", "DE", "SG"}

// world is what shoppers and suppliers know of a shop.
type world struct {
	skus       []string
	warehouses []string
	opening    []inventory.Receipt
	customers  []member
	operator   client.By
}

// member is a customer who is signed in.
type member struct {
	client.By
	country string
}

// fill puts into an open shop what is needed before anybody can buy, and that many customers: by the domains themselves,
// as nothing is broken yet.
func (s *shop) fill(ctx context.Context, customers int) (world, error) {
	p, err := pod.New(ctx, pod.Config{
		Regions: s.set, Region: s.set.Primary().Name, Secret: s.secret, Log: slog.New(slog.DiscardHandler),
		Database: database.Config{URL: s.url, ApplicationName: "meridian-chaos-fill", MaxConns: 2},
		Sandbox:  sandbox.ClientConfig{BaseURL: s.bank.base, APIKey: s.keys.api, WebhookSecret: s.keys.webhooks},
		Argon2:   account.Argon2{MemoryKiB: 64, Passes: 1, Lanes: 1}, // these passwords are no secrets
	})
	if err != nil {
		return world{}, err
	}
	w, err := fillBy(ctx, s, p, customers)
	if closeErr := p.Close(ctx); err == nil {
		err = closeErr
	}
	if err != nil {
		return world{}, fmt.Errorf("fill the shop: %w", err)
	}
	return w, nil
}

func fillBy(ctx context.Context, s *shop, p *pod.Pod, customers int) (world, error) {
	w := newWorld(s)
	if err := inventory.SyncWarehouses(ctx, p.DB, s.set); err != nil {
		return w, err
	}
	if err := p.Accounts.RotateOnce(ctx); err != nil { // so that the first sign-in finds a key
		return w, err
	}
	if err := sell(ctx, p.Catalog, append(w.skus, walkSKU), s.currencies()); err != nil {
		return w, err
	}
	if err := w.register(ctx, p.Accounts, customers); err != nil {
		return w, err
	}
	w.opening = []inventory.Receipt{{SKU: walkSKU, Warehouse: w.warehouses[0], Quantity: walkUnits}}
	for _, sku := range w.skus {
		for _, warehouse := range w.warehouses {
			if s.dice.chance(0.5) {
				w.opening = append(w.opening, inventory.Receipt{SKU: sku, Warehouse: warehouse, Quantity: int64(1 + s.dice.number(openingUnits))})
			}
		}
	}
	return w, p.Inventory.ReceiveMany(ctx, w.opening)
}

func newWorld(s *shop) world {
	var w world
	for i := range skuCount {
		w.skus = append(w.skus, fmt.Sprintf("CHAOS-%02d", i+1))
	}
	for _, region := range s.set.All() {
		for _, warehouse := range region.Warehouses {
			w.warehouses = append(w.warehouses, warehouse.Code)
		}
	}
	return w
}

func (s *shop) currencies() []string {
	var all []string
	for _, region := range s.set.All() {
		all = append(all, region.Currencies...)
	}
	return all
}

// sell puts SKUs on sale, each with a price of its own.
func sell(ctx context.Context, c *catalog.Catalog, skus, currencies []string) error {
	if _, err := c.UpsertCategories(ctx, []catalog.CategoryInput{{ID: "c", Name: "Chaos"}}); err != nil {
		return err
	}
	seller, err := c.CreateSeller(ctx, catalog.SellerInput{Slug: "chaos", Name: "Chaos"})
	if err != nil {
		return err
	}
	var file bytes.Buffer
	lines := json.NewEncoder(&file)
	for i, sku := range skus {
		prices := make(map[string]int64)
		for _, currency := range currencies {
			prices[currency] = int64(1000 + 37*i)
		}
		err := lines.Encode(map[string]any{
			"key": sku, "title": "Product " + sku, "category": "c", "status": "active",
			"skus": []any{map[string]any{"sku": sku, "prices": prices}},
		})
		if err != nil {
			return err
		}
	}
	report, err := c.Import(ctx, catalog.ImportInput{
		Seller: seller.ID, Source: bytes.NewReader(file.Bytes()), Size: int64(file.Len()), Format: catalog.FormatNDJSON, Policy: catalog.AllOrNothing,
	})
	if err == nil && report.LinesBad > 0 {
		err = fmt.Errorf("%d products were refused: %v", report.LinesBad, report.Errors[0])
	}
	return err
}

// register makes the customers' accounts and the operator's, and signs them in.
func (w *world) register(ctx context.Context, accounts *account.Accounts, customers int) error {
	for i := range customers {
		country := homes[i%len(homes)]
		session, err := accounts.Register(ctx, registration(fmt.Sprintf("shopper-%d@chaos.example", i), country))
		if err != nil {
			return err
		}
		w.customers = append(w.customers, member{client.By{AccessToken: session.AccessToken}, country})
	}
	in := registration("operator@chaos.example", homes[0])
	session, err := accounts.Register(ctx, in)
	if err != nil {
		return err
	}
	roles := account.SetRolesInput{Account: session.Account.Ref, Roles: []string{account.RoleOperator}}
	if _, err := accounts.SetRoles(ctx, roles); err != nil {
		return err
	}
	session, err = accounts.SignIn(ctx, account.SignInInput{Email: in.Email, Password: in.Password}) // with the new role
	w.operator.AccessToken = session.AccessToken
	return err
}

func registration(email, country string) account.RegisterInput {
	return account.RegisterInput{Email: email, Password: "a password for an hour", Name: "Chaos", Country: country}
}
