// Package plain answers searches from the database when no search engine does: products whose title, brand or category
// begins with the text, by brand and category. All other parts of a query are unsupported and listed in
// search.Result.Ignored.
package plain

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"meridian/internal/catalog"
	"meridian/internal/search"
)

// Engine is a search.Engine that queries the database.
type Engine struct{ Catalog *catalog.Catalog }

// Search answers a query in at most two round trips.
func (e Engine) Search(ctx context.Context, q search.Query) (search.Result, error) {
	ids, err := e.Catalog.FindProducts(ctx, catalog.FindFilter{
		Text: strings.ReplaceAll(q.Text, `"`, " "), CategoryID: q.Filter.Category, Brands: q.Filter.Brands, Limit: search.MaxWindow,
	})
	if err != nil {
		return search.Result{}, fmt.Errorf("search the database: %w", err)
	}
	ids = slices.DeleteFunc(ids, func(id uuid.UUID) bool {
		return slices.Contains(q.Filter.Exclude, id) || len(q.Filter.IDs) > 0 && !slices.Contains(q.Filter.IDs, id)
	})
	if len(q.Filter.Claims) > 0 {
		if ids, err = e.claiming(ctx, ids, q.Filter.Claims); err != nil {
			return search.Result{}, err
		}
	}
	found := search.Result{Total: len(ids), More: len(ids) == search.MaxWindow, Ignored: ignored(q)}
	page := ids[min(q.Offset, len(ids)):min(q.Offset+q.Limit, len(ids))]
	products, err := e.Catalog.GetProducts(ctx, page)
	if err != nil {
		return search.Result{}, fmt.Errorf("search the database: %w", err)
	}
	for i, id := range page {
		if p, ok := products[id]; ok {
			found.Hits = append(found.Hits, search.Hit{Document: cardOf(p), Score: 1 / float64(q.Offset+i+1)})
		}
	}
	return found, nil
}

// claiming returns the products that all of the claims hold for, as the catalogue has them.
func (e Engine) claiming(ctx context.Context, ids []uuid.UUID, claims []string) ([]uuid.UUID, error) {
	products, err := e.Catalog.GetProducts(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("search the database: %w", err)
	}
	return slices.DeleteFunc(ids, func(id uuid.UUID) bool {
		p, ok := products[id]
		held := search.ClaimsOf(p.Title, textsOf(p.Attributes))
		return !ok || slices.ContainsFunc(claims, func(claim string) bool { return !slices.Contains(held, claim) })
	}), nil
}

// textsOf returns the texts among the values of attributes.
func textsOf(attributes map[string]any) map[string][]string {
	all := make(map[string][]string, len(attributes))
	for name, value := range attributes {
		name = strings.ToLower(name)
		switch value := value.(type) {
		case string:
			all[name] = append(all[name], value)
		case []any:
			for _, one := range value {
				if text, ok := one.(string); ok {
					all[name] = append(all[name], text)
				}
			}
		}
	}
	return all
}

// cardOf returns a product as an index would return it, without the values that only an index has.
func cardOf(p catalog.Product) search.Card {
	c := search.Card{ID: p.ID, Version: p.Version, Slug: p.Slug, Title: p.Title, Brand: p.Brand, CategoryID: p.CategoryID}
	if len(p.Images) > 0 {
		c.Image = p.Images[0].URL
	}
	return c
}

// ignored returns the parts of a query that are not supported.
func ignored(q search.Query) []search.Part {
	var parts []search.Part
	add := func(asked bool, part search.Part) {
		if asked {
			parts = append(parts, part)
		}
	}
	add(q.Filter.MinPrice != nil || q.Filter.MaxPrice != nil, search.PartPrice)
	add(q.Filter.MinRating > 0, search.PartRating)
	add(q.Filter.InStock, search.PartStock)
	add(len(q.Filter.Attributes) > 0, search.PartAttributes)
	add(q.Sort != "" && q.Sort != search.SortRelevance, search.PartSort)
	add(len(q.Facets) > 0, search.PartFacets)
	return parts
}
