package eval

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"meridian/internal/catalog/shipped"
	"meridian/internal/search"
)

// ShippedDocuments returns the products of the shipped catalogue, as the shop's feed describes them to its index. Their
// names are the seller's keys; the codes and barcodes of their SKUs are further names.
func ShippedDocuments() (*Corpus, error) {
	categories, err := shipped.Categories()
	if err != nil {
		return nil, err
	}
	byID := make(map[string]shipped.Category, len(categories))
	for _, c := range categories {
		byID[c.ID] = c
	}
	gifts, err := shipped.Gifts()
	if err != nil {
		return nil, err
	}
	food, err := shipped.Food()
	if err != nil {
		return nil, err
	}
	corpus := NewCorpus()
	for _, p := range slices.Concat(gifts, food) {
		d, names := describe(p, byID)
		if err := corpus.Add(p.Key, d, names...); err != nil {
			return nil, fmt.Errorf("shipped catalogue: %w", err)
		}
	}
	return corpus, nil
}

// describe returns a product's document, and the further names that judgements may use.
func describe(p shipped.Product, categories map[string]shipped.Category) (search.Document, []string) {
	d := search.Document{Version: 1, Title: p.Title, Brand: p.Brand, Description: p.Description, Stock: search.StockIn,
		Attributes: attributesOf(p)}
	d.Claims = search.ClaimsOf(d.Title, d.Attributes)
	for id := p.CategoryID; id != ""; id = categories[id].ParentID {
		d.CategoryIDs, d.CategoryNames = append(d.CategoryIDs, id), append(d.CategoryNames, categories[id].Name)
	}
	slices.Reverse(d.CategoryIDs)
	slices.Reverse(d.CategoryNames)
	var names []string
	for _, sku := range p.SKUs {
		d.Codes = append(d.Codes, sku.Code)
		if sku.Barcode != "" {
			d.Codes = append(d.Codes, sku.Barcode)
		}
		names = append(names, sku.Code)
		if short := strings.TrimLeft(sku.Barcode, "0"); len(short) > 5 { // shorter ones are SKUs of gifts as well
			names = append(names, sku.Barcode, short)
		}
	}
	return d, names
}

// attributesOf returns a product's own attributes and its SKUs' options as text, without those too long for a filter.
func attributesOf(p shipped.Product) map[string][]string {
	values := make(map[string]map[string]bool)
	add := func(name, value string) {
		name = strings.ToLower(name)
		if value == "" || len(name)+len(value) > search.MaxAttributeBytes {
			return
		}
		if values[name] == nil {
			values[name] = make(map[string]bool)
		}
		values[name][value] = true
	}
	for name, value := range p.Attributes {
		switch value := value.(type) {
		case string:
			add(name, value)
		case int:
			add(name, strconv.Itoa(value))
		case []string:
			for _, v := range value {
				add(name, v)
			}
		}
	}
	for _, sku := range p.SKUs {
		for name, value := range sku.Options {
			add(name, value)
		}
	}
	attributes := make(map[string][]string, len(values))
	for name := range values {
		attributes[name] = slices.Sorted(maps.Keys(values[name]))
	}
	return attributes
}
