package eval

import (
	"math"
	"slices"

	"github.com/google/uuid"
)

// depth is the number of hits of a query that count.
const depth = 10

// Figures holds the measures of one system; the package comment defines them.
type Figures struct {
	NDCG   float64 `json:"ndcg_at_10"`
	MRR    float64 `json:"mrr"`
	Recall float64 `json:"recall_at_10"`
	Zero   float64 `json:"zero_result_rate"`
	// Loosened is the share of queries for which nothing was found at first.
	Loosened float64 `json:"loosened_rate"`
	Judged   float64 `json:"judged_at_10"`
}

// grades holds the grades of one query's documents.
type grades map[uuid.UUID]int

// ndcg returns the normalised discounted cumulative gain of a ranking, from 0 to 1; 0 if nothing is relevant.
func (g grades) ndcg(ranking []uuid.UUID) float64 {
	best := make([]int, 0, len(g))
	for _, grade := range g {
		best = append(best, grade)
	}
	slices.SortFunc(best, func(a, b int) int { return b - a })
	ideal := dcg(best)
	if ideal == 0 {
		return 0
	}
	found := make([]int, len(ranking))
	for i, id := range ranking {
		found[i] = g[id]
	}
	return dcg(found) / ideal
}

// dcg sums the gains of the first grades, each divided by log2(1+rank).
func dcg(ranked []int) float64 {
	sum := 0.0
	for i, grade := range ranked[:min(depth, len(ranked))] {
		sum += (math.Exp2(float64(grade)) - 1) / math.Log2(float64(i)+2)
	}
	return sum
}

// reciprocalRank returns one over the rank of the first relevant document; 0 if there is none.
func (g grades) reciprocalRank(ranking []uuid.UUID) float64 {
	for i, id := range ranking[:min(depth, len(ranking))] {
		if g[id] > 0 {
			return 1 / float64(i+1)
		}
	}
	return 0
}

// recall returns the share of the relevant documents that were found.
func (g grades) recall(ranking []uuid.UUID) float64 {
	relevant, found := 0, 0
	for _, grade := range g {
		relevant += min(1, grade)
	}
	for _, id := range ranking[:min(depth, len(ranking))] {
		found += min(1, g[id])
	}
	if relevant == 0 {
		return 0
	}
	return float64(found) / float64(relevant)
}

// judgedOf returns how many documents of the ranking have a grade, be it 0.
func (g grades) judgedOf(ranking []uuid.UUID) int {
	n := 0
	for _, id := range ranking[:min(depth, len(ranking))] {
		if _, judged := g[id]; judged {
			n++
		}
	}
	return n
}

// figuresOf returns the means over queries.
func figuresOf(outcomes []Outcome) (f Figures) {
	relevant, shown, judged := 0.0, 0.0, 0.0
	for _, o := range outcomes {
		if o.Found == 0 {
			f.Zero++
		}
		if o.Loosened {
			f.Loosened++
		}
		if o.Relevant == 0 {
			continue
		}
		relevant, shown, judged = relevant+1, shown+float64(o.Found), judged+float64(o.Judged)
		f.NDCG, f.MRR, f.Recall = f.NDCG+o.NDCG, f.MRR+o.ReciprocalRank, f.Recall+o.Recall
	}
	return Figures{
		NDCG: share(f.NDCG, relevant), MRR: share(f.MRR, relevant), Recall: share(f.Recall, relevant),
		Zero: share(f.Zero, float64(len(outcomes))), Loosened: share(f.Loosened, float64(len(outcomes))), Judged: share(judged, shown),
	}
}

// share returns part over whole; 0 if whole is 0.
func share(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return part / whole
}
