package chaos

import (
	"context"
	"fmt"
	"log/slog"

	"meridian/internal/account"
	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/lab/client"
	"meridian/internal/lab/shopper"
	"meridian/internal/money"
	"meridian/internal/payment/sandbox"
	"meridian/internal/pod"
	"meridian/regions"
)

// What a shop begins with: few SKUs and little stock, so that shoppers meet and things sell out.
const (
	skuCount     = 30
	openingUnits = 8 // at most, of a SKU in a warehouse
	// walkSKU is for Walk: there is always enough of it.
	walkSKU   = "CHAOS-WALK"
	walkUnits = 2000
)

// world is what shoppers and suppliers know of a shop.
type world struct {
	skus       []string
	warehouses []string
	opening    []inventory.Receipt
	customers  []*shopper.Account
	operator   *shopper.Account
}

// fill puts into an open shop what is needed before anybody can buy, and that many customers. It calls the domains
// directly, as nothing is broken yet.
func (s *shop) fill(ctx context.Context, customers int) (w world, err error) {
	p, err := pod.New(ctx, pod.Config{
		Regions: s.set, Region: s.set.Primary().Name, Secret: s.secret, Log: slog.New(slog.DiscardHandler),
		Database: database.Config{URL: s.url, ApplicationName: "meridian-chaos-fill", MaxConns: 2},
		Sandbox:  sandbox.ClientConfig{BaseURL: s.gateway.base, APIKey: s.keys.api, WebhookSecret: s.keys.webhooks},
		Argon2:   account.Argon2{MemoryKiB: 64, Passes: 1, Lanes: 1}, // these passwords are no secrets
	})
	if err != nil {
		return w, err
	}
	defer func() {
		if closeErr := p.Close(ctx); err == nil {
			err = closeErr
		}
	}()
	if err := inventory.SyncWarehouses(ctx, p.DB, s.set); err != nil {
		return w, err
	}
	if err := p.Accounts.RotateOnce(ctx); err != nil { // so that the first sign-in finds a key
		return w, err
	}
	if err := w.sell(ctx, s, p.Catalog); err != nil {
		return w, fmt.Errorf("fill the catalogue: %w", err)
	}
	if err := w.register(ctx, p.Accounts, customers); err != nil {
		return w, fmt.Errorf("register customers: %w", err)
	}
	w.chooseStock(s)
	return w, p.Inventory.ReceiveMany(ctx, w.opening)
}

// sell puts SKUs on sale, each with a price of its own.
func (w *world) sell(ctx context.Context, s *shop, c *catalog.Catalog) error {
	if _, err := c.UpsertCategories(ctx, []catalog.CategoryInput{{ID: "c", Name: "Chaos"}}); err != nil {
		return err
	}
	seller, err := c.CreateSeller(ctx, catalog.SellerInput{Slug: "chaos", Name: "Chaos"})
	if err != nil {
		return err
	}
	for i := range skuCount {
		w.skus = append(w.skus, fmt.Sprintf("CHAOS-%02d", i+1))
	}
	for i, sku := range append(w.skus, walkSKU, witnessSKU(0), witnessSKU(1)) {
		prices := make(map[money.Currency]int64)
		for _, region := range s.set.All() {
			for _, currency := range region.Currencies {
				prices[money.Currency(currency)] = int64(1000 + 37*i)
			}
		}
		_, err := c.CreateProduct(ctx, catalog.CreateInput{Seller: seller.ID, Product: catalog.ProductInput{
			Key: sku, Title: "Product " + sku, CategoryID: "c", Status: catalog.Active, SKUs: []catalog.SKUInput{{Code: sku, Prices: prices}},
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

// register makes the customers' accounts and the operator's, and signs them in.
func (w *world) register(ctx context.Context, accounts *account.Accounts, customers int) error {
	for i := range customers {
		customer, _, err := register(ctx, accounts, fmt.Sprintf("shopper-%d@chaos.example", i), shopper.Countries[i%len(shopper.Countries)])
		if err != nil {
			return err
		}
		w.customers = append(w.customers, customer)
	}
	operator, ref, err := register(ctx, accounts, "operator@chaos.example", shopper.Countries[0])
	if err != nil {
		return err
	}
	if _, err := accounts.SetRoles(ctx, account.SetRolesInput{Account: ref, Roles: []string{account.RoleOperator}}); err != nil {
		return err
	}
	session, err := accounts.SignIn(ctx, account.SignInInput{Email: operator.Email, Password: operator.Password}) // with the new role
	w.operator = signedIn(operator.RegisterInput, session)
	return err
}

func register(ctx context.Context, accounts *account.Accounts, email, country string) (*shopper.Account, regions.Ref, error) {
	in := client.RegisterInput{Email: email, Password: "a password for an hour", Name: "Chaos", Country: country}
	session, err := accounts.Register(ctx, account.RegisterInput{Email: in.Email, Password: in.Password, Name: in.Name, Country: in.Country})
	return signedIn(in, session), session.Account.Ref, err
}

// signedIn returns an account with a session, whose token outlives a run.
func signedIn(in client.RegisterInput, session account.Session) *shopper.Account {
	return shopper.NewAccount(in, client.Session{AccessToken: session.AccessToken, ExpiresAt: session.AccessExpires})
}

// chooseStock decides which warehouse has how many units of which SKU.
func (w *world) chooseStock(s *shop) {
	for _, region := range s.set.All() {
		for _, warehouse := range region.Warehouses {
			w.warehouses = append(w.warehouses, warehouse.Code)
		}
	}
	w.opening = append(witnessStock(w.warehouses[0]), inventory.Receipt{SKU: walkSKU, Warehouse: w.warehouses[0], Quantity: walkUnits})
	for _, sku := range w.skus {
		for _, warehouse := range w.warehouses {
			if s.dice.chance(0.5) {
				w.opening = append(w.opening, inventory.Receipt{SKU: sku, Warehouse: warehouse, Quantity: int64(1 + s.dice.IntN(openingUnits))})
			}
		}
	}
}
