package bench

import (
	"math"
	"slices"
	"time"

	"meridian/internal/lab/client"
)

// tally is what one shopper, or all of them together, lived through.
type tally struct {
	// done counts operations that succeeded, soldOut those that were refused for want of
	// units, which is an answer and no error.
	done, soldOut int
	// took are the times of whole operations that succeeded; calls those of single calls.
	took  []time.Duration
	calls map[string][]time.Duration
	// errors counts operations that failed, by the problem's code.
	errors map[string]int
	// requests counts HTTP exchanges, trips the database round trips that their answers told.
	requests, trips int
	// paid are the times from an order's being placed to its being paid.
	paid []time.Duration
}

func newTally() *tally {
	return &tally{calls: make(map[string][]time.Duration), errors: make(map[string]int)}
}

// codeSoldOut is the shop's answer when there are too few units.
const codeSoldOut = "sold_out"

// operation counts a whole operation.
func (t *tally) operation(took time.Duration, err error) {
	switch code := client.CodeOf(err); code {
	case "":
		t.done++
		t.took = append(t.took, took)
	case codeSoldOut:
		t.soldOut++
	default:
		t.errors[code]++
	}
}

// call counts one HTTP exchange under its name.
func (t *tally) call(name string, a client.Attempt) {
	t.requests++
	if a.RoundTrips > 0 {
		t.trips += a.RoundTrips
	}
	if a.Code == "" {
		t.calls[name] = append(t.calls[name], a.Took)
	}
}

// add puts another's counts to the tally.
func (t *tally) add(o *tally) {
	t.done, t.soldOut = t.done+o.done, t.soldOut+o.soldOut
	t.requests, t.trips = t.requests+o.requests, t.trips+o.trips
	t.took, t.paid = append(t.took, o.took...), append(t.paid, o.paid...)
	for name, took := range o.calls {
		t.calls[name] = append(t.calls[name], took...)
	}
	for code, n := range o.errors {
		t.errors[code] += n
	}
}

// begun counts the operations, whatever became of them.
func (t *tally) begun() int { return t.done + t.soldOut + sum(t.errors) }

// Latency is a distribution of times, in milliseconds.
type Latency struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_ms"`
	P95   float64 `json:"p95_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

// newLatency sorts the times, in place, and reads the distribution off them: no bucket
// rounds a percentile.
func newLatency(took []time.Duration) Latency {
	slices.Sort(took)
	l := Latency{Count: len(took), P50: percentile(took, 50), P95: percentile(took, 95), P99: percentile(took, 99)}
	if len(took) > 0 {
		l.Max = milliseconds(took[len(took)-1])
	}
	return l
}

// percentile is the least of the sorted times that p percent of them do not exceed (the
// nearest rank), in milliseconds; 0 of none.
func percentile(sorted []time.Duration, p float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return milliseconds(sorted[max(rank, 1)-1])
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
