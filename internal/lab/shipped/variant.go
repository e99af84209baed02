package main

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// A variant is a SKU as one of a product's.
type variant struct {
	row        giftRow
	commonName string            // the product's name: the SKU's, without what tells it apart
	options    map[string]string // nil where the product has no other SKU
}

// group gathers the rows into products, in the order of each product's first row. Two
// rows are variants of one product when
//
//   - they share the five digits of their code,
//   - their names are the same once words that can be an option (colour, size, scent,
//     design, letter) and words that say nothing (words.csv) are left out; the source
//     shortens words, so two words are the same when one begins with the other, and
//   - their names differ in an option, or are the same: then the letter of the code is
//     all that tells them apart, and becomes the option "style".
func (shop giftShop) group(rows []giftRow) [][]variant {
	var products [][]variant
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && rows[n].stem() == rows[0].stem() {
			n++
		}
		for _, alike := range shop.alike(rows[:n]) {
			products = append(products, shop.variants(alike)...)
		}
		rows = rows[n:]
	}
	return products
}

// A reading is a row with its name taken apart.
type reading struct {
	row   giftRow
	words []word
	found []found
	bare  []string // the words that are neither an option nor ignored
}

func (shop giftShop) read(row giftRow) reading {
	r := reading{row: row, words: splitWords(row.name)}
	r.found = shop.vocabulary.find(r.words)
	for i, w := range r.words {
		if !r.leavesOut(i) {
			r.bare = append(r.bare, w.text)
		}
	}
	return r
}

func (r reading) leavesOut(i int) bool {
	return slices.ContainsFunc(r.found, func(f found) bool {
		return f.first <= i && i < f.end && (f.optionKind() != "" || f.ignored())
	})
}

// alike splits rows of one stem by their bare names.
func (shop giftShop) alike(rows []giftRow) [][]reading {
	var groups [][]reading
	for _, row := range rows {
		r := shop.read(row)
		at := slices.IndexFunc(groups, func(g []reading) bool { return sameWords(g[0].bare, r.bare) })
		if at < 0 || len(r.bare) == 0 {
			groups = append(groups, []reading{r})
			continue
		}
		groups[at] = append(groups[at], r)
	}
	return groups
}

func sameWords(a, b []string) bool {
	return slices.EqualFunc(a, b, func(x, y string) bool {
		if len(x) > len(y) {
			x, y = y, x
		}
		return x == y || (strings.HasPrefix(y, x) && !strings.ContainsFunc(y, unicode.IsDigit))
	})
}

// variants makes one product of rows with the same bare name. A row with no option where
// the others have one is a product of its own.
func (shop giftShop) variants(rows []reading) [][]variant {
	var group []variant
	var products [][]variant
	kind := commonKind(rows)
	for _, r := range rows {
		own := r.own(rows)
		v := variant{row: r.row, commonName: r.without(own)}
		switch {
		case len(own) > 0:
			v.options = map[string]string{kind: shop.titles.title(r.label(own))}
		case kind != "":
			products = append(products, alone(r.row))
			continue
		}
		group = append(group, v)
	}
	if len(group) == 1 {
		group = alone(group[0].row)
	}
	addStyles(group)
	products = append(products, group)
	slices.SortFunc(products, func(a, b []variant) int { return strings.Compare(a[0].row.sku, b[0].row.sku) })
	return products
}

func alone(row giftRow) []variant {
	return []variant{{row: row, commonName: row.name}}
}

// addStyles tells variants apart by the letter of their codes where options do not.
func addStyles(group []variant) {
	seen := map[string]bool{}
	for _, v := range group {
		for _, label := range v.options {
			seen[label] = true
		}
	}
	if len(seen) == len(group) || len(group) == 1 {
		return
	}
	for i, v := range group {
		if v.options == nil {
			group[i].options = map[string]string{}
		}
		group[i].options["style"] = v.row.sku[len(v.row.stem()):]
	}
}

// commonKind returns the kind of option that tells most of the rows apart; of two, the first.
func commonKind(rows []reading) string {
	var kinds []string
	rowsWith := map[string]int{}
	for _, r := range rows {
		seen := map[string]bool{}
		for _, f := range r.own(rows) {
			if kind := f.optionKind(); !seen[kind] {
				seen[kind] = true
				rowsWith[kind]++
				kinds = append(kinds, kind)
			}
		}
	}
	if len(kinds) == 0 {
		return ""
	}
	return slices.MaxFunc(kinds, func(a, b string) int { return rowsWith[a] - rowsWith[b] })
}

// own returns the option phrases of a row that not all of its siblings have.
func (r reading) own(siblings []reading) []found {
	var own []found
	for _, f := range r.found {
		shared := !slices.ContainsFunc(siblings, func(s reading) bool { return !s.hasPhrase(f.phrase) })
		if f.optionKind() != "" && !shared {
			own = append(own, f)
		}
	}
	return own
}

func (r reading) hasPhrase(phrase string) bool {
	return slices.ContainsFunc(r.found, func(f found) bool { return f.phrase == phrase })
}

// label returns the phrases as the name has them: next to each other or joined by / & + AND
// they keep that, else a space joins them.
func (r reading) label(phrases []found) string {
	var b strings.Builder
	for i, f := range phrases {
		if i > 0 {
			between := r.row.name[r.words[phrases[i-1].end-1].end:r.words[f.first].start]
			if connector.FindString(between) == between {
				b.WriteString(between)
			} else {
				b.WriteByte(' ')
			}
		}
		b.WriteString(r.row.name[r.words[f.first].start:r.words[f.end-1].end])
	}
	return strings.ReplaceAll(b.String(), `"`, "")
}

var (
	connector = regexp.MustCompile(`^(\s*[&/+]\s*|\s+AND\s+)`)
	cut       = regexp.MustCompile(`(\s*[&/+]|\s+AND\b)?\s*(\x00(\s*[&/+,"]|\s+(AND|COLOUR|DESIGN|DES)\b)*\s*)+`)
)

// without returns the name without the phrases and what joined them to the rest.
func (r reading) without(phrases []found) string {
	name, from := "", 0
	for _, f := range phrases {
		name += r.row.name[from:r.words[f.first].start] + "\x00"
		from = r.words[f.end-1].end
	}
	return cut.ReplaceAllString(name+r.row.name[from:], " ")
}
