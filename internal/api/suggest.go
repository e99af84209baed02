package api

import (
	"net/http"
	"strings"

	"meridian/internal/search"
)

// suggestResponse is what somebody who types may mean.
type suggestResponse struct {
	Query       string          `json:"query"`
	Completions []string        `json:"completions"`
	Products    []hitResponse   `json:"products"`
	Brands      []string        `json:"brands"`
	Categories  []facetCategory `json:"categories"`
	DidYouMean  string          `json:"did_you_mean,omitzero"`
	Degraded    string          `json:"degraded,omitzero"`
}

// defaultSuggestions is how many of each kind are suggested.
const defaultSuggestions = 5

// suggestProducts answers while somebody types.
func (s *Server) suggestProducts(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	text, limit := strings.TrimSpace(q.Text("q", search.MaxTextBytes)), q.Int("limit", defaultSuggestions, 1, search.MaxSuggestions)
	if text == "" {
		q.fault("q", "must be given: what was typed so far")
	}
	var look searching
	if err := s.readShopper(r, q, &look); err != nil {
		return err
	}
	found, err := s.Search.Suggest(r.Context(), search.SuggestQuery{Text: text, Language: look.Language,
		OtherLanguages: look.OtherLanguages, Market: look.Market, Limit: limit})
	if err != nil {
		return err
	}
	products, _ := s.newHits(r.Context(), look, search.Answer{Result: search.Result{Hits: found.Products}, Degraded: found.Degraded})
	cachePublic(w, listingMaxAge)
	varyByShopper(w, true) // as for searches
	return writeJSON(w, http.StatusOK, suggestResponse{
		Query: text, Completions: found.Completions, Brands: found.Brands, Categories: newFacetCategories(look, found.Categories),
		Products: products, DidYouMean: found.DidYouMean, Degraded: string(found.Degraded),
	})
}
