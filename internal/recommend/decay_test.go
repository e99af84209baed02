package recommend

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// happened is an event of some weight, so many hours after the landmark.
type happened struct{ weight, hours float64 }

func drawHistory(t *rapid.T, name string) []happened {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) happened {
		return happened{rapid.SampledFrom(weights[:]).Draw(t, "weight"), rapid.Float64Range(0, 5*365*24).Draw(t, "hours")}
	}), 1, 30).Draw(t, name)
}

// score is what a history is stored as.
func score(history []happened) (sum float64) {
	for _, e := range history {
		sum += e.weight * gain(landmark.Add(time.Duration(e.hours*float64(time.Hour))), HalfLife)
	}
	return sum
}

// decayed is what a history is worth at a time by the definition: each event half as much after every half-life.
func decayed(history []happened, hours float64) (sum float64) {
	for _, e := range history {
		sum += e.weight * math.Pow(0.5, (hours-e.hours)/HalfLife.Hours())
	}
	return sum
}

// TestScore_KeepsOrder shows that stored scores are in the order of the decayed sums at every later moment.
func TestScore_KeepsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawHistory(t, "a"), drawHistory(t, "b")
		at := rapid.Float64Range(5*365*24, 30*365*24).Draw(t, "at")
		scoreA, scoreB, trueA, trueB := score(a), score(b), decayed(a, at), decayed(b, at)
		if math.Abs(trueA-trueB) > 1e-9*(trueA+trueB) && (scoreA < scoreB) != (trueA < trueB) {
			t.Errorf("stored %g and %g, decayed %g and %g", scoreA, scoreB, trueA, trueB)
		}
		if scoreA <= scoreB && Popularity(scoreA) > Popularity(scoreB) {
			t.Errorf("popularity %d of %g, %d of %g", Popularity(scoreA), scoreA, Popularity(scoreB), scoreB)
		}
	})
}

func TestScore_NeverOverflows(t *testing.T) {
	at := landmark.AddDate(30, 0, 0)
	const everyoneOrdersForYears = 1e15
	sum := everyoneOrdersForYears * weights[ordered] * gain(at, HalfLife)
	if math.IsInf(sum, 0) || Popularity(sum) < Popularity(1e14*weights[ordered]*gain(at, HalfLife)) {
		t.Errorf("after 30 years a score is %g", sum)
	}
	if product := math.Pow(1e15*gain(at, PairHalfLife), 2); math.IsInf(product, 0) {
		t.Errorf("after 30 years the product of two sums of orders is %g", product)
	}
}

func TestPopularity(t *testing.T) {
	half := landmark.Add(10 * HalfLife)
	for _, c := range []struct {
		name  string
		score float64
		want  int64
	}{
		{"nothing", 0, 0},
		{"less than a view at the landmark", 0.5, 0},
		{"a view at the landmark", 1, 0},
		{"twice as much", 2, 4},
		{"four times", 4, 8},
		{"a little more is no other number", 4.2, 8},
		{"a view ten half-lives later", gain(half, HalfLife), 40},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Popularity(c.score); got != c.want {
				t.Errorf("Popularity(%g) = %d, want %d", c.score, got, c.want)
			}
		})
	}
	if got := Popularity(16 * gain(half, HalfLife)); got != 40+16 {
		t.Errorf("PopularityOf(16) = %d, want %d", got, 40+16)
	}
}
