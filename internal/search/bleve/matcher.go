package bleve

import (
	"math"

	segmentapi "github.com/blevesearch/scorch_segment_api/v2"

	"meridian/internal/search"
)

// A matcher is a plan whose terms were looked up: it scores the documents of one segment after another.
type matcher struct {
	plan     plan
	postings [][]located // by concept, alternative
	match    search.Match
	popular  int64   // the highest popularity of any document
	known    int     // how many of the concepts any document has
	rarities float64 // of those
	all      float64 // of all concepts; what no document has is as rare as can be
}

// located is where the term of an alternative is, and the second one if it has one: a list a segment.
type located struct{ term, also []segmentapi.PostingsList }

// prepare looks the alternatives of a plan up, and weighs its concepts: as the page before did, if there was one.
func (l *lexicon) prepare(p plan, match search.Match, after *cursor) (*matcher, error) {
	m := &matcher{plan: p, match: match, popular: l.view.popular, postings: make([][]located, len(p.concepts))}
	if after != nil {
		m.popular = after.popular
	}
	for i := range p.concepts {
		c := &p.concepts[i]
		most, err := m.locate(l, i)
		if err != nil {
			return nil, err
		}
		switch {
		case after != nil && i < len(after.weights):
			c.rarity = after.weights[i]
		case most > 0:
			c.rarity = rarity(most, l.view.live)
		}
		if c.rarity > 0 {
			m.rarities += c.rarity
			m.known++
		}
	}
	m.all = m.rarities + float64(len(p.concepts)-m.known)*rarity(0, l.view.live)
	return m, nil
}

// locate looks up the alternatives of a concept, and tells how many documents have the one that most have.
func (m *matcher) locate(l *lexicon, concept int) (most int, err error) {
	for _, a := range m.plan.concepts[concept].alternatives {
		at, documents, err := l.locate(a)
		if err != nil {
			return 0, err
		}
		m.postings[concept] = append(m.postings[concept], at)
		most = max(most, documents)
	}
	return most, nil
}

func (l *lexicon) locate(a alternative) (at located, documents int, err error) {
	if at.term, documents, err = l.postings(a.field, a.term); err != nil || a.also == "" {
		return at, documents, err
	}
	at.also, _, err = l.postings(a.field, a.also)
	return at, documents, err
}

// rarity is how much a word tells, from how many documents have it: the idf of BM25.
func rarity(documents, all int) float64 {
	return math.Log(1 + (float64(all-min(documents, all))+0.5)/(float64(documents)+0.5))
}

// score is how well a document fits that has some of the words, above 0 and at most 1, and whether that is enough. Those
// that have all the words come first; among all others, a rare word counts for several frequent ones.
func (m *matcher) score(mask uint16, total float32, r *row) (float64, bool) {
	has, share := 0, 0.0
	for i := range m.plan.concepts {
		switch c := &m.plan.concepts[i]; {
		case mask&(1<<i) == 0 && c.required:
			return 0, false
		case mask&(1<<i) != 0 && c.rarity > 0:
			has++
			share += c.rarity
		}
	}
	if has == 0 || m.match == search.MatchMost && !m.enough(has, share/m.all) {
		return 0, false
	}
	score := float64(total) / m.rarities / weightCode * (1 + popularityCounts*popularity(r, m.popular)) / (1 + popularityCounts)
	if has == m.known {
		score++
	}
	return min(1, score/2), true
}

// averageWords is how many words of average rarity are enough whatever else is missing: one that is rarer than the others
// of a long text may be all of it that any seller writes.
const averageWords = 1.5

// enough is the rule of search.MatchMost, for a document that has some of the words and their share of the rarity.
func (m *matcher) enough(has int, share float64) bool {
	words := len(m.plan.concepts)
	if words <= 2 {
		return has == words
	}
	return 2*has >= words || share*float64(words) >= averageWords
}

// A product that shoppers love is worth at most so much more of its score than one that nobody knows.
const popularityCounts = 0.1

// leastPopular is how far below the most popular document one counts as nobody's: twelve halvings, 4 steps each
// (search.Document.Popularity). Only the distance means anything, since what is popular at all grows with time.
const leastPopular = 48

// popularity is between 0 and 1, which the most popular document has.
func popularity(r *row, most int64) float64 {
	return float64(min(leastPopular, max(0, r.popularity-most+leastPopular))) / leastPopular
}
