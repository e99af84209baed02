package recommend

import (
	"math"
	"time"
)

// HalfLife is how long it takes until an event counts half in a product's popularity; PairHalfLife in what is bought
// together, which stays true for longer and is seen less often.
const (
	HalfLife     = 14 * 24 * time.Hour
	PairHalfLife = 90 * 24 * time.Hour
)

// landmark is the moment at which an event counts its weight. What is stored depends on it: it must never change.
var landmark = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// gain returns what an event of weight 1 adds to a sum at a moment.
func gain(at time.Time, halfLife time.Duration) float64 {
	return math.Exp2(at.Sub(landmark).Hours() / halfLife.Hours())
}

// steps is how many popularities lie between a score and its double.
const steps = 4

// Popularity returns a score as product_popularity.popularity holds it.
func Popularity(score float64) int64 {
	if score <= 1 {
		return 0
	}
	return int64(math.RoundToEven(math.Log(score) * perLog))
}

// perLog makes steps of a natural logarithm. The statement that adds to scores is given it, so that both round alike.
const perLog = steps / math.Ln2
