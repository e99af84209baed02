package searching

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
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
		r.searchOnce(context.WithoutCancel(ctx), question(g, dice), countries[dice.IntN(len(countries))])
	}
}

// question is a search as shoppers put them: words, the beginning of one, with filters and facets, or none.
func question(g *goods, dice *rand.Rand) string {
	word := func() string { return g.words[dice.IntN(len(g.words))] }
	switch dice.IntN(5) {
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

// searchOnce makes a search and counts how it was answered.
func (r *run) searchOnce(ctx context.Context, target, country string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.http.Base+target, nil)
	if err != nil {
		panic(err) // made of escaped words
	}
	request.Header.Set("CF-IPCountry", country)
	answer, err := r.http.HTTP.Do(request)
	if err != nil {
		r.unanswered()
		return
	}
	body, err := io.ReadAll(answer.Body)
	if answer.Body.Close(); err != nil {
		r.unanswered()
		return
	}
	var said struct{ Degraded, Code string }
	_ = json.Unmarshal(body, &said) // what is no JSON says nothing
	switch {
	case answer.StatusCode == http.StatusOK && said.Degraded == "":
		r.count(r.result.Searches, "own")
	case answer.StatusCode == http.StatusOK:
		r.count(r.result.Searches, said.Degraded)
	default: // a search that is wrong in itself is a fault of ours, too
		r.count(r.result.ServerErrors, fmt.Sprintf("%d %s", answer.StatusCode, said.Code))
	}
}

func (r *run) unanswered() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Unanswered++
}
