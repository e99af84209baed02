package meilisearch

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"meridian/internal/search"
)

// A clause is a part of a filter in Meilisearch's language, with the facet that it filters by, if any.
type clause struct {
	facet string // "" is none; those of attributes are "attributes=" and the name
	text  string
}

// clausesOf returns the parts of a query's filter, all of which must hold.
func clausesOf(q search.Query) []clause {
	f := q.Filter
	var all []clause
	add := func(facet, text string) { all = append(all, clause{facet, text}) }
	if f.Category != "" {
		add(fieldCategory, fieldCategory+" = "+quote(f.Category))
	}
	if len(f.Brands) > 0 {
		add(fieldBrand, oneOf(fieldBrand, f.Brands))
	}
	if f.MinPrice != nil {
		add(fieldPrice, priceField(q.Market)+" >= "+strconv.FormatInt(*f.MinPrice, 10))
	}
	if f.MaxPrice != nil {
		add(fieldPrice, priceField(q.Market)+" <= "+strconv.FormatInt(*f.MaxPrice, 10))
	}
	if f.MinRating > 0 {
		add("", "ratingMilli >= "+strconv.FormatInt(f.MinRating, 10))
	}
	if f.InStock {
		add("", "stock != "+quote(string(search.StockOut)))
	}
	for _, claim := range f.Claims {
		add("", fieldClaims+" = "+quote(claim))
	}
	for _, name := range slices.Sorted(maps.Keys(f.Attributes)) {
		add(attributeFacet(name), oneOf(fieldAttributes, named(name, f.Attributes[name])))
	}
	if len(f.IDs) > 0 {
		add("", oneOf("id", texts(f.IDs)))
	}
	if len(f.Exclude) > 0 {
		add("", "NOT "+oneOf("id", texts(f.Exclude)))
	}
	return all
}

// filterBut returns the filter of products without the clauses of a facet.
func filterBut(clauses []clause, facet string) []string {
	all := []string{isProduct}
	for _, c := range clauses {
		if facet == "" || c.facet != facet {
			all = append(all, c.text)
		}
	}
	return all
}

// attributeFacet returns the facet of an attribute.
func attributeFacet(name string) string { return fieldAttributes + search.AttributeSeparator + name }

func named(name string, values []string) []string {
	all := make([]string, 0, len(values))
	for _, value := range values {
		all = append(all, name+search.AttributeSeparator+value)
	}
	return all
}

func texts(ids []uuid.UUID) []string {
	all := make([]string, 0, len(ids))
	for _, id := range ids {
		all = append(all, id.String())
	}
	return all
}

// oneOf returns a clause that accepts any of the values. IN counts as one condition, of which there may be 2,000.
func oneOf(field string, values []string) string {
	quoted := make([]string, 0, len(values))
	for _, value := range values {
		quoted = append(quoted, quote(value))
	}
	return field + " IN [" + strings.Join(quoted, ", ") + "]"
}

// escape escapes texts inside single quotes, where the backslash begins an escape sequence: if only quotes were
// escaped, a trailing backslash would escape the closing quote.
var escape = strings.NewReplacer(`\`, `\\`, `'`, `\'`)

func quote(text string) string { return "'" + escape.Replace(text) + "'" }

// priceField returns the field of a market's price.
func priceField(market string) string { return "prices." + market }

// marketCode matches valid market codes: they become part of a field name, which cannot be quoted.
var marketCode = regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`)

func checkMarket(q search.Query) error {
	if q.Market != "" && !marketCode.MatchString(q.Market) {
		return fmt.Errorf("search query: market %q", q.Market)
	}
	return nil
}
