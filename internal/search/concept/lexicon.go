package concept

import (
	"cmp"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/blevesearch/vellum"
	"github.com/google/uuid"

	"meridian/internal/search"
)

// A Lexicon is an Index in memory, for engines that do not tell their terms. It learns documents and forgets none, so its
// numbers are approximate. It is safe for concurrent use. The zero value is empty and incomplete.
type Lexicon struct {
	learning sync.Mutex
	known    map[uuid.UUID]uint64 // a hash of the terms of each document that was learned
	complete atomic.Bool
	terms    atomic.Pointer[map[Field][]Found]
}

// described are the words of descriptions. They are right as they are typed, but no word is corrected to them: no product is
// called by most of them.
const described Field = "described"

// Completed records that all documents were learned.
func (l *Lexicon) Completed() { l.complete.Store(true) }

// Complete implements Index.
func (l *Lexicon) Complete() bool { return l.complete.Load() }

// Learn adds the terms of documents.
func (l *Lexicon) Learn(documents []search.Document) {
	l.learning.Lock()
	defer l.learning.Unlock()
	if l.known == nil {
		l.known = make(map[uuid.UUID]uint64)
	}
	fresh := make(map[Field]map[string]int)
	for _, d := range documents {
		terms := termsOf(d)
		hash := hashOf(terms)
		before, known := l.known[d.ID]
		if known && before == hash {
			continue
		}
		l.known[d.ID] = hash
		for field, all := range terms {
			if fresh[field] == nil {
				fresh[field] = make(map[string]int)
			}
			for _, term := range all {
				fresh[field][term] += map[bool]int{true: 0, false: 1}[known]
			}
		}
	}
	if len(fresh) == 0 {
		return
	}
	all := make(map[Field][]Found)
	for _, field := range []Field{Words, Pairs, Codes, described} {
		all[field] = merged(l.of(field), fresh[field])
	}
	l.terms.Store(&all)
}

// termsOf returns the distinct terms of a document in order.
func termsOf(d search.Document) map[Field][]string {
	all := map[Field][]string{Codes: CodesOf(d)}
	for _, text := range Texts(d) {
		if text.Source == Description {
			all[described] = append(all[described], text.Stems()...)
			continue
		}
		all[Words] = append(all[Words], text.Stems()...)
		for i := range text.Tokens {
			if pair := text.Pair(i); pair != "" {
				all[Pairs] = append(all[Pairs], pair)
			}
		}
	}
	for field, terms := range all {
		slices.Sort(terms)
		all[field] = slices.Compact(terms)
	}
	return all
}

// hashOf returns a hash of terms.
func hashOf(terms map[Field][]string) uint64 {
	hash := fnv.New64a()
	for _, field := range []Field{Words, Pairs, Codes, described} {
		for _, term := range terms[field] {
			_, _ = hash.Write([]byte(term + "\n")) // it cannot fail
		}
		_, _ = hash.Write([]byte{0})
	}
	return hash.Sum64()
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

// Documents implements Index. It returns no error.
func (l *Lexicon) Documents(f Field, term string) (int, error) { return l.Count(f, term), nil }

// Count returns the approximate number of documents that have a term, 1 for a word that only descriptions have.
func (l *Lexicon) Count(f Field, term string) int {
	terms := l.of(f)
	if at, known := slices.BinarySearchFunc(terms, term, byTerm); known {
		return terms[at].Documents
	}
	if f == Words {
		return min(1, l.Count(described, term))
	}
	return 0
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
