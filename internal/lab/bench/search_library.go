package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/analysis/lang/en"
	"github.com/blevesearch/bleve/v2/mapping"
	blevesearch "github.com/blevesearch/bleve/v2/search/query"

	"meridian/internal/search"
)

// A library is the bleve library alone, as one would use it for such a shop without any engine of ours: English texts,
// keywords and numbers, one match over all texts, its own filters, facets, orders and highlights. It neither knows
// typing errors, synonyms and weights, nor counts facets as if they were not chosen: it has less to do than the shop.
type library struct {
	index  bleve.Index
	market string
}

func openLibrary(dir, market string) (*library, error) {
	index, err := bleve.New(dir, libraryMapping())
	if err != nil {
		return nil, fmt.Errorf("make the library's index: %w", err)
	}
	return &library{index: index, market: market}, nil
}

func libraryMapping() mapping.IndexMapping {
	text, keyword, number := bleve.NewTextFieldMapping(), bleve.NewKeywordFieldMapping(), bleve.NewNumericFieldMapping()
	text.Analyzer = en.AnalyzerName
	keyword.IncludeInAll, keyword.IncludeTermVectors, keyword.Store = false, false, false
	number.IncludeInAll, number.Store = false, false
	hidden := *text // found, and not given back
	hidden.Store, hidden.DocValues = false, false
	document := bleve.NewDocumentStaticMapping()
	for name, field := range map[string]*mapping.FieldMapping{
		"title": text, "brand": text, "category": &hidden, "values": &hidden, "description": &hidden,
		"brand_key": keyword, "categories": keyword, "attributes": keyword, "band": keyword,
		"price": number, "listed": number, "rating": number, "popularity": number,
	} {
		document.AddFieldMappingsAt(name, field)
	}
	m := bleve.NewIndexMapping()
	m.DefaultMapping, m.DefaultAnalyzer = document, en.AnalyzerName
	return m
}

// put writes documents.
func (l *library) put(documents []search.Document) error {
	batch := l.index.NewBatch()
	for _, d := range documents {
		if err := batch.Index(d.ID.String(), l.fields(d)); err != nil {
			return err
		}
	}
	return l.index.Batch(batch)
}

func (l *library) fields(d search.Document) map[string]any {
	fields := map[string]any{
		"title": d.Title, "brand": d.Brand, "category": d.CategoryNames, "description": d.Description, "brand_key": d.Brand,
		"categories": d.CategoryIDs, "attributes": d.AttributeValues(), "rating": float64(d.RatingMilli), "popularity": float64(d.Popularity),
		"listed": float64(d.ListedAt.Unix()),
	}
	var values []string
	for _, v := range d.Attributes {
		values = append(values, v...)
	}
	fields["values"] = values
	if price, ok := d.Prices[l.market]; ok {
		fields["price"] = float64(price)
	}
	for _, band := range d.PriceBands {
		if market, _, err := search.ParsePriceBand(band); err == nil && market == l.market {
			fields["band"] = band
		}
	}
	return fields
}

// ask asks the library what the shop asks its engine.
func (l *library) ask(ctx context.Context, q search.Query) (total int, err error) {
	result, err := l.index.SearchInContext(ctx, l.request(q))
	if err != nil {
		return 0, err
	}
	return int(result.Total), nil
}

func (l *library) request(q search.Query) *bleve.SearchRequest {
	parts := libraryText(q)
	parts = append(parts, libraryFilter(q.Filter)...)
	request := bleve.NewSearchRequestOptions(bleve.NewConjunctionQuery(parts...), q.Limit, q.Offset, false)
	request.Fields = []string{"title", "brand"}
	request.SortBy(libraryOrder(q.Sort))
	if q.Highlight {
		request.Highlight = bleve.NewHighlight()
		request.Highlight.Fields = []string{"title", "brand"}
	}
	for _, facet := range q.Facets {
		field := map[search.FacetKind]string{
			search.FacetBrand: "brand_key", search.FacetCategory: "categories", search.FacetPrice: "band", search.FacetAttributes: "attributes",
		}[facet]
		size := search.MaxFacetValues
		if facet == search.FacetAttributes {
			size *= search.MaxFacetAttributes // of all attributes together
		}
		request.AddFacet(field, bleve.NewFacetRequest(field, size))
	}
	return request
}

// libraryText wants all words, the last one as a beginning where it is being typed.
func libraryText(q search.Query) []blevesearch.Query {
	text, last := q.Text, ""
	if q.Prefix {
		at := strings.LastIndexByte(text, ' ')
		text, last = text[:max(at, 0)], text[at+1:]
	}
	var parts []blevesearch.Query
	if strings.TrimSpace(text) != "" {
		match := bleve.NewMatchQuery(text)
		match.SetOperator(blevesearch.MatchQueryOperatorAnd)
		parts = append(parts, match)
	}
	if last != "" {
		parts = append(parts, bleve.NewPrefixQuery(strings.ToLower(last)))
	}
	return parts
}

func libraryFilter(f search.Filter) []blevesearch.Query {
	var parts []blevesearch.Query
	term := func(field, value string) blevesearch.Query {
		q := bleve.NewTermQuery(value)
		q.SetField(field)
		q.SetBoost(0)
		return q
	}
	if f.Category != "" {
		parts = append(parts, term("categories", f.Category))
	}
	for _, brand := range f.Brands { // one at most
		parts = append(parts, term("brand_key", brand))
	}
	for name, values := range f.Attributes {
		for _, value := range values { // one at most
			parts = append(parts, term("attributes", name+search.AttributeSeparator+value))
		}
	}
	if f.MinPrice != nil && f.MaxPrice != nil {
		low, high, inclusive := float64(*f.MinPrice), float64(*f.MaxPrice), true
		price := bleve.NewNumericRangeInclusiveQuery(&low, &high, &inclusive, &inclusive)
		price.SetField("price")
		price.SetBoost(0)
		parts = append(parts, price)
	}
	return parts
}

func libraryOrder(s search.Sort) []string {
	order := []string{"-_score", "-popularity", "_id"}
	first := map[search.Sort]string{
		search.SortPriceAsc: "price", search.SortPriceDesc: "-price", search.SortNewest: "-listed",
		search.SortRating: "-rating", search.SortPopularity: "-popularity",
	}[s]
	if first == "" {
		return order
	}
	return append([]string{first}, order...)
}

// A recordingStore gives the library the documents that an engine is fed with.
type recordingStore struct {
	search.Store
	live recordingIndex
}

func newRecordingStore(store search.Store, to *library) *recordingStore {
	return &recordingStore{Store: store, live: recordingIndex{Index: store.Live(), to: to, mu: new(sync.Mutex)}}
}

// Live returns the engine's index, whose writes go to the library too.
func (s *recordingStore) Live() search.Index { return s.live }

type recordingIndex struct {
	search.Index
	to *library
	mu *sync.Mutex
}

// Apply writes to both.
func (i recordingIndex) Apply(ctx context.Context, c search.Changes) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(c.Delete) > 0 {
		return errors.New("a product went off sale while the library was filled")
	}
	return errors.Join(i.to.put(c.Put), i.Index.Apply(ctx, c))
}
