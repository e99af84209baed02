package bleve

import (
	"fmt"
	"slices"
	"sync"

	segmentapi "github.com/blevesearch/scorch_segment_api/v2"

	"meridian/internal/search/concept"
)

// The constants of BM25 for products: titles are short and similar in length, so length counts little, and a frequency is
// a sum of weights.
const (
	saturation    = 8
	lengthCounts  = 0.3
	averageLength = 8
)

// scores hold the scores of a segment's documents, by document number. They are pooled.
type scores struct {
	total    []float32 // of the concepts so far
	best     []float32 // of the current concept, for documents that have it
	mask     []uint16  // the concepts that a document has, one bit each
	touched  []uint32  // documents that have the current concept
	matching []uint32  // documents that have any concept
}

var scorePool = sync.Pool{New: func() any { return new(scores) }}

// reset clears the scores and makes room for n documents.
func (s *scores) reset(n int) {
	for _, d := range s.matching {
		s.total[d], s.mask[d] = 0, 0
	}
	s.matching = s.matching[:0]
	if len(s.total) < n {
		s.total, s.best, s.mask = make([]float32, n), make([]float32, n), make([]uint16, n)
	}
}

// segment scores the documents of a segment into s.
func (m *matcher) segment(n int, seg *segment, s *scores) error {
	s.reset(len(seg.rows))
	for i := range m.plan.Concepts {
		s.touched = s.touched[:0]
		for j, at := range m.postings[i] {
			if err := s.term(at, n, m.plan.Concepts[i].Alternatives[j].Weight, uint16(1)<<i, seg); err != nil {
				return err
			}
		}
		r := float32(m.rarity[i])
		for _, d := range s.touched {
			s.total[d] += r * s.best[d]
		}
	}
	return nil
}

// term raises the best score of each document that has a term to the score of that term.
func (s *scores) term(at located, n int, weight float32, bit uint16, seg *segment) error {
	if at.term[n].Count() == 0 {
		return nil
	}
	within, err := documentsOf(at.also, n)
	if err != nil {
		return err
	}
	iterator := at.term[n].Iterator(true, false, false, nil)
	for {
		p, err := iterator.Next()
		if err != nil || p == nil {
			return err
		}
		d, frequency := uint32(p.Number()), float32(p.Frequency())
		if within != nil && !within[d] {
			continue
		}
		score := weight * frequency / (frequency + saturation*lengthNorm(seg.rows[d].length))
		switch {
		case s.mask[d]&bit == 0:
			if s.mask[d] == 0 {
				s.matching = append(s.matching, d)
			}
			s.mask[d] |= bit
			s.best[d] = score
			s.touched = append(s.touched, d)
		case score > s.best[d]:
			s.best[d] = score
		}
	}
}

// documentsOf returns the documents in the nth list, or nil if lists is nil.
func documentsOf(lists []segmentapi.PostingsList, n int) (map[uint32]bool, error) {
	if lists == nil {
		return nil, nil
	}
	documents := make(map[uint32]bool, lists[n].Count())
	iterator := lists[n].Iterator(false, false, false, nil)
	for {
		p, err := iterator.Next()
		if err != nil || p == nil {
			return documents, err
		}
		documents[uint32(p.Number())] = true
	}
}

// lengthNorm returns the length factor of BM25: above 1 for long titles, below 1 for short ones.
func lengthNorm(length float32) float32 {
	return 1 - lengthCounts + lengthCounts*length/averageLength
}

// phraseDocuments returns the documents of a segment that have a phrase.
func (l *lexicon) phraseDocuments(p concept.Phrase, n int) (map[uint32]bool, error) {
	dictionaries, err := l.of(concept.Words)
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
