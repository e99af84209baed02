package indexer

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"meridian/internal/catalog"
	"meridian/internal/search"
)

// maxAttributeValues bounds the values of a document: a product may have a hundred SKUs with ten options each, and
// attributes of 32 KiB. The values that come first by name are kept.
const maxAttributeValues = 300

// attributes returns the values that shoppers can filter by: the product's attributes and its SKUs' options.
func attributes(p catalog.Product) map[string][]string {
	gathered := make(attributeValues)
	for name, value := range p.Attributes {
		gathered.add(name, value)
	}
	for _, sku := range p.SKUs {
		for name, value := range sku.Options {
			gathered.add(name, value)
		}
	}
	return gathered.bounded()
}

type attributeValues map[string][]string

// add adds a JSON value: each element of a list, and each member of an object under the names of both.
func (a attributeValues) add(name string, value any) {
	switch v := value.(type) {
	case string:
		a.addText(name, v)
	case float64:
		a.addText(name, strconv.FormatFloat(v, 'f', -1, 64))
	case bool:
		a.addText(name, map[bool]string{true: "yes", false: "no"}[v])
	case []any:
		for _, element := range v {
			a.add(name, element)
		}
	case map[string]any:
		for member, inner := range v {
			a.add(name+" "+member, inner)
		}
	}
}

// addText adds a text, unless it is too long to filter by.
func (a attributeValues) addText(name, text string) {
	name = strings.ToLower(strings.Join(strings.Fields(strings.ReplaceAll(name, search.AttributeSeparator, " ")), " "))
	text = strings.Join(strings.Fields(text), " ")
	if name == "" || text == "" || len(name)+len(search.AttributeSeparator)+len(text) > search.MaxAttributeBytes {
		return
	}
	if !slices.Contains(a[name], text) {
		a[name] = append(a[name], text)
	}
}

// bounded returns the values in a fixed order, so that the same product always yields the same document.
func (a attributeValues) bounded() map[string][]string {
	room := maxAttributeValues
	kept := make(map[string][]string, len(a))
	for _, name := range slices.Sorted(maps.Keys(a)) {
		values := a[name]
		slices.Sort(values)
		values = values[:min(len(values), room)]
		if len(values) == 0 {
			break
		}
		kept[name] = values
		room -= len(values)
	}
	return kept
}
