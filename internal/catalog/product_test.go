package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"meridian/internal/idempotency"
	"meridian/internal/invalid"
	"meridian/internal/money"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

func TestCreateProduct(t *testing.T) {
	s := newShop(t)
	var created Product
	n := databasetest.Trips(t, func(ctx context.Context) (err error) {
		created, err = s.CreateProduct(ctx, CreateInput{Seller: s.seller, Product: mug("m1", "M1-RED", "M1-BLUE")})
		return err
	})
	if n != 1 {
		t.Errorf("creating took %d round trips, want 1", n)
	}
	want := Product{
		Key: "m1", Title: "Mug m1", Brand: "Acme", CategoryID: "hg-11-6", TaxCategory: TaxStandard, Status: Active, Version: 1,
		Attributes: mug("m1").Attributes, Images: mug("m1").Images,
		SKUs: []SKU{
			{Code: "M1-RED", Barcode: "0123", WeightGrams: 310, Status: Active, Options: map[string]string{"size": "0"},
				BaseCurrency: "GBP", Entries: entries(map[money.Currency]int64{"GBP": 295, "JPY": 500})},
			{Code: "M1-BLUE", Barcode: "0123", WeightGrams: 310, Status: Active, Options: map[string]string{"size": "1"},
				BaseCurrency: "GBP", Entries: entries(map[money.Currency]int64{"GBP": 295, "JPY": 500})},
		},
	}
	if diff := cmp.Diff(want, created, sameContents); diff != "" {
		t.Error(diff)
	}
	if !strings.HasPrefix(created.Slug, "mug-m1-") {
		t.Errorf("slug %q", created.Slug)
	}
	for _, name := range []string{created.PublicID(), created.Slug} {
		got := testkit.Must(s.GetProduct(t.Context(), name))(t)
		if diff := cmp.Diff(created, got); diff != "" {
			t.Errorf("by %s: %s", name, diff)
		}
	}
	s.check(t)
}

func TestCreateProduct_Refused(t *testing.T) {
	s := newShop(t)
	s.create(t, mug("m1", "TAKEN"))
	tests := []struct {
		name   string
		seller uuid.UUID
		in     ProductInput
		want   func(error) bool
	}{
		{"a key twice", s.seller, mug("m1", "NEW"), is(ErrKeyTaken)},
		{"a SKU of another product", s.seller, mug("m2", "NEW", "TAKEN"), func(err error) bool {
			var taken *SKUTakenError
			return errors.As(err, &taken) && taken.SKU == "TAKEN"
		}},
		{"a SKU of another seller", s.newSeller(t, "other"), mug("m2", "TAKEN"), func(err error) bool {
			var taken *SKUTakenError
			return errors.As(err, &taken) && taken.SKU == "TAKEN"
		}},
		{"an unknown seller", uuid.New(), mug("m2", "NEW"), is(ErrNotFound)},
		{"an unknown category", s.seller, with(mug("m2", "NEW"), func(p *ProductInput) { p.CategoryID = "nowhere" }), wrongFields("category")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := s.CreateProduct(t.Context(), CreateInput{Seller: test.seller, Product: test.in}); !test.want(err) {
				t.Errorf("error %v", err)
			}
		})
	}
	if got := len(s.contents(t, s.seller)); got != 1 {
		t.Errorf("%d products, want 1", got)
	}
	if n := databasetest.One[int64](t, s.db, `SELECT count(*) FROM outbox`); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
	s.check(t)
}

func is(want error) func(error) bool { return func(err error) bool { return errors.Is(err, want) } }

func wrongFields(fields ...string) func(error) bool {
	return func(err error) bool {
		var e *invalid.Error
		if !errors.As(err, &e) {
			return false
		}
		var got []string
		for _, f := range e.Fields {
			got = append(got, f.Name)
		}
		return cmp.Equal(fields, got)
	}
}

func with(in ProductInput, change func(*ProductInput)) ProductInput {
	change(&in)
	return in
}

func TestCreateProduct_RepeatedWithItsKey(t *testing.T) {
	s := newShop(t)
	key := idempotency.Key{Region: s.db.Region(), Scope: "slr_x", Key: "k1", Fingerprint: []byte{1}}
	created, err := s.CreateProduct(t.Context(), CreateInput{Seller: s.seller, Product: mug("m1", "A"), Idempotency: key})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.CreateProduct(t.Context(), CreateInput{Seller: s.seller, Product: mug("m1", "A"), Idempotency: key})
	var replay *idempotency.Replay
	if !errors.As(err, &replay) || replay.Answer.Resource != created.PublicID() {
		t.Errorf("repeated: %v, want a replay of %s", err, created.PublicID())
	}
}

func TestValidate(t *testing.T) {
	deep := map[string]any{"a": map[string]any{"b": []any{1.0}}}
	tests := []struct {
		name   string
		change func(*ProductInput)
		want   []string
	}{
		{"good", func(*ProductInput) {}, nil},
		{"three levels", func(p *ProductInput) { p.Attributes = deep }, nil},
		{"four levels", func(p *ProductInput) { p.Attributes = map[string]any{"x": deep} }, []string{"attributes"}},
		{"large attributes", func(p *ProductInput) {
			p.Attributes = map[string]any{"x": strings.Repeat("x", 33<<10)}
		}, []string{"attributes"}},
		{"NUL in an attribute", func(p *ProductInput) { p.Attributes = map[string]any{"x": "a\x00"} }, []string{"attributes"}},
		{"blank title", func(p *ProductInput) { p.Title = " \u00a0" }, []string{"title"}},
		{"long title", func(p *ProductInput) { p.Title = strings.Repeat("é", 201) }, []string{"title"}},
		{"title of two lines", func(p *ProductInput) { p.Title = "a\nb" }, []string{"title"}},
		{"bad UTF-8", func(p *ProductInput) { p.Description = "\xff" }, []string{"description"}},
		{"no SKUs", func(p *ProductInput) { p.SKUs = nil }, []string{"skus"}},
		{"a SKU twice", func(p *ProductInput) { p.SKUs = append(p.SKUs, p.SKUs[0]) }, []string{"skus[1].sku"}},
		{"SKU with a space", func(p *ProductInput) { p.SKUs[0].Code = "a b" }, []string{"skus[0].sku"}},
		{"negative price", func(p *ProductInput) { p.SKUs[0].Prices = map[money.Currency]int64{"GBP": -1} }, []string{"skus[0].prices.GBP"}},
		{"huge price", func(p *ProductInput) {
			p.SKUs[0].Prices = map[money.Currency]int64{"GBP": MaxPriceMinor + 1}
		}, []string{"skus[0].prices.GBP"}},
		{"unknown currency", func(p *ProductInput) { p.SKUs[0].Prices = map[money.Currency]int64{"gbp": 1} }, []string{"skus[0].prices"}},
		{"http image", func(p *ProductInput) { p.Images = []Image{{URL: "http://example.com/a.jpg"}} }, []string{"images[0].url"}},
		{"image on any host", func(p *ProductInput) { p.Images = []Image{{URL: "//example.com/a.jpg"}} }, []string{"images[0].url"}},
		{"script for an image", func(p *ProductInput) { p.Images = []Image{{URL: "javascript:alert(1)"}} }, []string{"images[0].url"}},
		{"all at once", func(p *ProductInput) {
			p.Title, p.CategoryID, p.TaxCategory, p.Status, p.SKUs[0].WeightGrams = "", "", "none", "gone", -1
		}, []string{"title", "category", "tax_category", "status", "skus[0].weight_grams"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := with(mug("m", "A"), test.change)
			err := in.Validate()
			if test.want == nil && err == nil {
				return
			}
			if !wrongFields(test.want...)(err) {
				t.Errorf("error %v, want faults of %v", err, test.want)
			}
		})
	}
}

// A price that takes the place of another is told ahead, so that all pods change over at once;
// one that was not there before counts at once. Both are kept.
func TestUpdateProduct_PriceLead(t *testing.T) {
	s := newShop(t)
	s.priceLead = time.Hour
	created := s.create(t, mug("m1", "A"))
	in := with(mug("", "A"), func(p *ProductInput) {
		p.SKUs[0].Prices = map[money.Currency]int64{"GBP": 395, "JPY": 500, "EUR": 450}
	})
	updated := testkit.Must(s.UpdateProduct(t.Context(), UpdateInput{Seller: s.seller, ID: created.ID, Version: 1, Product: in}))(t)
	now := time.Now()
	for at, want := range map[time.Time]map[money.Currency]int64{
		now:                    {"GBP": 295, "JPY": 500, "EUR": 450},
		now.Add(2 * time.Hour): {"GBP": 395, "JPY": 500, "EUR": 450},
	} {
		if diff := cmp.Diff(want, updated.SKUs[0].Prices(at)); diff != "" {
			t.Errorf("prices at %s (-want +got):\n%s", at.Sub(now), diff)
		}
	}
	if base := updated.SKUs[0].BaseCurrency; base != "GBP" {
		t.Errorf("the base currency went from GBP to %s", base)
	}
	report := s.load(t, s.input(FormatNDJSON, KeepGood, `{"key":"m1","title":"Mug m1","brand":"Acme","category":"hg-11-6","attributes":{"material":"china","pieces":2,"sizes":["S","L"]},`+
		`"images":["https://example.com/mug.jpg","/images/mug.png"],"skus":[{"sku":"A","barcode":"0123","weight_grams":310,"options":{"size":"0"},"prices":{"GBP":395}}]}`))
	if report.LinesBad > 0 {
		t.Fatalf("import: %+v", report.Errors)
	}
	if n := databasetest.One[int64](t, s.db, `SELECT count(*) FROM price_entries WHERE sku = 'A' AND list = 'catalogue-GBP'`); n != 2 {
		t.Errorf("there are %d GBP prices, want the old one and the one to come: that price was set already", n)
	}
}

// The prices of many SKUs are set in parts, and no part cuts a SKU in two.
func TestImport_BaseCurrencies(t *testing.T) {
	s := newShop(t)
	var lines []string
	for i := range 300 {
		lines = append(lines, fmt.Sprintf(`{"key":"p%[1]d","title":"T","category":"fb","skus":[{"sku":"P%[1]d","prices":{"AUD":1,"CAD":1,"CHF":1,"EUR":1,"GBP":1,"JPY":1,"USD":1}}]}`, i))
	}
	report := s.load(t, s.input(FormatNDJSON, KeepGood, ndjson(lines...)))
	wantCounts(t, report, ImportDone, 300, 0, 0)
	if n := databasetest.One[int64](t, s.db, `SELECT count(*) FROM skus WHERE base_currency <> 'EUR'`); n > 0 {
		t.Errorf("%d SKUs with a price in EUR have another base", n)
	}
}

func TestUpdateProduct(t *testing.T) {
	s := newShop(t)
	created := s.create(t, mug("m1", "A", "B"))
	listedAt := databasetest.One[int64](t, s.db, `SELECT (extract(epoch FROM min(listed_at)) * 1000000)::int8 FROM category_products`)
	in := with(mug("ignored", "B", "C"), func(p *ProductInput) {
		p.Title, p.CategoryID, p.SKUs[0].Prices = "Cup", "fb", map[money.Currency]int64{"GBP": 1, "JPY": 500}
	})
	var updated Product
	n := databasetest.Trips(t, func(ctx context.Context) (err error) {
		updated, err = s.UpdateProduct(ctx, UpdateInput{Seller: s.seller, ID: created.ID, Version: 1, Product: in})
		return err
	})
	if n != 2 {
		t.Errorf("updating took %d round trips, want 2", n)
	}
	if updated.Version != 2 || updated.Key != "m1" || updated.Slug != created.Slug || updated.Title != "Cup" {
		t.Errorf("updated to %+v", updated)
	}
	var skus []string
	for _, sku := range updated.SKUs {
		skus = append(skus, sku.Code+" "+string(sku.Status))
	}
	if diff := cmp.Diff([]string{"B active", "C active", "A archived"}, skus); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[money.Currency]int64{"GBP": 1, "JPY": 500}, updated.SKUs[0].Prices(time.Now())); diff != "" {
		t.Errorf("prices: %s", diff)
	}
	if at := databasetest.One[int64](t, s.db, `SELECT (extract(epoch FROM min(listed_at)) * 1000000)::int8 FROM category_products`); at != listedAt {
		t.Error("the edit moved the product to the top of the listing")
	}
	public, err := s.GetProduct(t.Context(), created.PublicID())
	if err != nil || len(public.SKUs) != 2 {
		t.Errorf("the public sees %d SKUs (%v), want 2", len(public.SKUs), err)
	}
	s.check(t)
}

func TestUpdateProduct_Refused(t *testing.T) {
	s := newShop(t)
	s.create(t, mug("m0", "TAKEN"))
	created := s.create(t, mug("m1", "A"))
	other := s.newSeller(t, "other")
	tests := []struct {
		name string
		in   UpdateInput
		want func(error) bool
	}{
		{"an old version", UpdateInput{Seller: s.seller, ID: created.ID, Version: 2, Product: mug("", "A")}, is(ErrVersionConflict)},
		{"another seller's", UpdateInput{Seller: other, ID: created.ID, Version: 1, Product: mug("", "A")}, is(ErrNotFound)},
		{"another seller's, other SKUs", UpdateInput{Seller: other, ID: created.ID, Version: 1, Product: mug("", "Z")}, is(ErrNotFound)},
		{"nothing", UpdateInput{Seller: s.seller, ID: uuid.New(), Version: 1, Product: mug("", "Z")}, is(ErrNotFound)},
		{"nothing, a known SKU", UpdateInput{Seller: s.seller, ID: uuid.New(), Version: 1, Product: mug("", "A")}, is(ErrNotFound)},
		{"a taken SKU", UpdateInput{Seller: s.seller, ID: created.ID, Version: 1, Product: mug("", "A", "TAKEN")}, func(err error) bool {
			var taken *SKUTakenError
			return errors.As(err, &taken) && taken.SKU == "TAKEN"
		}},
		{"an unknown category", UpdateInput{Seller: s.seller, ID: created.ID, Version: 1,
			Product: with(mug("", "A"), func(p *ProductInput) { p.CategoryID = "nowhere" })}, wrongFields("category")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := s.UpdateProduct(t.Context(), test.in); !test.want(err) {
				t.Errorf("error %v", err)
			}
		})
	}
	now := testkit.Must(s.GetSellerProduct(t.Context(), s.seller, created.ID))(t)
	if diff := cmp.Diff(created, now); diff != "" {
		t.Errorf("something changed: %s", diff)
	}
	if n := databasetest.One[int64](t, s.db, `SELECT count(*) FROM outbox`); n != 2 {
		t.Errorf("%d events, want 2", n)
	}
	s.check(t)
}

func TestUpdateProduct_Race(t *testing.T) {
	s := newShop(t)
	created := s.create(t, mug("m1", "A"))
	var wg sync.WaitGroup
	results := make([]error, 8)
	for i := range results {
		wg.Go(func() {
			_, results[i] = s.UpdateProduct(t.Context(), UpdateInput{Seller: s.seller, ID: created.ID, Version: 1,
				Product: with(mug("", "A"), func(p *ProductInput) { p.Title = string(rune('a' + i)) })})
		})
	}
	wg.Wait()
	won := -1
	for i, err := range results {
		switch {
		case err == nil && won >= 0:
			t.Errorf("both %d and %d won", won, i)
		case err == nil:
			won = i
		case !errors.Is(err, ErrVersionConflict):
			t.Errorf("writer %d: %v, want a version conflict", i, err)
		}
	}
	now, err := s.GetSellerProduct(t.Context(), s.seller, created.ID)
	if err != nil || won < 0 || now.Version != 2 || now.Title != string(rune('a'+won)) {
		t.Errorf("writer %d won, and the product is %q version %d (%v)", won, now.Title, now.Version, err)
	}
}

func TestArchiveProduct(t *testing.T) {
	s := newShop(t)
	created := s.create(t, mug("m1", "A"))
	if _, err := s.ArchiveProduct(t.Context(), s.newSeller(t, "other"), created.ID, 1); !errors.Is(err, ErrNotFound) {
		t.Errorf("another seller: %v, want not found", err)
	}
	if _, err := s.ArchiveProduct(t.Context(), s.seller, uuid.New(), 1); !errors.Is(err, ErrNotFound) {
		t.Errorf("nothing: %v, want not found", err)
	}
	if _, err := s.ArchiveProduct(t.Context(), s.seller, created.ID, 7); !errors.Is(err, ErrVersionConflict) {
		t.Errorf("another version: %v, want a conflict", err)
	}
	if n := databasetest.One[int64](t, s.db, `SELECT count(*) FROM outbox`); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
	var archived Product
	n := databasetest.Trips(t, func(ctx context.Context) (err error) {
		archived, err = s.ArchiveProduct(ctx, s.seller, created.ID, 1)
		return err
	})
	if n != 1 || archived.Status != Archived || archived.Version != 2 {
		t.Errorf("%d round trips to %s, version %d", n, archived.Status, archived.Version)
	}
	if _, err := s.GetProduct(t.Context(), created.Slug); !errors.Is(err, ErrNotFound) {
		t.Errorf("the public: %v, want not found", err)
	}
	s.check(t)
}

func TestDraftsAreNotPublic(t *testing.T) {
	s := newShop(t)
	draft := s.create(t, with(mug("m1", "A"), func(p *ProductInput) { p.Status = "" }))
	if draft.Status != Draft {
		t.Fatalf("status %s, want draft", draft.Status)
	}
	if _, err := s.GetProduct(t.Context(), draft.PublicID()); !errors.Is(err, ErrNotFound) {
		t.Errorf("the public: %v, want not found", err)
	}
	s.check(t)
}

func TestSlugOf(t *testing.T) {
	for title, want := range map[string]string{
		"WHITE HANGING HEART T-LIGHT HOLDER": "white-hanging-heart-t-light-holder",
		"  Crème brûlée & Straße ":           "creme-brulee-and-strasse",
		"Children's mug":                     "childrens-mug",
		"東京":                                 "",
		"½ pint":                             "1-2-pint",
	} {
		if got := slugOf(title); got != want {
			t.Errorf("slugOf(%q) = %q, want %q", title, got, want)
		}
	}
	long := slugOf(strings.Repeat("abcdefg ", 40))
	if len(long) > maxSlug || strings.HasSuffix(long, "-") || !strings.HasSuffix(long, "abcdefg") {
		t.Errorf("a long title's slug is %q", long)
	}
}
