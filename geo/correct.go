package geo

import (
	"slices"
	"time"
)

// An Observation is the round trip that users of a country measured to a region, their last mile included.
type Observation struct {
	Country string
	Region  string
	RTT     time.Duration
}

// maxCorrection is how far a correction may go: from half to twice the figure that is shipped, so that nobody who feeds us
// measurements can send a country around the world.
const maxCorrection = 2

// Corrected returns a ranker like this one, with the countries corrected that were observed to at least two regions. The
// figures of this one have no last mile, and users' have: the least excess of a country's regions is taken for it, and
// subtracted from all. A correction by a factor holds for every zone of the country.
func (r *Ranker) Corrected(observed []Observation) *Ranker {
	byCountry := make(map[string]map[string]time.Duration)
	for _, one := range observed {
		if byCountry[one.Country] == nil {
			byCountry[one.Country] = make(map[string]time.Duration)
		}
		byCountry[one.Country][one.Region] = one.RTT
	}
	corrected := &Ranker{ranks: make(map[origin][]Ranked, len(r.ranks)), names: make(map[origin][]string), unknown: r.unknown}
	for from, ranked := range r.ranks {
		factors := correctionFactors(r.ranks[origin{country: from.country}], byCountry[from.country])
		corrected.add(from, correct(ranked, factors))
	}
	return corrected
}

// correctionFactors returns what the figures of a country are to be multiplied by, by region; none for fewer than two
// observed regions.
func correctionFactors(figures []Ranked, observed map[string]time.Duration) map[string]float64 {
	var excesses []time.Duration
	for _, figure := range figures {
		if rtt, ok := observed[figure.Region]; ok && figure.RTT > 0 && rtt > 0 {
			excesses = append(excesses, rtt-figure.RTT)
		}
	}
	if len(excesses) < 2 {
		return nil
	}
	lastMile := max(0, slices.Min(excesses))
	factors := make(map[string]float64)
	for _, figure := range figures {
		if rtt, ok := observed[figure.Region]; ok && figure.RTT > 0 && rtt > 0 {
			factors[figure.Region] = min(maxCorrection, max(1./maxCorrection, float64(rtt-lastMile)/float64(figure.RTT)))
		}
	}
	return factors
}

// correct returns the regions in the order of their corrected figures.
func correct(ranked []Ranked, factors map[string]float64) []Ranked {
	if len(factors) == 0 {
		return ranked
	}
	next := slices.Clone(ranked)
	for i := range next {
		if factor, ok := factors[next[i].Region]; ok && next[i].Basis != Unknown {
			next[i].RTT, next[i].Basis = time.Duration(float64(next[i].RTT)*factor), Corrected
		}
	}
	slices.SortStableFunc(next, compareNearest)
	return next
}
