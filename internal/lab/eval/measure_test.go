package eval

import (
	"math"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// named is an id by a letter.
func named(letter rune) uuid.UUID { return uuid.NewSHA1(namespace, []byte(string(letter))) }

func idsOf(letters string) []uuid.UUID {
	var ids []uuid.UUID
	for _, letter := range letters {
		ids = append(ids, named(letter))
	}
	return ids
}

func gradesOf(byLetter map[rune]int) grades {
	g := make(grades)
	for letter, grade := range byLetter {
		g[named(letter)] = grade
	}
	return g
}

// The figures are worked out by hand: gains 7, 3, 1; discounts log2 of 2, 3, 4, 5 are 1, 1.58496, 2, 2.32193.
func TestMeasures(t *testing.T) {
	g := gradesOf(map[rune]int{'a': 3, 'b': 2, 'c': 1, 'd': 0})
	for _, test := range []struct {
		name, hits            string
		ndcg, reciprocal, rec float64
		judged                int
	}{
		{"best order", "abc", 1, 1, 1, 3},
		{"worst order of all", "cba", (1 + 3/1.5849625 + 3.5) / (7 + 3/1.5849625 + 0.5), 1, 1, 3},
		{"behind others", "xda", 3.5 / (7 + 3/1.5849625 + 0.5), 1.0 / 3, 1.0 / 3, 2},
		{"in place four", "xyzc", (1 / 2.3219281) / (7 + 3/1.5849625 + 0.5), 0.25, 1.0 / 3, 1},
		{"nothing relevant", "dxyz", 0, 0, 0, 1},
		{"nothing at all", "", 0, 0, 0, 0},
		{"in place eleven", "0123456789a", 0, 0, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := idsOf(test.hits)
			got := [...]float64{g.ndcg(r), g.reciprocalRank(r), g.recall(r)}
			for i, want := range [...]float64{test.ndcg, test.reciprocal, test.rec} {
				if math.Abs(got[i]-want) > 1e-6 {
					t.Errorf("nDCG, reciprocal rank and recall are %v, want %v, %v, %v", got, test.ndcg, test.reciprocal, test.rec)
				}
			}
			if judged := g.judgedOf(r); judged != test.judged {
				t.Errorf("%d are judged, want %d", judged, test.judged)
			}
		})
	}
}

// Of twelve relevant documents ten can be shown: they are all that the best order is made of.
func TestNDCG_MoreRelevantThanShown(t *testing.T) {
	g := make(grades)
	for _, letter := range "abcdefghijkl" {
		g[named(letter)] = 1
	}
	if got := g.ndcg(idsOf("lkjihgfedc")); math.Abs(got-1) > 1e-12 {
		t.Errorf("nDCG is %v, want 1", got)
	}
	if got := g.recall(idsOf("lkjihgfedc")); math.Abs(got-10.0/12) > 1e-12 {
		t.Errorf("recall is %v, want 10 of 12", got)
	}
}

func TestFigures(t *testing.T) {
	got := figuresOf([]Outcome{
		{Relevant: 2, Found: 10, Judged: 5, NDCG: 1, ReciprocalRank: 1, Recall: 0.5},
		{Relevant: 1, Found: 0},
		{Relevant: 0, Found: 10, Judged: 9, NDCG: 0}, // nothing to be found: only its hits count
		{Relevant: 1, Found: 10, Judged: 1, NDCG: 0.5, ReciprocalRank: 0.2, Recall: 1},
	})
	want := Figures{NDCG: 0.5, MRR: 0.4, Recall: 0.5, Zero: 0.25, Judged: 0.3}
	for _, f := range [][2]float64{{got.NDCG, want.NDCG}, {got.MRR, want.MRR}, {got.Recall, want.Recall}, {got.Zero, want.Zero},
		{got.Judged, want.Judged}} {
		if math.Abs(f[0]-f[1]) > 1e-12 {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	}
	if none := figuresOf(nil); none != (Figures{}) {
		t.Errorf("of no query: %+v", none)
	}
}

// Whatever is judged: the best order has 1 and none has more, what is behind the cut does not count, and putting a better
// document before a worse one never makes it less.
func TestNDCG_Properties(t *testing.T) {
	const letters = "abcdefghijklmnopqrst"
	rapid.Check(t, func(t *rapid.T) {
		g := make(grades)
		for _, letter := range letters {
			if grade := rapid.IntRange(-1, 3).Draw(t, "grade"); grade >= 0 {
				g[named(letter)] = grade
			}
		}
		r := rapid.Permutation(idsOf(letters)).Draw(t, "ranking")
		before := g.ndcg(r)
		if before < 0 || before > 1+1e-12 {
			t.Fatalf("nDCG is %v", before)
		}
		behind := append(append([]uuid.UUID{}, r[:depth]...), rapid.Permutation(r[depth:]).Draw(t, "behind")...)
		if after := g.ndcg(behind); after != before {
			t.Fatalf("nDCG is %v after a change behind the cut, and was %v", after, before)
		}
		i := rapid.IntRange(0, len(r)-2).Draw(t, "i")
		j := rapid.IntRange(i+1, len(r)-1).Draw(t, "j")
		if g[r[j]] > g[r[i]] {
			r[i], r[j] = r[j], r[i]
		}
		if after := g.ndcg(r); after < before-1e-12 {
			t.Fatalf("nDCG is %v with the better document first, and was %v", after, before)
		}
		sortByGrade(r, g)
		if best := g.ndcg(r); best != 0 && math.Abs(best-1) > 1e-12 || best == 0 && g.recall(r) > 0 {
			t.Fatalf("the best order has %v", best)
		}
	})
}

func sortByGrade(r []uuid.UUID, g grades) {
	for i := range r {
		for j := i + 1; j < len(r); j++ {
			if g[r[j]] > g[r[i]] {
				r[i], r[j] = r[j], r[i]
			}
		}
	}
}
