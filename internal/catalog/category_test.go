package catalog

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"meridian/internal/invalid"
	"meridian/internal/testkit"
)

func TestCategories(t *testing.T) {
	s := newShop(t)
	tree := testkit.Must(s.Categories(t.Context()))(t)
	var ancestors []string
	for _, c := range tree.Ancestors("hg-11-6") {
		ancestors = append(ancestors, c.Name)
	}
	if diff := cmp.Diff([]string{"Home & Garden", "Kitchen", "Tableware"}, ancestors); diff != "" {
		t.Error(diff)
	}
	got, _ := tree.Get("hg-11-6")
	want := Category{ID: "hg-11-6", ParentID: "hg-11", Slug: "tableware--hg-11-6", Name: "Tableware",
		Path: "/hg/hg-11/hg-11-6/", Level: 3}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(tree.Roots()) != 2 || tree.Roots()[0].ID != "fb" || len(tree.Children("hg")) != 1 || tree.Len() != 4 {
		t.Errorf("roots %v, below hg %v", tree.Roots(), tree.Children("hg"))
	}
}

func TestUpsertCategories(t *testing.T) {
	s := newShop(t)
	s.create(t, mug("m1", "A"))
	move := []CategoryInput{{ID: "hg-11", ParentID: "fb", Name: "Kitchen and food"}}
	for run, want := range []int{2, 0} { // the second time nothing is new
		if changed, err := s.UpsertCategories(t.Context(), move); err != nil || changed != want {
			t.Errorf("run %d changed %d (%v), want %d", run, changed, err, want)
		}
		s.check(t)
	}
	tests := []struct {
		name string
		in   []CategoryInput
		want func(error) bool
	}{
		{"a circle", []CategoryInput{{ID: "fb", ParentID: "hg-11", Name: "Food"}}, wrongFields("categories[0].parent")},
		{"its own parent", []CategoryInput{{ID: "x", ParentID: "x", Name: "X"}}, wrongFields("categories[0].parent")},
		{"an unknown parent", []CategoryInput{{ID: "x", ParentID: "y", Name: "X"}}, wrongFields("categories[0].parent")},
		{"twice", []CategoryInput{{ID: "x", Name: "X"}, {ID: "x", Name: "Y"}}, wrongFields("categories[1].id")},
		{"no name", []CategoryInput{{ID: "x"}}, wrongFields("categories[0].name")},
		{"a bad id", []CategoryInput{{ID: "a/b", Name: "X"}}, wrongFields("categories[0].id")},
		{"none", nil, wrongFields("categories")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := s.UpsertCategories(t.Context(), test.in); !test.want(err) {
				t.Errorf("error %v", err)
			}
		})
	}
	s.check(t)
}

// Whatever is moved where, paths are right and products are listed under all their ancestors.
func TestUpsertCategories_Moves(t *testing.T) {
	s := newShop(t)
	ids := []string{"hg", "hg-11", "hg-11-6", "fb", "new1", "new2"}
	for i, id := range ids[:4] {
		s.create(t, with(mug(id, fmt.Sprint("S", i)), func(p *ProductInput) { p.CategoryID = id }))
	}
	rapid.Check(t, func(rt *rapid.T) {
		id := rapid.SampledFrom(ids).Draw(rt, "id")
		parent := rapid.SampledFrom(append(ids, "")).Draw(rt, "parent")
		_, err := s.UpsertCategories(t.Context(), []CategoryInput{{ID: id, ParentID: parent, Name: "N"}})
		var refused *invalid.Error
		if err != nil && !errors.As(err, &refused) {
			rt.Fatal(err)
		}
		s.check(t)
		if t.Failed() {
			rt.FailNow()
		}
	})
}

func TestCreateSeller(t *testing.T) {
	s := newShop(t)
	if _, err := s.CreateSeller(t.Context(), SellerInput{Slug: "acme", Name: "Again"}); !errors.Is(err, ErrSlugTaken) {
		t.Errorf("a slug twice: %v", err)
	}
	if _, err := s.CreateSeller(t.Context(), SellerInput{Slug: "A", Name: " "}); !wrongFields("slug", "name")(err) {
		t.Errorf("bad input: %v", err)
	}
	found, err := s.FindSeller(t.Context(), "acme")
	if err != nil || found.ID != s.seller {
		t.Errorf("found %+v, %v", found, err)
	}
	got := testkit.Must(s.GetSeller(t.Context(), s.seller))(t)
	if diff := cmp.Diff(found, got); diff != "" {
		t.Error(diff)
	}
	if _, err := s.FindSeller(t.Context(), "nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
}
