package eval

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/search"
	"meridian/internal/search/bleve"
	"meridian/internal/testkit"
)

// The judged sets of our own: every query has its kind and an answer, and every judged product is in the catalogue. A set
// needs some queries to tell two systems apart.
func TestShipped(t *testing.T) {
	corpus := testkit.Must(ShippedDocuments())(t)
	for name, least := range map[string]int{Catalogue: 150, German: 60, French: 60} {
		t.Run(name, func(t *testing.T) {
			set := testkit.Must(Shipped(name))(t)
			if len(set.Queries) < least {
				t.Errorf("%d queries, want %d at least", len(set.Queries), least)
			}
			checkSet(t, set, corpus, name == Catalogue)
		})
	}
	if _, err := Shipped("klingon"); err == nil {
		t.Error("there is a set that nobody made")
	}
}

func checkSet(t *testing.T, set Set, corpus *Corpus, allKinds bool) {
	kinds := make(map[string]int)
	for _, q := range set.Queries {
		kinds[q.Kind]++
		if set.relevant(q.ID) == 0 {
			t.Errorf("query %s has no answer", q.ID)
		}
		if q.Language == "" {
			t.Errorf("query %s has no language", q.ID)
		}
	}
	for _, kind := range []string{"head", "tail", "typo", "attribute", "brand", "plural"} {
		if allKinds && kinds[kind] < 20 {
			t.Errorf("%d queries of the kind %q, want 20 at least", kinds[kind], kind)
		}
	}
	for query, grades := range set.Judgements {
		if !slices.ContainsFunc(set.Queries, func(q Query) bool { return q.ID == query }) {
			t.Errorf("there is no query %s, which is judged", query)
		}
		for product, grade := range grades {
			if _, known := corpus.ID(product); !known || grade > 3 {
				t.Errorf("query %s: product %s, grade %d: not in the catalogue, or no grade", query, product, grade)
			}
		}
	}
}

// TestRelevance holds the embedded engine to floors a little below what it reaches.
func TestRelevance(t *testing.T) {
	for name, floor := range map[string]float64{Catalogue: 0.88, German: 0.85, French: 0.85} {
		t.Run(name, func(t *testing.T) {
			store := testkit.Must(bleve.Open(bleve.Config{Dir: t.TempDir()}))(t)
			defer store.Close()
			report := testkit.Must(Run(t.Context(), Config{Corpus: testkit.Must(ShippedDocuments())(t), Set: testkit.Must(Shipped(name))(t),
				Store: store, Dir: t.TempDir()}))(t)
			for _, row := range report.Rows {
				t.Logf("%s: nDCG@10 %.4f", row.System, row.NDCG)
				if row.System == store.Kind() && row.NDCG < floor {
					t.Errorf("nDCG@10 is %.4f, want %.2f at least", row.NDCG, floor)
				}
			}
		})
	}
}

// A product is judged by its key, or by a SKU or barcode of it.
func TestShippedDocuments_Names(t *testing.T) {
	corpus := testkit.Must(ShippedDocuments())(t)
	for _, test := range []struct{ name, other string }{
		{"84997A", "84997C"},                       // a SKU of the same product
		{"OFF-0000101209159", "0000101209159"},     // its barcode
		{"OFF-0000101209159", "101209159"},         // without leading zeros
		{"OFF-0008005158306", "OFF-0008005158306"}, // itself
	} {
		want, known := corpus.ID(test.name)
		got, also := corpus.ID(test.other)
		if !known || !also || got != want {
			t.Errorf("%s and %s are two documents", test.name, test.other)
		}
	}
	at := slices.IndexFunc(corpus.documents, func(d search.Document) bool { return slices.Contains(d.Codes, "84997A") })
	want := map[string][]string{
		"colour": {"Blue", "Green", "Pink", "Red"},
		"design": {"Polkadot", "Polkadot Blue", "Polkadot Green", "Polkadot Pink", "Retrospot", "Retrospot Red"},
	}
	if diff := cmp.Diff(want, corpus.documents[at].Attributes); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"Home & Garden", "Kitchen & Dining", "Tableware", "Flatware", "Flatware Sets"},
		corpus.documents[at].CategoryNames); diff != "" {
		t.Error(diff)
	}
}
