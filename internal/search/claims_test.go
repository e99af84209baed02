package search

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestAskedClaims(t *testing.T) {
	for _, test := range []struct{ text, claims, rest string }{
		{"gluten free bread", "gluten_free", "bread"},
		{"bread gluten-free", "gluten_free", "bread"},
		{"Gluten Free", "gluten_free", ""},
		{"glutenfree cookies", "gluten_free", "cookies"},
		{`"gluten free" cookies`, "gluten_free", `"" cookies`},
		{"cookies without gluten", "gluten_free", "cookies"},
		{"glutenfreies Brot", "gluten_free", "Brot"},
		{"Brot ohne Gluten", "gluten_free", "Brot"},
		{"pain sans gluten", "gluten_free", "pain"},
		{"pan sin gluten", "gluten_free", "pan"},
		{"glutin free bread", "gluten_free", "bread"},
		{"vegitarian soup", "vegetarian", "soup"},
		{"vegan gluten free chocolate", "gluten_free vegan", "chocolate"},
		{"sugar free gum", "sugar_free", "gum"},
		{"sans sucre ajouté", "no_added_sugar", ""},
		{"huile sans huile de palme", "palm_oil_free", "huile"},
		{"milk chocolate", "", "milk chocolate"},
		{"las vegas mug", "", "las vegas mug"},
		{"free range eggs", "", "free range eggs"},
		{"wheat gluten", "", "wheat gluten"},
		{"not vegan leather", "", "not vegan leather"},
		{"sugar bowl", "", "sugar bowl"},
		{"wireless charger", "", "wireless charger"},
		{"", "", ""},
	} {
		names, rest := askedClaims(test.text)
		if got := strings.Join(names, " "); got != test.claims || rest != test.rest {
			t.Errorf("askedClaims(%q) = %q and %q, want %q and %q", test.text, got, rest, test.claims, test.rest)
		}
	}
}

func TestClaimsOf(t *testing.T) {
	of := func(name string, values ...string) map[string][]string { return map[string][]string{name: values} }
	for _, test := range []struct {
		name, title string
		attributes  map[string][]string
		want        []string
	}{
		{"a label", "Bread", of("labels", "No gluten", "Organic"), []string{"gluten_free"}},
		{"a label in another language", "Pain", of("labels", "Sans gluten"), []string{"gluten_free"}},
		{"a label in other words", "Brot", of("labels", "DZG Gluten free"), []string{"gluten_free"}},
		{"the title", "Sugar Free Gum", nil, []string{"no_added_sugar", "sugar_free"}},
		{"an ingredient is no claim", "Vital wheat gluten", of("ingredients", "wheat gluten, gluten free oats, milk free"), nil},
		{"vegan is vegetarian", "Soup", of("labels", "Vegan"), []string{"vegan", "vegetarian"}},
		{"an allergen contradicts the label", "Ravioli", map[string][]string{"labels": {"No gluten"}, "allergens": {"gluten"}}, nil},
		{"an allergen contradicts the title", "Gluten free crackers", of("allergens", "Weizenprotein"), nil},
		{"another allergen does not", "Bread", map[string][]string{"labels": {"No gluten"}, "allergens": {"nuts"}}, []string{"gluten_free"}},
		{"a title with a typing error is none", "Glutin free bread", nil, nil},
		{"denied", "Bread, not gluten free", nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, ClaimsOf(test.title, test.attributes), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
