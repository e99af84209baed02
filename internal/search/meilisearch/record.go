package meilisearch

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	meili "github.com/meilisearch/meilisearch-go"

	"meridian/internal/search"
	"meridian/internal/search/concept"
)

// recordFormat is raised whenever record changes. An index of another format is begun anew.
const recordFormat = "3"

// A record is a document as it is sent. Empty fields are left out: Meilisearch treats a missing value as none, but an
// empty one as a value.
type record struct {
	ID             uuid.UUID        `json:"id"`
	Version        int64            `json:"version"`
	Fingerprint    string           `json:"fingerprint"`
	Slug           string           `json:"slug"`
	Title          string           `json:"title"`
	Brand          string           `json:"brand,omitempty"`
	CategoryIDs    []string         `json:"categoryIds,omitempty"`
	CategoryNames  []string         `json:"categoryNames,omitempty"`
	Attributes     []string         `json:"attributes,omitempty"` // name=value
	AttributeNames []string         `json:"attributeNames,omitempty"`
	Claims         []string         `json:"claims,omitempty"`
	Image          string           `json:"image,omitempty"`
	Prices         map[string]int64 `json:"prices,omitempty"`
	PriceBands     []string         `json:"priceBands,omitempty"`
	Stock          search.Stock     `json:"stock"`
	RatingMilli    int64            `json:"ratingMilli"`
	Ratings        int64            `json:"ratings"`
	Popularity     int64            `json:"popularity"`
	ListedAt       int64            `json:"listedAt"`  // microseconds since 1970
	GoodUntil      int64            `json:"goodUntil"` // the same
	WrittenAt      int64            `json:"writtenAt"` // the same; no two documents of a batch have the same
	terms
}

// terms are what a document is found by: the words of its texts as concept.Texts has them, one text or several to a field.
type terms struct {
	TitleLength      int      `json:"titleLength"` // half the words, rounded up: one more says little, and popularity decides then
	TitleWords       []string `json:"titleWords,omitempty"`
	BrandWords       []string `json:"brandWords,omitempty"`
	CategoryWords    []string `json:"categoryWords,omitempty"`
	AttributeWords   []string `json:"attributeWords,omitempty"`
	DescriptionWords []string `json:"descriptionWords,omitempty"`
	Models           []string `json:"models,omitempty"` // shorter forms of model numbers
	Codes            []string `json:"codes,omitempty"`
}

// termFields are the fields of terms, the most telling first.
var termFields = []string{"titleWords", "brandWords", "categoryWords", "attributeWords", "models", "descriptionWords", "codes"}

func termsOf(d search.Document) terms {
	var t terms
	fields := map[concept.Source]*[]string{concept.Title: &t.TitleWords, concept.Brand: &t.BrandWords, concept.Category: &t.CategoryWords,
		concept.Attribute: &t.AttributeWords, concept.Description: &t.DescriptionWords}
	texts := concept.Texts(d)
	t.TitleLength = (len(texts[0].Tokens) + 1) / 2
	for _, text := range texts {
		if into := fields[text.Source]; len(text.Tokens) > 0 {
			*into = append(*into, sentWords(text.Stems()))
		}
		t.Models = append(t.Models, text.Models()...)
	}
	t.Codes = concept.CodesOf(d)
	return t
}

// sentWords returns words as one text that Meilisearch splits into the same words: it would split 1.5 too.
func sentWords(words []string) string {
	return strings.ReplaceAll(strings.Join(words, " "), ".", "dot")
}

// cardFields are the fields of a record that make a search.Card.
var cardFields = []string{
	"id", "version", "slug", "title", "brand", "categoryIds", "image", "prices", "stock", "ratingMilli", "ratings", "popularity", "listedAt",
}

func newRecord(d search.Document, written time.Time) record {
	return record{
		ID: d.ID, Version: d.Version, Fingerprint: d.Fingerprint(), Slug: d.Slug, Title: d.Title, Brand: d.Brand,
		CategoryIDs: d.CategoryIDs, CategoryNames: d.CategoryNames, Claims: d.Claims, Image: d.Image,
		Attributes: d.AttributeValues(), AttributeNames: slices.Sorted(maps.Keys(d.Attributes)),
		Prices: d.Prices, PriceBands: d.PriceBands, Stock: d.Stock, RatingMilli: d.RatingMilli, Ratings: d.Ratings,
		Popularity: d.Popularity, ListedAt: d.ListedAt.UnixMicro(), GoodUntil: d.GoodUntil.UnixMicro(), WrittenAt: written.UnixMicro(),
		terms: termsOf(d),
	}
}

// card decodes the fields of a hit.
func card(hit meili.Hit) (search.Card, error) {
	var r record
	if err := hit.DecodeInto(&r); err != nil {
		return search.Card{}, err
	}
	c := search.Card{
		ID: r.ID, Version: r.Version, Slug: r.Slug, Title: r.Title, Brand: r.Brand, Image: r.Image, Prices: r.Prices, Stock: r.Stock,
		RatingMilli: r.RatingMilli, Ratings: r.Ratings, Popularity: r.Popularity, ListedAt: time.UnixMicro(r.ListedAt).UTC(),
	}
	if n := len(r.CategoryIDs); n > 0 {
		c.CategoryID = r.CategoryIDs[n-1]
	}
	return c, nil
}
