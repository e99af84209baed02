package bleve

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	indexapi "github.com/blevesearch/bleve_index_api"
	segmentapi "github.com/blevesearch/scorch_segment_api/v2"
)

// lexicon is the dictionaries and postings that a search reads of a view.
type lexicon struct {
	view         *view
	dictionaries map[string][]segmentapi.TermDictionary // by field, one a segment
}

func newLexicon(v *view) *lexicon {
	return &lexicon{view: v, dictionaries: make(map[string][]segmentapi.TermDictionary, 3)}
}

func (l *lexicon) of(field string) ([]segmentapi.TermDictionary, error) {
	if all, ok := l.dictionaries[field]; ok {
		return all, nil
	}
	all := make([]segmentapi.TermDictionary, len(l.view.segments))
	for i := range l.view.segments {
		d, err := l.view.segments[i].library.Dictionary(field)
		if err != nil {
			return nil, fmt.Errorf("read the dictionary of %s: %w", field, err)
		}
		all[i] = d
	}
	l.dictionaries[field] = all
	return all, nil
}

// postings are where a term is, one list a segment.
func (l *lexicon) postings(field, term string) ([]segmentapi.PostingsList, int, error) {
	dictionaries, err := l.of(field)
	if err != nil {
		return nil, 0, err
	}
	lists, documents := make([]segmentapi.PostingsList, len(dictionaries)), 0
	for i, d := range dictionaries {
		if lists[i], err = d.PostingsList([]byte(term), l.view.segments[i].deleted, nil); err != nil {
			return nil, 0, fmt.Errorf("read the postings of %q: %w", term, err)
		}
		documents += int(lists[i].Count())
	}
	return lists, documents, nil
}

// A found term is one of the index's own, with about how many documents have it.
type found struct {
	term      string
	documents int
}

// scan gathers the terms that an automaton accepts, or all from a key to another, and of each segment no more than a
// limit: the most frequent first.
func (l *lexicon) scan(field string, a segmentapi.Automaton, from, below []byte, limit int) ([]found, error) {
	dictionaries, err := l.of(field)
	if err != nil {
		return nil, err
	}
	byTerm := make(map[string]int)
	var all []found
	for _, d := range dictionaries {
		iterator := d.AutomatonIterator(a, from, below)
		for n := 0; n < limit; n++ {
			entry, err := iterator.Next()
			if err != nil {
				return nil, fmt.Errorf("read the dictionary of %s: %w", field, err)
			}
			if entry == nil {
				break
			}
			all = addFound(all, byTerm, entry)
		}
	}
	slices.SortFunc(all, func(a, b found) int {
		return cmp.Or(cmp.Compare(b.documents, a.documents), cmp.Compare(a.term, b.term))
	})
	return all, nil
}

func addFound(all []found, byTerm map[string]int, entry *indexapi.DictEntry) []found {
	if i, ok := byTerm[entry.Term]; ok {
		all[i].documents += int(entry.Count)
		return all
	}
	byTerm[entry.Term] = len(all)
	return append(all, found{term: entry.Term, documents: int(entry.Count)})
}

// after is the least key above all that begin with this one.
func after(prefix []byte) []byte {
	end := slices.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] < math.MaxUint8 {
			end[i]++
			return end[:i+1]
		}
	}
	return nil
}
