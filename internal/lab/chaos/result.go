package chaos

import (
	"meridian/internal/lab/audit"
	"meridian/internal/lab/history"
)

// Counts is what happened in one run or, added up, in several.
type Counts struct {
	// Attempted is the checkouts that shoppers began, Acknowledged those of which they were told that there is an order.
	Attempted    int `json:"attempted"`
	Acknowledged int `json:"acknowledged"`
	SoldOut      int `json:"sold_out"`
	// Paid and Cancelled are orders at the end.
	Paid      int `json:"paid"`
	Cancelled int `json:"cancelled"`
	// Repeats is how often a call had to be sent again for want of an answer.
	Repeats int `json:"repeats"`
	// PodKills, DatabaseKills and Cuts are the faults made.
	PodKills      int `json:"pod_kills"`
	DatabaseKills int `json:"database_kills"`
	Cuts          int `json:"cuts"`
	// Broken and Overdue are what verify --strict found.
	Broken  int64 `json:"verify_broken"`
	Overdue int64 `json:"verify_overdue"`
}

func (c *Counts) add(d Counts) {
	c.Attempted += d.Attempted
	c.Acknowledged += d.Acknowledged
	c.SoldOut += d.SoldOut
	c.Paid += d.Paid
	c.Cancelled += d.Cancelled
	c.Repeats += d.Repeats
	c.PodKills += d.PodKills
	c.DatabaseKills += d.DatabaseKills
	c.Cuts += d.Cuts
	c.Broken += d.Broken
	c.Overdue += d.Overdue
}

// Result is the outcome of one run.
type Result struct {
	Scenario string `json:"scenario"`
	Seed     uint64 `json:"seed"`
	Counts
	// Calls is how many calls of the API were answered for good.
	Calls int `json:"calls"`
	// Settled is how long after the last fault nothing was pending any more, in seconds; Pending is what still was when
	// the time was up.
	Settled float64       `json:"settled_seconds"`
	Pending audit.Pending `json:"pending"`
	// Verdict compares the books; Audit has examples of what verify found.
	Verdict Verdict  `json:"verdict"`
	Audit   []string `json:"audit,omitempty"`
	// History is what the witnesses' calls and answers say.
	History history.Verdict `json:"history"`
	// Crashed is the processes that ended by themselves.
	Crashed []string `json:"crashed,omitempty"`
	// Folder holds the shop of a run that found something: its database and the logs.
	Folder string `json:"folder,omitempty"`
}

// Clean reports whether the run found nothing.
func (r Result) Clean() bool {
	return r.Verdict.Clean() && r.Broken == 0 && r.Overdue == 0 && r.Pending.Total() == 0 && len(r.Crashed) == 0 &&
		r.History.Clean()
}

// Summary adds up all runs of one scenario.
type Summary struct {
	Scenario string `json:"scenario"`
	Runs     int    `json:"runs"`
	Counts
	// Settled is the longest time to settle.
	Settled             float64 `json:"longest_settled_seconds"`
	Oversold            int64   `json:"oversold"`
	Lost                int64   `json:"lost"`
	ChargedWithoutOrder int64   `json:"charged_without_order"`
	ChargedTwice        int64   `json:"charged_twice"`
	// Other is what else a Verdict counts, and crashes.
	Other   int64 `json:"other"`
	Pending int64 `json:"pending"`
}

// Sum returns a summary of each scenario, in the order in which they were run.
func Sum(results []Result) []Summary {
	var sums []Summary
	for _, r := range results {
		if n := len(sums); n == 0 || sums[n-1].Scenario != r.Scenario {
			sums = append(sums, Summary{Scenario: r.Scenario})
		}
		s, v := &sums[len(sums)-1], r.Verdict
		s.Runs++
		s.Counts.add(r.Counts)
		s.Settled = max(s.Settled, r.Settled)
		s.Oversold += v.Oversold
		s.Lost += v.Lost
		s.ChargedWithoutOrder += v.ChargedWithoutOrder
		s.ChargedTwice += v.ChargedTwice
		s.Other += v.NotCharged + v.LeftOpen + v.RefundedWrongly + v.Contradicted +
			int64(len(r.Crashed)+len(r.History.Faults)+len(r.History.Undecided))
		s.Pending += r.Pending.Total()
	}
	return sums
}
