package bleve

import (
	"cmp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"

	"meridian/internal/search"
)

// A tally counts the values of a column.
type tally struct {
	counts  []int32
	touched []uint32
}

// reset clears the counts and makes room for numbers below n.
func (t *tally) reset(n int) {
	for _, number := range t.touched {
		t.counts[number] = 0
	}
	t.touched = t.touched[:0]
	if len(t.counts) < n {
		t.counts = make([]int32, n+n/4)
	}
}

func (t *tally) add(number uint32) {
	if t.counts[number] == 0 {
		t.touched = append(t.touched, number)
	}
	t.counts[number]++
}

// A counter counts the facets of a query.
type counter struct {
	filter                                *filter
	byCategory, byBrand, byPrice, byValue bool // which facets are requested

	brands, categories, bands tally
	attributes, names         tally    // of attribute values, and of documents that have the attribute
	nameOf                    []uint32 // the attribute, by the number of its value
}

var counterPool = sync.Pool{New: func() any { return new(counter) }}

// newCounter returns a counter, which the caller releases, or nil for a query without facets.
func (d *dictionaries) newCounter(q search.Query, f *filter) *counter {
	if len(q.Facets) == 0 {
		return nil
	}
	c := counterPool.Get().(*counter)
	c.filter = f
	wants := func(kind search.FacetKind) bool { return slices.Contains(q.Facets, kind) }
	c.byCategory, c.byBrand = wants(search.FacetCategory), wants(search.FacetBrand)
	c.byPrice, c.byValue = wants(search.FacetPrice), wants(search.FacetAttributes)
	_, c.nameOf = d.attributes.all()
	c.attributes.reset(len(c.nameOf))
	c.brands.reset(d.brands.len())
	c.categories.reset(d.categories.len())
	c.names.reset(d.attributes.names.len())
	c.bands.reset(len(search.PriceRanges("EUR"))) // as many in every currency
	return c
}

func (c *counter) release() {
	if c != nil {
		c.filter, c.nameOf = nil, nil
		counterPool.Put(c)
	}
}

// count counts a row that passes the filter, or that a single part of it rejects.
func (c *counter) count(r *row, verdict int) {
	if c.byCategory && (verdict == passes || verdict == keptByCategory) {
		for _, number := range r.categories {
			c.categories.add(number)
		}
	}
	if c.byBrand && r.brand != 0 && (verdict == passes || verdict == keptByBrand) {
		c.brands.add(r.brand)
	}
	if c.byPrice && (verdict == passes || verdict == keptByPrice) {
		if p, ok := r.price(c.filter.market); ok && p.band >= 0 {
			c.bands.add(uint32(p.band))
		}
	}
	if c.byValue && (verdict == passes || verdict >= keptByAttribute) {
		c.countAttributes(r, verdict)
	}
}

func (c *counter) countAttributes(r *row, verdict int) {
	only, last := uint32(0), uint32(0)
	if verdict >= keptByAttribute {
		only = c.filter.attributes[verdict-keptByAttribute].name
	}
	for _, number := range r.attributes {
		name := c.nameOf[number]
		if only != 0 && name != only {
			continue
		}
		c.attributes.add(number)
		if name != last {
			c.names.add(name)
			last = name
		}
	}
}

// facets returns the counts.
func (c *counter) facets(q search.Query, d *dictionaries) search.Facets {
	if c == nil {
		return search.Facets{}
	}
	brands, _ := d.brands.all()
	categories, _ := d.categories.all()
	facets := search.Facets{
		Brands:     most(&c.brands, c.brands.touched, brands, 0),
		Categories: most(&c.categories, c.categories.touched, categories, 0),
	}
	slices.Sort(c.bands.touched)
	for _, band := range c.bands.touched {
		count := search.Count{Value: q.Market + ":" + strconv.Itoa(int(band)), Count: int(c.bands.counts[band])}
		facets.Prices = append(facets.Prices, count)
	}
	if c.byValue {
		facets.Attributes = c.attributeFacets(d)
	}
	return facets
}

func (c *counter) attributeFacets(d *dictionaries) map[string][]search.Count {
	names, _ := d.attributes.names.all()
	texts, nameOf := d.attributes.all()
	byName := make(map[uint32][]uint32)
	for _, number := range c.attributes.touched {
		byName[nameOf[number]] = append(byName[nameOf[number]], number)
	}
	kept := slices.Clone(c.names.touched)
	slices.SortFunc(kept, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(c.names.counts[b], c.names.counts[a]), strings.Compare(names[a], names[b]))
	})
	all := make(map[string][]search.Count, len(kept))
	for _, name := range kept[:min(len(kept), search.MaxFacetAttributes)] {
		all[names[name]] = most(&c.attributes, byName[name], texts, len(names[name])+len(search.AttributeSeparator))
	}
	return all
}

// most returns the values with the highest counts. The first bytes of their texts are cut off.
func most(t *tally, numbers []uint32, texts []string, without int) []search.Count {
	before := func(a, b uint32) int {
		return cmp.Or(cmp.Compare(t.counts[b], t.counts[a]), strings.Compare(texts[a], texts[b]))
	}
	best := make([]uint32, 0, search.MaxFacetValues+1)
	for _, number := range numbers {
		if len(best) == search.MaxFacetValues && before(number, best[len(best)-1]) > 0 {
			continue
		}
		at := sort.Search(len(best), func(i int) bool { return before(number, best[i]) < 0 })
		best = slices.Insert(best, at, number)
		best = best[:min(len(best), search.MaxFacetValues)]
	}
	var counts []search.Count
	for _, number := range best {
		counts = append(counts, search.Count{Value: texts[number][without:], Count: int(t.counts[number])})
	}
	return counts
}
