package meilisearch

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
	meili "github.com/meilisearch/meilisearch-go"

	"meridian/internal/search"
)

// recordFormat is raised whenever record changes. Documents of another format are written again.
const recordFormat = "2"

// A record is a document as it is sent. Empty fields are left out: Meilisearch treats a missing value as none, but an
// empty one as a value.
type record struct {
	ID              uuid.UUID        `json:"id"`
	Version         int64            `json:"version"`
	Fingerprint     string           `json:"fingerprint"`
	Slug            string           `json:"slug"`
	Title           string           `json:"title"`
	Brand           string           `json:"brand,omitempty"`
	CategoryIDs     []string         `json:"categoryIds,omitempty"`
	CategoryNames   []string         `json:"categoryNames,omitempty"`
	Attributes      []string         `json:"attributes,omitempty"`      // name=value, for filters and facets
	AttributeNames  []string         `json:"attributeNames,omitempty"`  // for facets
	AttributeValues []string         `json:"attributeValues,omitempty"` // for searching
	Claims          []string         `json:"claims,omitempty"`
	Description     string           `json:"description,omitempty"`
	Codes           []string         `json:"codes,omitempty"` // in the form of join
	Image           string           `json:"image,omitempty"`
	Prices          map[string]int64 `json:"prices,omitempty"`
	PriceBands      []string         `json:"priceBands,omitempty"`
	Stock           search.Stock     `json:"stock"`
	RatingMilli     int64            `json:"ratingMilli"`
	Ratings         int64            `json:"ratings"`
	Popularity      int64            `json:"popularity"`
	ListedAt        int64            `json:"listedAt"`  // microseconds since 1970
	GoodUntil       int64            `json:"goodUntil"` // the same
}

// cardFields are the fields of a record that make a search.Card.
var cardFields = []string{
	"id", "version", "slug", "title", "brand", "categoryIds", "image", "prices", "stock", "ratingMilli", "ratings", "popularity", "listedAt",
}

func newRecord(d search.Document) record {
	r := record{
		ID: d.ID, Version: d.Version, Fingerprint: d.Fingerprint(), Slug: d.Slug, Title: d.Title, Brand: d.Brand,
		CategoryIDs: d.CategoryIDs, CategoryNames: d.CategoryNames, Claims: d.Claims, Description: d.Description, Image: d.Image,
		Attributes: d.AttributeValues(), AttributeNames: slices.Sorted(maps.Keys(d.Attributes)),
		Prices: d.Prices, PriceBands: d.PriceBands, Stock: d.Stock, RatingMilli: d.RatingMilli, Ratings: d.Ratings,
		Popularity: d.Popularity, ListedAt: d.ListedAt.UnixMicro(), GoodUntil: d.GoodUntil.UnixMicro(),
	}
	texts := append([]string{d.Title}, d.Codes...)
	for _, name := range r.AttributeNames {
		r.AttributeValues = append(r.AttributeValues, d.Attributes[name]...)
		texts = append(texts, d.Attributes[name]...)
	}
	r.Codes = codesOf(d.Codes, texts)
	return r
}

// codesOf returns the codes, and the words of the texts that look like codes, as one word each.
func codesOf(codes, texts []string) []string {
	var all []string
	for _, code := range codes {
		all = append(all, join(code))
	}
	for _, text := range texts {
		for word := range strings.FieldsSeq(text) {
			if isCode(word) {
				all = append(all, join(word))
			}
		}
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(code string) bool { return code == "" })
}

// isCode reports whether a word consists of letters and digits separated by punctuation, with at least one digit, such
// as WHT-2210-K: Meilisearch would split it into common words. A number such as 1.5 is not a code.
func isCode(word string) bool {
	var digits, parted bool
	runes := []rune(word)
	for i, r := range runes {
		switch {
		case unicode.IsDigit(r):
			digits = true
		case unicode.IsLetter(r) || unicode.IsMark(r):
		case i == 0 || i == len(runes)-1: // surrounding punctuation does not count
		case (r == '.' || r == ',') && unicode.IsDigit(runes[i-1]) && unicode.IsDigit(runes[i+1]):
			return false
		default:
			parted = true
		}
	}
	return digits && parted
}

// join returns a code as one word in lower case, since Meilisearch would also split before capitals.
func join(code string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, code)
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
