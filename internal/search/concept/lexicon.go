package concept

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/blevesearch/vellum"
	"github.com/google/uuid"

	"meridian/internal/search"
	"meridian/internal/search/language"
)

// A Lexicon is an Index in memory, for engines that do not tell their terms. It learns documents and forgets none, so its
// numbers are approximate. It is safe for concurrent use. The zero value is empty.
type Lexicon struct {
	learning sync.Mutex
	known    map[uuid.UUID]int64 // the latest version of each product that was learned
	terms    atomic.Pointer[map[Field][]Found]
}

// Learn adds the terms of documents.
func (l *Lexicon) Learn(documents []search.Document) {
	l.learning.Lock()
	defer l.learning.Unlock()
	if l.known == nil {
		l.known = make(map[uuid.UUID]int64)
	}
	fresh := map[Field]map[string]int{Words: {}, Pairs: {}, Codes: {}}
	for _, d := range documents {
		version, known := l.known[d.ID]
		if known && version >= d.Version {
			continue
		}
		l.known[d.ID] = d.Version
		for field, terms := range termsOf(d) {
			for term := range terms {
				fresh[field][term] += map[bool]int{true: 0, false: 1}[known]
			}
		}
	}
	all := make(map[Field][]Found, len(fresh))
	changed := false
	for field, terms := range fresh {
		all[field] = merged(l.of(field), terms)
		changed = changed || len(terms) > 0
	}
	if changed {
		l.terms.Store(&all)
	}
}

// termsOf returns the terms of a document but for those of its description, which is full of words that no product is
// called by.
func termsOf(d search.Document) map[Field]map[string]bool {
	d.Description = ""
	all := map[Field]map[string]bool{Words: {}, Pairs: {}, Codes: {}}
	for _, text := range Texts(d) {
		for i, t := range text.Tokens {
			all[Words][t.Stem] = true
			if pair := text.Pair(i); pair != "" {
				all[Pairs][pair] = true
			}
		}
	}
	for _, code := range d.Codes {
		all[Codes][language.Code(code)] = true
	}
	return all
}

// merged returns sorted terms together with others. It changes neither.
func merged(sorted []Found, others map[string]int) []Found {
	if len(others) == 0 {
		return sorted
	}
	all := make([]Found, 0, len(sorted)+len(others))
	for _, term := range slices.Sorted(maps.Keys(others)) {
		at, _ := slices.BinarySearchFunc(sorted, term, byTerm)
		all, sorted = append(all, sorted[:at]...), sorted[at:]
		documents := others[term]
		if len(sorted) > 0 && sorted[0].Term == term {
			documents, sorted = documents+sorted[0].Documents, sorted[1:]
		}
		all = append(all, Found{strings.Clone(term), max(1, documents)})
	}
	return append(all, sorted...)
}

func byTerm(f Found, term string) int { return strings.Compare(f.Term, term) }

// of returns the terms of a field in order.
func (l *Lexicon) of(f Field) []Found {
	if terms := l.terms.Load(); terms != nil {
		return (*terms)[f]
	}
	return nil
}

// Documents implements Index.
func (l *Lexicon) Documents(f Field, term string) (int, error) {
	terms := l.of(f)
	at, known := slices.BinarySearchFunc(terms, term, byTerm)
	if !known {
		return 0, nil
	}
	return terms[at].Documents, nil
}

// Scan implements Index.
func (l *Lexicon) Scan(f Field, a vellum.Automaton, from, below []byte, limit int) ([]Found, error) {
	terms := l.of(f)
	start, _ := slices.BinarySearchFunc(terms, string(from), byTerm)
	end := len(terms)
	if below != nil {
		end, _ = slices.BinarySearchFunc(terms, string(below), byTerm)
	}
	found := accepted(terms[start:end], a, limit)
	slices.SortStableFunc(found, func(a, b Found) int { return cmp.Compare(b.Documents, a.Documents) })
	return found, nil
}

// accepted returns the sorted terms that an automaton accepts, at most limit. It goes through the automaton once for the
// letters that neighbouring terms share, and skips those that begin with what no accepted text begins with.
func accepted(terms []Found, a vellum.Automaton, limit int) []Found {
	if a == nil {
		return slices.Clone(terms[:min(limit, len(terms))])
	}
	var found []Found
	states := []int{a.Start()} // after each byte of the term before, and its beginning
	before := ""
	for i := 0; i < len(terms) && len(found) < limit; {
		term := terms[i].Term
		states = states[:1+min(len(states)-1, shared(before, term))]
		for n := len(states) - 1; n < len(term) && a.CanMatch(states[n]); n++ {
			states = append(states, a.Accept(states[n], term[n]))
		}
		before = term
		if last := len(states) - 1; !a.CanMatch(states[last]) {
			i += behind(terms[i:], term[:last])
			continue
		}
		if a.IsMatch(states[len(term)]) {
			found = append(found, terms[i])
		}
		i++
	}
	return found
}

// shared returns the number of bytes that two texts begin with alike.
func shared(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// behind returns the number of sorted terms that begin with a prefix; the first one does.
func behind(terms []Found, prefix string) int {
	n, _ := slices.BinarySearchFunc(terms, prefix, func(f Found, prefix string) int {
		if strings.HasPrefix(f.Term, prefix) {
			return -1
		}
		return 1
	})
	return n
}
