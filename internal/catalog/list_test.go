package catalog

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"meridian/internal/database"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

func keysOf(products []Product) (keys []string) {
	for _, p := range products {
		keys = append(keys, p.Key)
	}
	return keys
}

func TestListProducts(t *testing.T) {
	s := newShop(t)
	s.create(t, mug("m1", "A"))
	s.create(t, with(mug("m2", "B"), func(p *ProductInput) { p.Brand = "Best" }))
	s.create(t, with(mug("m3", "C"), func(p *ProductInput) { p.CategoryID = "fb" }))
	s.create(t, with(mug("m4", "D"), func(p *ProductInput) { p.Status = Draft }))
	tests := []struct {
		name   string
		filter ListFilter
		want   []string
	}{
		{"everything", ListFilter{}, []string{"m3", "m2", "m1"}},
		{"its category", ListFilter{CategoryID: "hg-11-6"}, []string{"m2", "m1"}},
		{"a category above", ListFilter{CategoryID: "hg"}, []string{"m2", "m1"}},
		{"a brand", ListFilter{CategoryID: "hg", Brand: "Best"}, []string{"m2"}},
		{"a brand everywhere", ListFilter{Brand: "Acme"}, []string{"m3", "m1"}},
		{"an unknown category", ListFilter{CategoryID: "nowhere"}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.filter.Limit = 10
			var page ProductPage
			n := databasetest.Trips(t, func(ctx context.Context) (err error) {
				page, err = s.ListProducts(ctx, test.filter)
				return err
			})
			if n != 1 {
				t.Errorf("%d round trips, want 1", n)
			}
			if diff := cmp.Diff(test.want, keysOf(page.Items)); diff != "" {
				t.Error(diff)
			}
			if page.Next != nil {
				t.Error("there is a next page")
			}
			for _, p := range page.Items {
				if len(p.SKUs) != 1 || p.SKUs[0].Prices(time.Now())["GBP"] != 295 {
					t.Errorf("SKUs of %s: %+v", p.Key, p.SKUs)
				}
			}
		})
	}
}

// Pages hold every product that is there all the while, each once, whatever comes and goes.
func TestListProducts_PagesWhileItChanges(t *testing.T) {
	s := newShop(t)
	next := 0
	rapid.Check(t, func(rt *rapid.T) {
		next++
		above, below := fmt.Sprint("above", next), fmt.Sprint("below", next)
		testkit.Must(s.UpsertCategories(t.Context(), []CategoryInput{
			{ID: above, Name: "Above"}, {ID: below, ParentID: above, Name: "Below"},
		}))(rt)
		add := func() Product {
			next++
			return s.create(t, with(mug(fmt.Sprintf("k%04d", next), fmt.Sprintf("S%04d", next)), func(p *ProductInput) { p.CategoryID = below }))
		}
		var stay, leave []Product
		for range rapid.IntRange(0, 6).Draw(rt, "stay") {
			stay = append(stay, add())
			if rapid.Bool().Draw(rt, "leave") {
				leave = append(leave, add())
			}
		}
		limit := rapid.IntRange(1, 4).Draw(rt, "limit")
		category := rapid.SampledFrom([]string{above, below}).Draw(rt, "category")
		seen := make(map[uuid.UUID]int)
		for filter := (ListFilter{CategoryID: category, PageFilter: database.PageFilter[ListPosition]{Limit: limit}}); ; {
			page := testkit.Must(s.ListProducts(t.Context(), filter))(rt)
			for _, p := range page.Items {
				seen[p.ID]++
			}
			if page.Next == nil {
				break
			}
			filter.After = page.Next
			switch rapid.IntRange(0, 2).Draw(rt, "meanwhile") {
			case 0:
				add()
			case 1:
				if len(leave) > 0 {
					testkit.Must(s.ArchiveProduct(t.Context(), s.seller, leave[0].ID, leave[0].Version))(rt)
					leave = leave[1:]
				}
			}
		}
		for _, p := range stay {
			if seen[p.ID] != 1 {
				rt.Errorf("%s was on %d pages, want 1", p.Key, seen[p.ID])
			}
		}
		for id, n := range seen {
			if n > 1 {
				rt.Errorf("%s was on %d pages", id, n)
			}
		}
	})
	s.check(t)
}

func TestListSellerProducts(t *testing.T) {
	s := newShop(t)
	for i, status := range []Status{Active, Draft, Archived} {
		s.create(t, with(mug(fmt.Sprint("m", i), fmt.Sprint("S", i)), func(p *ProductInput) { p.Status = status }))
	}
	var all []string
	two := database.PageFilter[string]{Limit: 2}
	for filter := (SellerListFilter{Seller: s.seller, PageFilter: two}); ; {
		page, err := s.ListSellerProducts(t.Context(), filter)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, keysOf(page.Items)...)
		if page.Next == nil {
			break
		}
		filter.After = page.Next
	}
	if !slices.Equal(all, []string{"m0", "m1", "m2"}) {
		t.Errorf("all: %v", all)
	}
	drafts, err := s.ListSellerProducts(t.Context(), SellerListFilter{Seller: s.seller, Status: Draft, PageFilter: two})
	if err != nil || !slices.Equal(keysOf(drafts.Items), []string{"m1"}) {
		t.Errorf("drafts: %v, %v", keysOf(drafts.Items), err)
	}
}

// TestRead_Cost: reads cost the same however many products they read.
func TestRead_Cost(t *testing.T) {
	s := newShop(t)
	var ids []uuid.UUID
	for i := range 5 {
		ids = append(ids, s.create(t, mug(fmt.Sprint("m", i), fmt.Sprint("A", i), fmt.Sprint("B", i))).ID)
	}
	for _, test := range []struct {
		name string
		want database.Cost
		read func(ctx context.Context) (int, error)
	}{
		{"products", database.Cost{Trips: 1, Statements: 2}, func(ctx context.Context) (int, error) {
			found, err := s.GetProducts(ctx, ids)
			return len(found), err
		}},
		{"listing", database.Cost{Trips: 1, Statements: 2}, func(ctx context.Context) (int, error) {
			page, err := s.ListProducts(ctx, ListFilter{CategoryID: "hg", PageFilter: database.PageFilter[ListPosition]{Limit: 10}})
			return len(page.Items), err
		}},
		{"seller's list", database.Cost{Trips: 1, Statements: 2}, func(ctx context.Context) (int, error) {
			page, err := s.ListSellerProducts(ctx, SellerListFilter{Seller: s.seller, PageFilter: database.PageFilter[string]{Limit: 10}})
			return len(page.Items), err
		}},
		{"search feed", database.Cost{Trips: 1, Statements: 3}, func(ctx context.Context) (int, error) {
			var listed []Listed
			err := s.db.Read(ctx, func(b *database.Batch) error { QueueListed(b, ids, &listed); return nil })
			return len(listed), err
		}},
	} {
		databasetest.WantCost(t, test.name, test.want, func(ctx context.Context) {
			if n, err := test.read(ctx); err != nil || n != len(ids) {
				t.Errorf("%s: %d products, %v; want %d", test.name, n, err, len(ids))
			}
		})
	}
}
