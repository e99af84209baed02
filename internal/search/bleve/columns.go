package bleve

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"sync"

	segmentapi "github.com/blevesearch/scorch_segment_api/v2"
	"github.com/google/uuid"

	"meridian/internal/search"
)

// A row holds the values of a document that are filtered, counted and sorted by. Texts are numbers of a dictionary.
// Rows never change.
type row struct {
	id             uuid.UUID
	version        int64
	length         float32 // of the title, in words
	brand          uint32  // 0 is none
	categories     []uint32
	claims         []uint32
	attributes     []uint32 // sorted by text, so that the values of an attribute are adjacent
	prices         []price
	inStock        bool
	ratingMilli    int32
	popularity     int64
	listedMicro    int64
	goodUntilMicro int64
}

type price struct {
	market uint32
	band   int32 // -1 is none
	minor  int64
}

// price returns the row's price in a market.
func (r *row) price(market uint32) (price, bool) {
	for _, p := range r.prices {
		if p.market == market {
			return p, true
		}
	}
	return price{}, false
}

// A dictionary numbers the distinct texts of a column, from 1. It only grows, and lives as long as its index is open.
type dictionary struct {
	mu      sync.RWMutex
	numbers map[string]uint32
	texts   []string
	names   *dictionary // of attribute names, if the texts are name=value
	nameOf  []uint32    // the number of a text's name, by the number of the text
}

func newDictionary() *dictionary {
	return &dictionary{numbers: make(map[string]uint32), texts: []string{""}}
}

// number returns the number of a text, and assigns one to a new text.
func (d *dictionary) number(text []byte) uint32 {
	if len(text) == 0 {
		return 0
	}
	d.mu.RLock()
	n, ok := d.numbers[string(text)]
	d.mu.RUnlock()
	if ok {
		return n
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if n, ok := d.numbers[string(text)]; ok {
		return n
	}
	n = uint32(len(d.texts))
	d.texts = append(d.texts, string(text))
	d.numbers[d.texts[n]] = n
	if d.names != nil {
		name, _, _ := bytes.Cut(text, []byte(search.AttributeSeparator))
		d.nameOf = append(d.nameOf, d.names.number(name))
	}
	return n
}

// find returns the number of a text, or 0 if no document ever had it.
func (d *dictionary) find(text string) uint32 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.numbers[text]
}

// all returns the texts and the numbers of their names, by the number of the text. Number 0 is not used.
func (d *dictionary) all() (texts []string, nameOf []uint32) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.texts, d.nameOf
}

// len returns the least number that is not assigned.
func (d *dictionary) len() int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return len(d.texts)
}

// dictionaries are the dictionaries of an index.
type dictionaries struct {
	brands, categories, claims, attributes, markets *dictionary
}

func newDictionaries() *dictionaries {
	d := &dictionaries{newDictionary(), newDictionary(), newDictionary(), newDictionary(), newDictionary()}
	d.attributes.names, d.attributes.nameOf = newDictionary(), []uint32{0}
	return d
}

// readRows decodes the rows of a segment, by document number.
func (d *dictionaries) readRows(s segmentapi.Segment) ([]row, error) {
	rows := make([]row, s.Count())
	var r record
	for n := range rows {
		if err := withRecord(s, uint64(n), &r, func() { d.fill(&rows[n], &r) }); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// withRecord reads the record of a document into r and calls f. The texts of r alias a buffer that the library reuses,
// so they are valid only until f returns.
func withRecord(s segmentapi.Segment, n uint64, r *record, f func()) error {
	found := errRecord
	err := s.VisitStoredFields(n, func(name string, _ byte, value []byte, _ []uint64) bool {
		if name != fieldStore {
			return true
		}
		if found = decodeRecord(value, r); found == nil {
			f()
		}
		return false
	})
	if err = cmp.Or(err, found); err != nil {
		return fmt.Errorf("read a stored document: %w", err)
	}
	return nil
}

func (d *dictionaries) fill(to *row, r *record) {
	*to = row{id: r.id, version: r.version, length: float32(r.length), brand: d.brands.number(r.brand),
		inStock: string(r.stock) != string(search.StockOut), ratingMilli: int32(r.ratingMilli), popularity: r.popularity,
		listedMicro: r.listedMicro, goodUntilMicro: r.goodUntilMicro}
	to.categories = numbers(d.categories, r.categories)
	to.claims = numbers(d.claims, r.claims)
	to.attributes = numbers(d.attributes, r.attributes)
	to.prices = make([]price, len(r.prices))
	for i, p := range r.prices {
		to.prices[i] = price{market: d.markets.number(p.market), band: -1, minor: p.minor}
	}
	for _, band := range r.bands {
		market, number, err := search.ParsePriceBand(string(band))
		if err != nil {
			continue // an invalid band is not counted
		}
		for i := range to.prices {
			if to.prices[i].market == d.markets.find(market) {
				to.prices[i].band = int32(number)
			}
		}
	}
}

func numbers(d *dictionary, texts [][]byte) []uint32 {
	if len(texts) == 0 {
		return nil
	}
	all := make([]uint32, 0, len(texts))
	for _, text := range texts {
		if n := d.number(text); n != 0 && !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return all
}
