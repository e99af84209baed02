package bleve

import (
	"fmt"
	"slices"

	segmentapi "github.com/blevesearch/scorch_segment_api/v2"
)

// phraseDocuments returns the documents of a segment that have a phrase.
func (l *lexicon) phraseDocuments(p phrase, n int) (map[uint32]bool, error) {
	dictionaries, err := l.of(fieldWords)
	if err != nil {
		return nil, err
	}
	var ends map[uint32][]uint64 // the positions of the last word so far, by document
	for i, word := range p {
		list, err := dictionaries[n].PostingsList([]byte(word), l.view.segments[n].deleted, nil)
		if err != nil {
			return nil, fmt.Errorf("read the postings of %q: %w", word, err)
		}
		if ends, err = follow(ends, list, i == 0); err != nil {
			return nil, fmt.Errorf("read the positions of %q: %w", word, err)
		}
	}
	documents := make(map[uint32]bool, len(ends))
	for d := range ends {
		documents[d] = true
	}
	return documents, nil
}

// follow returns the positions of a word right after those in ends, by document; with first, all positions.
func follow(ends map[uint32][]uint64, list segmentapi.PostingsList, first bool) (map[uint32][]uint64, error) {
	next := make(map[uint32][]uint64)
	iterator := list.Iterator(true, true, true, nil)
	for {
		p, err := iterator.Next()
		if err != nil || p == nil {
			return next, err
		}
		d := uint32(p.Number())
		if !first && len(ends[d]) == 0 {
			continue
		}
		for _, location := range p.Locations() {
			if first || slices.Contains(ends[d], location.Pos()-1) {
				next[d] = append(next[d], location.Pos())
			}
		}
	}
}
