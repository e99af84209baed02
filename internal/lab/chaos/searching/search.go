package searching

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
)

// countries are where shoppers search from: one of each region.
var countries = []string{"US", "MX", "DE", "SG"}

// searchOn searches until ctx ends.
func (r *run) searchOn(ctx context.Context, g *goods, dice *rand.Rand) {
	for ctx.Err() == nil {
		// A search that has begun is let end: its answer counts.
		target := question(g, dice)
		said := r.searchOnce(context.WithoutCancel(ctx), target, countries[dice.IntN(len(countries))])
		if target == everything && said.Degraded != "database" && said.Total < len(g.ids)/2 {
			r.note(func() { r.result.Thin++ })
		}
	}
}

// everything is the search for all products.
const everything = "/v1/search?limit=1"

// said is what of an answer is looked at.
type said struct {
	Degraded, Code string
	Total          int
}

// question is a search as shoppers put them: words, the beginning of one, with filters and facets, or none.
func question(g *goods, dice *rand.Rand) string {
	word := func() string { return g.words[dice.IntN(len(g.words))] }
	switch dice.IntN(6) {
	case 5:
		return everything
	case 0:
		text := word()
		return "/v1/suggest?" + url.Values{"q": {text[:min(len(text), 1+dice.IntN(5))]}}.Encode()
	case 1:
		return "/v1/search?" + url.Values{"q": {word()}, "facets": {"brand,category,price,attributes"}}.Encode()
	case 2:
		return "/v1/search?" + url.Values{"q": {word()}, "in_stock": {"true"}, "max_price": {strconv.Itoa(100 + dice.IntN(3000))}, "sort": {"price"}}.Encode()
	case 3:
		return "/v1/search?" + url.Values{"attribute": {"edition=" + strconv.Itoa(dice.IntN(7))}, "sort": {"newest"}}.Encode()
	}
	return "/v1/search?" + url.Values{"q": {word() + " " + word()}}.Encode()
}

// searchOnce makes a search, counts how it was answered and says what it was.
func (r *run) searchOnce(ctx context.Context, target, country string) (what said) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.http.Base+target, nil)
	if err != nil {
		panic(err) // made of escaped words
	}
	request.Header.Set("CF-IPCountry", country)
	answer, err := r.http.HTTP.Do(request)
	if err != nil {
		r.note(func() { r.result.Unanswered++ })
		return said{Total: math.MaxInt}
	}
	body, err := io.ReadAll(answer.Body)
	if answer.Body.Close(); err != nil {
		r.note(func() { r.result.Unanswered++ })
		return said{Total: math.MaxInt}
	}
	_ = json.Unmarshal(body, &what)         // what is no JSON says nothing
	if answer.StatusCode != http.StatusOK { // a search that is wrong in itself is a fault of ours, too
		r.count(r.result.ServerErrors, fmt.Sprintf("%d %s", answer.StatusCode, what.Code))
		return said{Total: math.MaxInt}
	}
	r.count(r.result.Searches, cmp.Or(what.Degraded, "own"))
	return what
}
