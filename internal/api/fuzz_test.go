package api

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"meridian/internal/account"
	"meridian/internal/catalog"
	"meridian/internal/inventory"
	"meridian/internal/testkit"
	"meridian/internal/testkit/apitest"
	"meridian/regions"
)

// hostileWorld is a whole shop on one database, with what belongs to ada and to the seller acme in it.
type hostileWorld struct {
	shop   *orderShop
	driver apitest.Driver
	// acme owns products and imports; rival is another seller.
	acme, rival catalog.Seller
	// owners are ids that the rows of ada and acme hold.
	owners []string
}

// newHostileWorld opens the shop. Every domain that has routes is in it: one that gets some is set here.
func newHostileWorld(t testing.TB) *hostileWorld {
	t.Helper()
	w := &hostileWorld{shop: newOrderShop(t)}
	accounts := testkit.Must(account.New(account.Config{
		DB: w.shop.db, Regions: w.shop.regions, Secret: testSecret, Argon2: account.Argon2{MemoryKiB: 8, Passes: 1, Lanes: 1},
	}))(w.shop.t)
	testkit.NoError(w.shop.t, accounts.RotateOnce(t.Context()))
	w.acme = testkit.Must(w.shop.shelves.FindSeller(t.Context(), "acme"))(w.shop.t)
	w.rival = testkit.Must(w.shop.shelves.CreateSeller(t.Context(), catalog.SellerInput{Slug: "rival", Name: "Rival"}))(w.shop.t)
	s := newTestServer(t, func(d *Deps, _ *Config) {
		*d = w.shop.europe.Deps
		d.Accounts = accounts
		d.Inventory = inventory.New(inventory.Config{DB: w.shop.db, Regions: w.shop.regions})
		d.Finance, d.Rates = w.shop.finance()
		d.VerifyToken = w.verifyToken
	})
	w.driver = apitest.Driver{
		Contract: contract(t),
		Handler:  w.informed(s.Handler()),
		Values:   w.values(accounts),
		Skip: map[string]string{
			"getDocs":     "its examples are the tests' customers",
			"getDocument": "its examples are the tests' customers",
		},
	}
	return w
}

// informed is h, of a server that looks for changes of prices before each answer about them, as a pod does each second.
func (w *hostileWorld) informed(h http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/prices") {
			if err := w.shop.europe.Carts.Prices.PollOnce(context.WithoutCancel(r.Context())); err != nil {
				panic(err)
			}
		}
		h.ServeHTTP(out, r)
	})
}

// verifyToken knows, beside those of the shop, the tokens of both sellers and of finance.
func (w *hostileWorld) verifyToken(ctx context.Context, token string) (Principal, error) {
	p := testPrincipals["seller"]
	switch token {
	case "acme":
		p.Seller = w.acme.ID
		return p, nil
	case "rival":
		p.Account, p.Seller = testPrincipals["other"].Account, w.rival.ID
		return p, nil
	case "finance":
		return Principal{Account: testPrincipals["other"].Account, Roles: []string{roleShopper, roleFinance}}, nil
	}
	return w.shop.verifyToken(ctx, token)
}

// values makes what belongs to ada and to acme: carts, an order that is paid, a refund that failed, an address, a
// draft, an import. It returns their ids, and others of the shop.
func (w *hostileWorld) values(accounts *account.Accounts) map[string][]string {
	shop, ctx := w.shop, w.shop.t.Context()
	ada := shop.as("ada")
	ordered, _ := ada.fill(oneMug)
	placed := wantPlaced(shop.t, ada.post("/v1/orders", checkoutBody(ordered.ID, "card_success_refund_fails_now")))
	shop.settle()
	refund := shop.command(placed.Order.ID, "refund", `{"reason":"kindness","amount_minor":100}`).Refunds[0]
	shop.sendRefunds()
	mug := shop.productOf("MUG")
	ada.rate(mug, 4)
	open, _ := ada.fill(oneMug)
	guests, _ := shop.guest("").fill(oneMug)

	address := testkit.Must(accounts.AddAddress(ctx, account.AddAddressInput{Account: shop.ada.Ref, Address: account.AddressFields{
		Name: "Ada Byrne", Line1: "1 Quay Street", City: "Galway", Country: "IE",
	}}))(shop.t)
	draft := testkit.Must(shop.shelves.CreateProduct(ctx, catalog.CreateInput{Seller: w.acme.ID, Product: catalog.ProductInput{
		Title: acmeDraft, CategoryID: "hg", SKUs: []catalog.SKUInput{{Code: "DRAFT"}},
	}}))(shop.t)
	file := `{"key":"f","title":"` + acmeDraft + `","category":"hg","status":"draft","skus":[{"sku":"FILED"}]}` + "\nbad\n"
	imported := testkit.Must(shop.shelves.Import(ctx, catalog.ImportInput{
		Seller: w.acme.ID, Source: strings.NewReader(file), Size: int64(len(file)), Format: catalog.FormatNDJSON, Policy: catalog.KeepGood,
	}))(shop.t)

	w.owners = []string{shop.ada.Ref.ID.String(), w.acme.ID.String(), placed.Order.ID, open.ID, guests.ID}
	adasAccount, adasAddress := shop.regions.FormatID("usr", shop.ada.Ref), shop.regions.FormatID("adr", address.Ref)
	return map[string][]string{
		"order_id": {placed.Order.ID}, "refund_id": {refund.ID}, "cart_id": {open.ID, guests.ID},
		"account_id": {adasAccount}, "address_id": {adasAddress}, "seller_id": {w.acme.PublicID()}, "product_id": {draft.PublicID(), mug},
		"import_id": {shop.regions.FormatID("imp", imported.Ref)}, "category": {"hg"}, "sku": {"MUG", "DRAFT"}, "warehouse": {"euw-1"},
		"from_warehouse": {"euw-1"}, "to_warehouse": {"use-1"}, "provider": {"sandbox"}, "policy": {"keep_good"}, "slug": {"acme"},
		"list": {"catalogue-EUR"}, "change_id": {regions.FormatGlobalID(regions.ChangePrefix, uuid.New())},
		"promotion": {"spring-2027"}, "market": {"eu"},
	}
}

// acmeDraft is the title of what acme has not published.
const acmeDraft = "A secret novelty"

// hostileCaller is a caller with a token, who is told nothing of ada and of what acme keeps to itself.
func hostileCaller(name, token string) apitest.Caller {
	return apitest.Caller{
		Name:    name,
		Header:  http.Header{"Authorization": {"Bearer " + token}},
		Secrets: []string{"Quay Street", "ada@example.com", "Ada Byrne", acmeDraft},
	}
}

// strangers are everyone who has no business with what is ada's and acme's.
func strangers() []apitest.Caller {
	return []apitest.Caller{
		hostileCaller("another shopper", "ben"),
		hostileCaller("another region's shopper", "other"),
		hostileCaller("another seller", "rival"),
		hostileCaller("a forger", "forged"),
	}
}

// wantUnchanged fails the test where the shop is not as it was, but for what the strangers did to what is their own.
func (w *hostileWorld) wantUnchanged(t testing.TB, before snapshot) {
	t.Helper()
	callers := []string{w.shop.ben.Ref.ID.String(), w.rival.ID.String()}
	for _, change := range before.changes(takeSnapshot(t, w.shop.db), callers, w.owners) {
		t.Errorf("%.500s", change)
	}
}

// TestHostileInput drives every operation as everyone who has no business with what is ada's and acme's: no 5xx, nothing
// of theirs in any answer, and no change to any row that is not the caller's own.
func TestHostileInput(t *testing.T) {
	w := newHostileWorld(t)
	before := takeSnapshot(t, w.shop.db)
	w.driver.Callers = strangers()
	w.driver.Unchanged = func(t testing.TB) { w.wantUnchanged(t, before) }
	w.driver.Run(t)
}

// TestHostileInput_Operators drives every operation as an admin and as the seller acme, one of whom nearly every door is
// open to: no 5xx.
func TestHostileInput_Operators(t *testing.T) {
	w := newHostileWorld(t)
	w.driver.Callers = []apitest.Caller{
		{Name: "an admin", Header: http.Header{"Authorization": {"Bearer admin"}}},
		{Name: "acme", Header: http.Header{"Authorization": {"Bearer acme"}}},
	}
	w.driver.Run(t)
}

// TestRandomInput draws requests from the document, allowed ones and broken ones: no 5xx, no status that the document does not
// name, and nothing that it does not allow is taken.
func TestRandomInput(t *testing.T) {
	w := newHostileWorld(t)
	w.driver.Callers = []apitest.Caller{
		{Name: "an admin", Header: http.Header{"Authorization": {"Bearer admin"}}},
		{Name: "acme", Header: http.Header{"Authorization": {"Bearer acme"}}},
		{Name: "finance", Header: http.Header{"Authorization": {"Bearer finance"}}},
		hostileCaller("another shopper", "ben"),
	}
	w.driver.Random(t, 12, 3)
}

func FuzzOperations(f *testing.F) {
	w := newHostileWorld(f)
	w.driver.Callers = strangers()
	w.driver.Fuzz(f)
}
