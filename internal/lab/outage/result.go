package outage

import (
	"fmt"
	"slices"
	"time"

	"meridian/internal/lab/audit"
	"meridian/internal/lab/report"
)

// Counts counts requests by what became of them.
type Counts struct {
	Served int `json:"served"`
	// Refused were refused as they should be, because an item was sold out.
	Refused int `json:"refused"`
	// Failed got a 5xx, no answer, or a refusal that had no reason.
	Failed int `json:"failed"`
}

// Total returns the sum.
func (c Counts) Total() int { return c.Served + c.Refused + c.Failed }

// Success returns the share of requests that did not fail, of [0, 1]; 1 if there were none.
func (c Counts) Success() float64 {
	if c.Total() == 0 {
		return 1
	}
	return 1 - float64(c.Failed)/float64(c.Total())
}

func (c *Counts) add(o outcome) {
	switch o {
	case served:
		c.Served++
	case refused:
		c.Refused++
	case failed:
		c.Failed++
	}
}

// Phase sums up the requests that ended in a part of a run. Latencies are of those that were served.
type Phase struct {
	Requests Counts `json:"requests"`
	// Success is Requests.Success.
	Success   float64        `json:"success"`
	Reads     report.Latency `json:"reads"`
	Checkouts report.Latency `json:"checkouts"`
}

// Measures are what the shoppers of a run noticed. Times are in seconds; FaultAt and UndoneAt are since the shoppers began.
type Measures struct {
	FaultAt  float64 `json:"fault_at_seconds"`
	UndoneAt float64 `json:"undone_at_seconds"`
	// Whole covers all requests; the others are parts of it.
	Whole  Phase `json:"whole"`
	Before Phase `json:"before"`
	During Phase `json:"during"`
	After  Phase `json:"after"`
	// Edges counts the requests of During by the region of the edge that was asked.
	Edges map[string]Counts `json:"edges_during"`
	// Failures counts what failed, by route and code; "no_answer" is no answer.
	Failures map[string]int `json:"failures"`
	// LastFailed is the time from the fault to the end of the last request that failed before the fault was undone; 0 for none.
	LastFailed float64 `json:"last_failed_seconds"`
	// NoOrder is the longest time since the fault, and until it was undone, in which no order was placed; it may have begun
	// before the fault. NoOrderBefore is that of the time before the fault, NoOrderAfter that of the time after it.
	NoOrder       float64 `json:"no_order_seconds"`
	NoOrderBefore float64 `json:"no_order_before_seconds"`
	NoOrderAfter  float64 `json:"no_order_after_seconds"`
	// NoOrderAt is NoOrder by the region of the edge that was asked.
	NoOrderAt map[string]float64 `json:"no_order_at_edges_seconds"`
}

// measure sums up requests. The instants are since the shoppers began.
func measure(all []request, faultAt, undoneAt, end time.Duration) Measures {
	m := Measures{FaultAt: faultAt.Seconds(), UndoneAt: undoneAt.Seconds(), Edges: make(map[string]Counts), Failures: make(map[string]int)}
	in := func(from, to time.Duration) []request {
		return slices.DeleteFunc(slices.Clone(all), func(r request) bool { return r.ended < from || r.ended >= to })
	}
	during := in(faultAt, undoneAt)
	m.Whole, m.Before, m.During, m.After = sum(all), sum(in(0, faultAt)), sum(during), sum(in(undoneAt, never))
	for _, r := range during {
		edge := m.Edges[r.edge]
		edge.add(r.outcome)
		m.Edges[r.edge] = edge
		if r.outcome == failed {
			m.LastFailed = max(m.LastFailed, (r.ended - faultAt).Seconds())
		}
	}
	for _, r := range all {
		if r.outcome == failed {
			m.Failures[r.route+" "+r.code]++
		}
	}
	m.NoOrderAt = droughts(all, faultAt, undoneAt)
	orders := placedAt(all, func(request) bool { return true })
	m.NoOrderBefore = longestWithout(orders, 0, faultAt).Seconds()
	m.NoOrder = longestWithout(orders, faultAt, undoneAt).Seconds()
	m.NoOrderAfter = longestWithout(orders, undoneAt, end).Seconds()
	return m
}

// never is later than any request.
const never = time.Duration(1<<63 - 1)

func sum(requests []request) (p Phase) {
	var reads, checkouts report.Times
	for _, r := range requests {
		p.Requests.add(r.outcome)
		switch {
		case r.outcome == served && r.kind == read:
			reads.Add(r.took)
		case r.outcome == served && r.kind == checkout:
			checkouts.Add(r.took)
		}
	}
	p.Success, p.Reads, p.Checkouts = p.Requests.Success(), reads.Latency(), checkouts.Latency()
	return p
}

// droughts returns the longest time without an order at each edge.
func droughts(all []request, from, to time.Duration) map[string]float64 {
	longest := make(map[string]float64)
	for _, r := range all {
		if _, done := longest[r.edge]; !done {
			there := placedAt(all, func(other request) bool { return other.edge == r.edge })
			longest[r.edge] = longestWithout(there, from, to).Seconds()
		}
	}
	return longest
}

// placedAt returns the instants at which those orders were confirmed that are wanted, in their order.
func placedAt(all []request, wanted func(request) bool) (at []time.Duration) {
	for _, r := range all {
		if r.kind == checkout && r.outcome == served && wanted(r) {
			at = append(at, r.ended)
		}
	}
	slices.Sort(at)
	return at
}

// longestWithout returns the longest time between two of the sorted instants, or between one and to. It counts times that end
// after from, and before to.
func longestWithout(at []time.Duration, from, to time.Duration) (longest time.Duration) {
	var last time.Duration
	for _, t := range at {
		if t >= to {
			break
		}
		if t > from {
			longest = max(longest, t-last)
		}
		last = t
	}
	return max(longest, to-last)
}

// Result is the outcome of a run.
type Result struct {
	Fault string `json:"fault"`
	About string `json:"about"`
	Measures
	// TookOver is how long the database's standby took to take over, in seconds; 0 where it did not have to.
	TookOver float64 `json:"took_over_seconds"`
	Verdict
	// Settled is how long the workers took afterwards, in seconds, and Pending what they left.
	Settled float64       `json:"settled_seconds"`
	Pending audit.Pending `json:"pending"`
	Audit   audit.Audit   `json:"verify"`
}

// Clean reports whether nothing was oversold, lost or duplicated, and the audit found nothing.
func (r Result) Clean() bool {
	return len(r.Findings) == 0 && r.Pending.Total() == 0 && r.Audit.Clean
}

// Goal is what a run should reach, beside being clean.
type Goal struct {
	Want string `json:"want"`
	Got  string `json:"got"`
	Met  bool   `json:"met"`
}

// What a run of a minute should reach with a region killed at a third of it.
const (
	wantSuccess  = 0.999
	wantDetected = 5.0  // seconds
	wantBack     = 15.0 // seconds
)

// Goals holds the run's measures against what it should reach.
func (r Result) Goals() []Goal {
	return []Goal{
		{"at least 99.9 % of the requests do not fail", Percent(r.Whole.Success), r.Whole.Success >= wantSuccess},
		{"none fails later than 5 s after the fault", fmt.Sprintf("%.1f s", r.LastFailed), r.LastFailed <= wantDetected},
		{"orders are placed again within 15 s", fmt.Sprintf("%.1f s", r.NoOrder), r.NoOrder <= wantBack},
	}
}

// Percent formats a share, rounded down, so that only all is 100.00 %.
func Percent(share float64) string {
	return fmt.Sprintf("%.2f %%", float64(int(share*10_000+1e-6))/100)
}
