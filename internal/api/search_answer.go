package api

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"

	"github.com/google/uuid"

	"meridian/internal/catalog"
	"meridian/internal/money"
	"meridian/internal/pricing"
	"meridian/internal/search"
	"meridian/regions"
)

// searchResponse is a page of hits, with everything that there is to say of how they were found.
type searchResponse struct {
	Query string `json:"query"`
	// Total is how many products were found; at least so many where More is true.
	Total      int             `json:"total"`
	More       bool            `json:"more"`
	Hits       []hitResponse   `json:"hits"`
	Facets     *facetsResponse `json:"facets,omitzero"`
	DidYouMean string          `json:"did_you_mean,omitzero"`
	Loosened   string          `json:"loosened,omitzero"`
	// PartialFrom is the index of the first hit that has only some of the words; nil where all have them.
	PartialFrom *int `json:"partial_from,omitzero"`
	// Without says how many products there are without each of the filters, where nothing fits them all.
	Without []withoutResponse `json:"without,omitzero"`
	// Claims are what the text asks to rely on, such as gluten_free.
	Claims   []string      `json:"claims,omitzero"`
	Redirect string        `json:"redirect,omitzero"`
	Degraded string        `json:"degraded,omitzero"`
	Ignored  []search.Part `json:"ignored,omitzero"`
	Market   string        `json:"market"`
	// MarketCurrency is what prices are filtered, sorted and counted in, where that is not Currency.
	MarketCurrency money.Currency `json:"market_currency,omitzero"`
	Currency       money.Currency `json:"currency"`
	NextCursor     string         `json:"next_cursor,omitzero"`
}

// withoutResponse is how many products there are without a filter.
type withoutResponse struct {
	Filter    search.Part `json:"filter"`
	Attribute string      `json:"attribute,omitzero"`
	Total     int         `json:"total"`
}

// hitResponse is a product that was found.
type hitResponse struct {
	ID       string `json:"id"`
	Slug     string `json:"slug"`
	Title    string `json:"title"`
	Brand    string `json:"brand"`
	Category string `json:"category"`
	Image    string `json:"image_url,omitzero"`
	// Price is that of the cheapest SKU, for the shopper who asks; absent where none can be bought there.
	Price *priceTag `json:"price,omitzero"`
	// PriceVaries is true when another of its SKUs costs more.
	PriceVaries bool            `json:"price_varies"`
	Rating      *ratingSummary  `json:"rating,omitzero"`
	Stock       search.Stock    `json:"stock,omitzero"`
	Pinned      bool            `json:"pinned,omitzero"`
	Highlights  *highlightsBody `json:"highlights,omitzero"`
}

// ratingSummary is what customers think of a product.
type ratingSummary struct {
	// Average is from 1 to 5 stars.
	Average float64 `json:"average"`
	Count   int64   `json:"count"`
}

// highlightsBody are the title and the brand in parts, of which some were searched for.
type highlightsBody struct {
	Title []fragmentBody `json:"title,omitzero"`
	Brand []fragmentBody `json:"brand,omitzero"`
}

type fragmentBody struct {
	Text  string `json:"text"`
	Match bool   `json:"match,omitzero"`
}

type facetsResponse struct {
	Brand     []facetValue     `json:"brand,omitzero"`
	Category  []facetCategory  `json:"category,omitzero"`
	Price     []facetPrice     `json:"price,omitzero"`
	Attribute []facetAttribute `json:"attribute,omitzero"`
}

type facetValue struct {
	Value    string `json:"value"`
	Count    int    `json:"count"`
	Selected bool   `json:"selected,omitzero"`
}

type facetCategory struct {
	Code     string `json:"code"`
	Name     string `json:"name"`
	Level    int64  `json:"level"`
	Count    int    `json:"count"`
	Selected bool   `json:"selected,omitzero"`
}

// facetPrice counts prices from MinMinor to MaxMinor, both included, as min_price and max_price take them.
type facetPrice struct {
	MinMinor int64  `json:"min_minor"`
	MaxMinor *int64 `json:"max_minor,omitzero"`
	Count    int    `json:"count"`
}

type facetAttribute struct {
	Name   string       `json:"name"`
	Values []facetValue `json:"values"`
}

func (s *Server) newSearchResponse(ctx context.Context, look searching, found search.Answer) (searchResponse, error) {
	answer := searchResponse{
		Query: look.Text, Total: found.Total, More: found.More, DidYouMean: found.DidYouMean, Loosened: string(found.Loosened),
		Redirect: found.Redirect, Degraded: string(found.Degraded), Ignored: found.Ignored, Market: look.Market, Currency: look.ask.Currency,
		MarketCurrency: marketCurrency(look.ask), Claims: found.Claims,
	}
	var full int
	if answer.Hits, full = s.newHits(ctx, look, found); full < len(answer.Hits) {
		answer.PartialFrom = &full
	}
	for _, w := range found.Without {
		answer.Without = append(answer.Without, withoutResponse{w.Part, w.Attribute, w.Total})
	}
	if len(look.Facets) == 0 || found.Degraded == search.FromDatabase {
		return answer, nil
	}
	var facets facetsResponse
	if look.counts(search.FacetBrand) {
		facets.Brand = newFacetValues(found.Facets.Brands, look.Filter.Brands)
	}
	if look.counts(search.FacetCategory) {
		facets.Category = newFacetCategories(look, found.Facets.Categories)
	}
	if look.counts(search.FacetAttributes) {
		facets.Attribute = newFacetAttributes(look, found.Facets.Attributes)
	}
	var err error
	if look.counts(search.FacetPrice) {
		facets.Price, err = newFacetPrices(look, found.Facets.Prices)
	}
	answer.Facets = &facets
	return answer, err
}

// counts reports whether hits were to be counted by that facet.
func (l *searching) counts(kind search.FacetKind) bool { return slices.Contains(l.Facets, kind) }

func newFacetAttributes(look searching, counts map[string][]search.Count) []facetAttribute {
	out := []facetAttribute{}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, facetAttribute{name, newFacetValues(counts[name], look.Filter.Attributes[name])})
	}
	return out
}

// newHits returns the hits as the catalogue has them now: an index may be a moment behind. A product that is off sale since
// is left out. Where the catalogue cannot be read, a hit is what the index knew, without a price. full is how many of the
// hits have all of the words; the rest follows them.
func (s *Server) newHits(ctx context.Context, look searching, found search.Answer) (hits []hitResponse, full int) {
	ids := make([]uuid.UUID, len(found.Hits))
	for i, hit := range found.Hits {
		ids[i] = hit.Document.ID
	}
	products, err := s.Catalog.GetProducts(ctx, ids)
	if err != nil && !errors.Is(err, context.Canceled) {
		s.Log.LogAttrs(ctx, slog.LevelWarn, "hits are answered without the catalogue", slog.Any("error", err))
	}
	hits = make([]hitResponse, 0, len(found.Hits))
	for i, hit := range found.Hits {
		one := newHit(hit, found.Degraded)
		one.Pinned = i < found.Pinned
		if err == nil {
			p, onSale := products[hit.Document.ID]
			if !onSale {
				continue
			}
			one.describe(p)
			var unpriced error
			if one.Price, one.PriceVaries, unpriced = s.leastPrice(p, look); unpriced != nil {
				s.Log.LogAttrs(ctx, slog.LevelWarn, "a hit is answered without its price", slog.String("product", p.PublicID()),
					slog.Any("error", unpriced))
			}
		}
		if hits = append(hits, one); i < len(found.Hits)-found.Partial {
			full = len(hits)
		}
	}
	return hits, full
}

func newHit(h search.Hit, degraded search.Degraded) hitResponse {
	d := h.Document
	one := hitResponse{
		ID: regions.FormatGlobalID(regions.ProductPrefix, d.ID), Slug: d.Slug, Title: d.Title, Brand: d.Brand, Category: d.CategoryID,
		Image: d.Image,
	}
	if d.Ratings > 0 {
		one.Rating = &ratingSummary{Average: float64(d.RatingMilli) / 1000, Count: d.Ratings}
	}
	if degraded == search.NotDegraded {
		one.Stock = d.Stock
	}
	if len(h.Highlights) > 0 {
		one.Highlights = &highlightsBody{Title: newFragments(h.Highlights["title"]), Brand: newFragments(h.Highlights["brand"])}
	}
	return one
}

// describe takes what may have been edited since it was indexed.
func (h *hitResponse) describe(p catalog.Product) {
	h.Slug, h.Brand, h.Category, h.Image = p.Slug, p.Brand, p.CategoryID, ""
	if len(p.Images) > 0 {
		h.Image = p.Images[0].URL
	}
	if h.Title != p.Title {
		h.Title, h.Highlights = p.Title, nil
	}
}

func newFragments(fragments []search.Fragment) []fragmentBody {
	var out []fragmentBody
	for _, f := range fragments {
		out = append(out, fragmentBody(f))
	}
	return out
}

// leastPrice returns the price of the product's cheapest SKU, nil where none has one, and whether another costs more.
func (s *Server) leastPrice(p catalog.Product, look searching) (least *priceTag, varies bool, err error) {
	var cheapest *pricing.Tag
	var most int64
	for _, sku := range p.SKUs {
		tag, priced, err := look.rules.Tag(p.PricedSKU(sku), look.ask)
		if err != nil {
			return nil, false, err
		}
		if !priced {
			continue
		}
		most = max(most, tag.AmountMinor)
		if cheapest == nil || tag.AmountMinor < cheapest.AmountMinor {
			cheapest = &tag
		}
	}
	if cheapest == nil {
		return nil, false, nil
	}
	return s.newPriceTag(*cheapest, look.ask, look.in.locale), most > cheapest.AmountMinor, nil
}

func newFacetValues(counts []search.Count, selected []string) []facetValue {
	out := []facetValue{}
	for _, c := range counts {
		out = append(out, facetValue{Value: c.Value, Count: c.Count, Selected: slices.Contains(selected, c.Value)})
	}
	return out
}

func newFacetCategories(look searching, counts []search.Count) []facetCategory {
	out := []facetCategory{}
	for _, c := range counts {
		if category, ok := look.tree.Get(c.Value); ok {
			out = append(out, facetCategory{
				Code: c.Value, Name: category.Name, Level: category.Level, Count: c.Count, Selected: c.Value == look.Filter.Category,
			})
		}
	}
	return out
}

// newFacetPrices returns the bands of the market's currency in the shopper's.
func newFacetPrices(look searching, counts []search.Count) ([]facetPrice, error) {
	ranges := search.PriceRanges(look.ask.Market.Currency)
	out := []facetPrice{}
	for _, c := range counts {
		_, number, err := search.ParsePriceBand(c.Value)
		if err != nil {
			return nil, err
		}
		one := facetPrice{Count: c.Count}
		if one.MinMinor, err = look.shown(ranges[number].MinMinor); err != nil {
			return nil, err
		}
		if below := ranges[number].BelowMinor; below > 0 {
			end, err := look.shown(below)
			if err != nil {
				return nil, err
			}
			end--
			one.MaxMinor = &end
		}
		out = append(out, one)
	}
	return out, nil
}

// shown converts an amount of the market's currency to the shopper's.
func (l *searching) shown(minor int64) (int64, error) {
	if l.ask.Currency == l.ask.Market.Currency {
		return minor, nil
	}
	amount, err := l.rules.Convert(money.New(minor, l.ask.Market.Currency), l.ask.Currency, l.ask.At)
	return amount.Minor, err
}
