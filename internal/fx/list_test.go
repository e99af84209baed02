package fx

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/testkit"
)

func TestList(t *testing.T) {
	s := newShop(t, at(4, 13, 20), nil)
	held := HeldRate{quote("2026-04-13", "TRY", "60"), dec("50")}
	s.take(Report{New: 5, Held: 1, HeldRates: []HeldRate{held}},
		quote("2026-04-10", "USD", "1.17"), quote("2026-04-13", "USD", "1.18"), quote("2026-04-13", "GBP", "0.87"),
		quote("2026-04-10", "TRY", "50"), held.Quotation)
	s.takeFrom(Manual{quote("2026-04-13", "USD", "1.19")}, Report{New: 1})
	all := []string{"2026-04-13 USD manual", "2026-04-13 USD ecb", "2026-04-13 TRY ecb", "2026-04-13 GBP ecb", "2026-04-10 USD ecb",
		"2026-04-10 TRY ecb"}
	tests := []struct {
		name   string
		filter ListFilter
		want   []string
	}{
		{"all", ListFilter{}, all},
		{"a page after another", ListFilter{PageFilter: database.PageFilter[ListPosition]{Limit: 2}}, all},
		{"a currency", ListFilter{Currency: "USD"}, []string{all[0], all[1], all[4]}},
		{"a source", ListFilter{Source: SourceManual}, all[:1]},
		{"what is held", ListFilter{Status: Held}, all[2:3]},
		{"none", ListFilter{Currency: "JPY"}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, s.listed(test.filter)); diff != "" {
				t.Errorf("list (-want +got):\n%s", diff)
			}
		})
	}
	var invalid *invalid.Error
	if _, err := s.List(t.Context(), ListFilter{Currency: "EUR", Source: "me", Status: "new",
		PageFilter: database.PageFilter[ListPosition]{Limit: 501}}); !errors.As(err, &invalid) || len(invalid.Fields) != 4 {
		t.Errorf("a bad filter: got %v", err)
	}
}

// listed is the places of all entries, page by page.
func (s *shop) listed(f ListFilter) (all []string) {
	s.t.Helper()
	if f.Limit == 0 {
		f.Limit = maxPage
	}
	for {
		page := testkit.Must(s.List(s.t.Context(), f))(s.t)
		for _, e := range page.Items {
			all = append(all, e.Day+" "+string(e.Currency)+" "+e.Source)
		}
		if f.After = page.Next; page.Next == nil {
			return all
		}
	}
}
