package bleve

import (
	"cmp"
	"fmt"
	"slices"

	indexapi "github.com/blevesearch/bleve_index_api"
	segmentapi "github.com/blevesearch/scorch_segment_api/v2"
	"github.com/blevesearch/vellum"
	"github.com/google/uuid"

	"meridian/internal/search/concept"
)

// A lexicon reads the dictionaries and postings of a view for one search. It implements concept.Index.
type lexicon struct {
	view         *view
	dictionaries map[concept.Field][]segmentapi.TermDictionary // one a segment
}

func newLexicon(v *view) *lexicon {
	return &lexicon{view: v, dictionaries: make(map[concept.Field][]segmentapi.TermDictionary, 3)}
}

// of returns the dictionaries of a field, one per segment.
func (l *lexicon) of(field concept.Field) ([]segmentapi.TermDictionary, error) {
	if all, ok := l.dictionaries[field]; ok {
		return all, nil
	}
	all := make([]segmentapi.TermDictionary, len(l.view.segments))
	for i := range l.view.segments {
		d, err := l.view.segments[i].library.Dictionary(string(field))
		if err != nil {
			return nil, fmt.Errorf("read the dictionary of %s: %w", field, err)
		}
		all[i] = d
	}
	l.dictionaries[field] = all
	return all, nil
}

// postings returns the postings of a term, one list per segment, and the number of documents in them.
func (l *lexicon) postings(field concept.Field, term string) ([]segmentapi.PostingsList, int, error) {
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

// Complete implements concept.Index.
func (l *lexicon) Complete() bool { return true }

// Documents implements concept.Index.
func (l *lexicon) Documents(field concept.Field, term string) (int, error) {
	_, documents, err := l.postings(field, term)
	return documents, err
}

// Scan implements concept.Index. It reads at most limit terms per segment.
func (l *lexicon) Scan(field concept.Field, a vellum.Automaton, from, below []byte, limit int) ([]concept.Found, error) {
	dictionaries, err := l.of(field)
	if err != nil {
		return nil, err
	}
	byTerm := make(map[string]int)
	var all []concept.Found
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
	slices.SortFunc(all, func(a, b concept.Found) int {
		return cmp.Or(cmp.Compare(b.Documents, a.Documents), cmp.Compare(a.Term, b.Term))
	})
	return all, nil
}

func addFound(all []concept.Found, byTerm map[string]int, entry *indexapi.DictEntry) []concept.Found {
	if i, ok := byTerm[entry.Term]; ok {
		all[i].Documents += int(entry.Count)
		return all
	}
	byTerm[entry.Term] = len(all)
	return append(all, concept.Found{Term: entry.Term, Documents: int(entry.Count)})
}

// version returns the version of a document in the view, or 0 if it is not there.
func (l *lexicon) version(id uuid.UUID) (int64, error) {
	lists, documents, err := l.postings("_id", id.String())
	if err != nil || documents == 0 {
		return 0, err
	}
	for i, list := range lists {
		p, err := list.Iterator(false, false, false, nil).Next()
		if err != nil {
			return 0, fmt.Errorf("look up document %s: %w", id, err)
		}
		if p != nil {
			return l.view.segments[i].rows[p.Number()].version, nil
		}
	}
	return 0, nil
}
