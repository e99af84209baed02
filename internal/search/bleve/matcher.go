package bleve

import (
	"math"

	segmentapi "github.com/blevesearch/scorch_segment_api/v2"

	"meridian/internal/search"
	"meridian/internal/search/concept"
)

// A matcher is a plan with its postings. It scores the documents of one segment after another.
type matcher struct {
	plan     concept.Plan
	rarity   []float64   // of each concept
	postings [][]located // by concept and alternative
	match    search.Match
	popular  int64   // the highest popularity of any document
	known    int     // concepts that some document has
	rarities float64 // the sum of their rarities
	all      float64 // the sum over all concepts; one that no document has is as rare as possible
}

// located holds the postings of an alternative's term and of its second term, if it has one: one list per segment.
type located struct{ term, also []segmentapi.PostingsList }

// prepare looks up the alternatives of a plan and weighs its concepts: as on the page before, if there was one.
func (l *lexicon) prepare(p concept.Plan, match search.Match, after *cursor) (*matcher, error) {
	m := &matcher{plan: p, match: match, popular: l.view.popular, rarity: make([]float64, len(p.Concepts)),
		postings: make([][]located, len(p.Concepts))}
	if after != nil {
		m.popular = after.popular
	}
	for i := range p.Concepts {
		most, err := m.locate(l, i)
		if err != nil {
			return nil, err
		}
		switch {
		case after != nil && i < len(after.weights):
			m.rarity[i] = after.weights[i]
		case most > 0:
			m.rarity[i] = rarity(most, l.view.live)
		}
		if m.rarity[i] > 0 {
			m.rarities += m.rarity[i]
			m.known++
		}
	}
	m.all = m.rarities + float64(len(p.Concepts)-m.known)*rarity(0, l.view.live)
	return m, nil
}

// locate looks up the alternatives of a concept, and returns the number of documents of the most frequent one.
func (m *matcher) locate(l *lexicon, i int) (most int, err error) {
	for _, a := range m.plan.Concepts[i].Alternatives {
		at, documents, err := l.locate(a)
		if err != nil {
			return 0, err
		}
		m.postings[i] = append(m.postings[i], at)
		most = max(most, documents)
	}
	return most, nil
}

// locate looks up an alternative.
func (l *lexicon) locate(a concept.Alternative) (at located, documents int, err error) {
	if at.term, documents, err = l.postings(a.Field, a.Term); err != nil || a.Also == "" {
		return at, documents, err
	}
	at.also, _, err = l.postings(a.Field, a.Also)
	return at, documents, err
}

// rarity returns the weight of a word from the number of documents that have it: the idf of BM25.
func rarity(documents, all int) float64 {
	return math.Log(1 + (float64(all-min(documents, all))+0.5)/(float64(documents)+0.5))
}

// A fit says how a document fits a text.
type fit int

const (
	fitsNot  fit = iota
	fitsPart     // it has some of the words: what search.MatchAny wants
	fits         // it has enough of the words
)

// score returns the score of a document, above 0 and at most 1, and how it fits. Documents with all the words come first;
// among the others a rare word outweighs several frequent ones. Without rest, documents that fit in part do not count.
func (m *matcher) score(mask uint16, total float32, r *row, rest bool) (float64, fit) {
	has, share := 0, 0.0
	for i := range m.plan.Concepts {
		switch {
		case mask&(1<<i) == 0 && m.plan.Concepts[i].Quoted > 0:
			return 0, fitsNot
		case mask&(1<<i) != 0 && m.rarity[i] > 0:
			has++
			share += m.rarity[i]
		}
	}
	how := fits
	if m.match == search.MatchMost && !m.enough(has, share/m.all) {
		how = fitsPart
	}
	if has == 0 || how == fitsPart && !rest {
		return 0, fitsNot
	}
	score := float64(total) / m.rarities / concept.MaxWeight * (1 + popularityCounts*popularity(r, m.popular)) / (1 + popularityCounts)
	if has == m.known {
		score++
	}
	return min(1, score/2), how
}

// averageWords is the number of words of average rarity that suffice, whatever else is missing: the rarest word of a
// long text may be the only one that sellers use.
const averageWords = 1.5

// enough implements search.MatchMost, for a document that has a number of the words and a share of their rarity.
func (m *matcher) enough(has int, share float64) bool {
	words := len(m.plan.Concepts)
	if words <= 2 {
		return has == words
	}
	return 2*has >= words || share*float64(words) >= averageWords
}

// popularityCounts is the largest share of its score that popularity adds to a product.
const popularityCounts = 0.1

// leastPopular is how far below the most popular document the popularity of a product stops counting: twelve halvings
// of 4 steps each (search.Document.Popularity). Only the distance counts, since popularity as such grows over time.
const leastPopular = 48

// popularity returns the relative popularity of a document, from 0 to 1 for the most popular.
func popularity(r *row, most int64) float64 {
	return float64(min(leastPopular, max(0, r.popularity-most+leastPopular))) / leastPopular
}
