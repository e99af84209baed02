package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"meridian/internal/lab/client"
	"meridian/internal/search"
)

// A searchRequest holds what one visitor asks, and the query that it becomes.
type searchRequest struct {
	path  string
	query search.Query
}

// A searchKind is one kind of requests.
type searchKind struct {
	name, about string
	// make makes a request of what is known of a product, and of the rest by draw.
	make func(d searchDraw, good searchGood) searchRequest
}

// searchKinds lists all kinds that are measured.
var searchKinds = []searchKind{
	{"as-you-type", "GET /v1/suggest with the beginning of a title, the last word begun", typedRequest},
	{"faceted", "GET /v1/search with two words of a title, 24 hits and all facets", facetedRequest},
	{"filtered", "GET /v1/search with a word of a title, 24 hits filtered by category, brand or attribute and price, in each order in turn",
		filteredRequest},
}

// searchDraw holds what requests are drawn with, and where their visitors are.
type searchDraw struct {
	*rand.Rand
	country, language, market string
	// currency is what prices are paid in there.
	currency string
}

const (
	requestsOfKind = 512
	searchPage     = 24
)

// requests returns the requests of a kind, the same for the same seed.
func (k searchKind) requests(c SearchConfig, d searchDraw, goods []searchGood) []searchRequest {
	d.Rand = rand.New(rand.NewPCG(c.Seed, uint64(len(k.name))))
	all := make([]searchRequest, requestsOfKind)
	for i := range all {
		all[i] = k.make(d, goods[d.IntN(len(goods))])
	}
	return all
}

// typedRequest returns the query that the shop makes for suggestions (search.Searcher.Suggest).
func typedRequest(d searchDraw, good searchGood) searchRequest {
	text := d.begun(good.Title)
	q := search.Query{Text: text, Prefix: true, Language: d.language, Market: d.market, Limit: 20, Highlight: true}
	if len([]rune(text)) >= 3 {
		q.Facets = []search.FacetKind{search.FacetCategory}
	}
	return searchRequest{path: "/v1/suggest?" + url.Values{"q": {text}, "country": {d.country}}.Encode(), query: q}
}

// begun returns a title as typed so far: at least two letters, up to three words, the last one unfinished.
func (d searchDraw) begun(title string) string {
	words := strings.Fields(title)
	words = words[:min(len(words), 1+d.IntN(3))]
	last := []rune(words[len(words)-1])
	words[len(words)-1] = string(last[:min(len(last), 2+d.IntN(5))])
	return cutText(strings.Join(words, " "), 60)
}

// facetedRequest has its product's brand and another word of its title, mostly.
func facetedRequest(d searchDraw, good searchGood) searchRequest {
	words := strings.Fields(good.Title)
	text := words[d.IntN(len(words))]
	if len(words) > 1 {
		text = words[0] + " " + words[1+d.IntN(len(words)-1)]
	}
	values := url.Values{"q": {text}, "facets": {"brand,category,price,attribute"}}
	return d.request(values, search.Query{Text: text, Facets: search.AllFacets})
}

// filteredRequest lets its own product through, so that something is found mostly.
func filteredRequest(d searchDraw, good searchGood) searchRequest {
	words := strings.Fields(good.Title)
	text := words[d.IntN(len(words))]
	sort := search.Sorts[d.IntN(len(search.Sorts))]
	values := url.Values{"q": {text}, "sort": {string(sort)}, "category": {good.Category}}
	q := search.Query{Text: text, Sort: sort, Filter: search.Filter{Category: good.Category}}
	if d.IntN(2) == 0 && good.Brand != "" {
		values.Set("brand", good.Brand)
		q.Filter.Brands = []string{good.Brand}
	}
	if name, value, ok := d.attribute(good); ok {
		values.Set("attribute", name+search.AttributeSeparator+value)
		q.Filter.Attributes = map[string][]string{name: {value}}
	}
	if price := good.SKUs[0].Prices[d.currency]; price > 0 && d.IntN(2) == 0 {
		low, high := price/4, price*4
		values.Set("min_price", strconv.FormatInt(low, 10))
		values.Set("max_price", strconv.FormatInt(high, 10))
		q.Filter.MinPrice, q.Filter.MaxPrice = &low, &high
	}
	return d.request(values, q)
}

// attribute returns one of a product's attributes that is a text.
func (d searchDraw) attribute(good searchGood) (name, value string, ok bool) {
	for _, name := range []string{"color", "type", "capacity"} {
		if value, isText := good.Attributes[name].(string); isText && value != "" {
			return name, value, true
		}
	}
	return "", "", false
}

// request completes what every search of the API has.
func (d searchDraw) request(values url.Values, q search.Query) searchRequest {
	values.Set("country", d.country)
	values.Set("limit", strconv.Itoa(searchPage))
	q.Language, q.Market, q.Limit, q.Highlight = d.language, d.market, searchPage, true
	return searchRequest{path: "/v1/search?" + values.Encode(), query: q}
}

// A searchAnswer holds the part of the shop's answers that is read.
type searchAnswer struct {
	Total int `json:"total"`
	Hits  []struct {
		ID string `json:"id"`
	} `json:"hits"`
	Facets struct {
		Category []facetCount `json:"category"`
	} `json:"facets"`
	Loosened string `json:"loosened"`
	Degraded string `json:"degraded"`
	Market   string `json:"market"`
}

type facetCount struct {
	Code  string `json:"code"`
	Count int    `json:"count"`
}

// searchShop searches in a region. It fails if a fallback answers instead of the region's own index.
func searchShop(ctx context.Context, api *client.Client, path string) (searchAnswer, error) {
	var answer searchAnswer
	if err := api.Do(ctx, http.MethodGet, path, client.By{}, "", nil, &answer); err != nil {
		return answer, err
	}
	if answer.Degraded != "" {
		return answer, fmt.Errorf("%s: it is not the region's own index that answers: %s", path, answer.Degraded)
	}
	return answer, nil
}
