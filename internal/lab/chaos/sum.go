package chaos

// Summary is all runs of one scenario: sums, and the longest time to settle.
type Summary struct {
	Scenario      string  `json:"scenario"`
	Runs          int     `json:"runs"`
	Attempted     int     `json:"attempted"`
	Acknowledged  int     `json:"acknowledged"`
	Paid          int     `json:"paid"`
	Cancelled     int     `json:"cancelled"`
	SoldOut       int     `json:"sold_out"`
	Repeats       int     `json:"repeats"`
	PodKills      int     `json:"pod_kills"`
	DatabaseKills int     `json:"database_kills"`
	Cuts          int     `json:"cuts"`
	Settled       float64 `json:"longest_settled_seconds"`

	Oversold            int64 `json:"oversold"`
	Lost                int64 `json:"lost"`
	ChargedWithoutOrder int64 `json:"charged_without_order"`
	ChargedTwice        int64 `json:"charged_twice"`
	// Other is what else a Verdict counts, and crashes.
	Other   int64 `json:"other"`
	Pending int64 `json:"pending"`
	Broken  int64 `json:"verify_broken"`
	Overdue int64 `json:"verify_overdue"`
}

// Sum adds the runs of each scenario up, in the order in which they were made.
func Sum(results []Result) []Summary {
	var sums []Summary
	for _, r := range results {
		if n := len(sums); n == 0 || sums[n-1].Scenario != r.Scenario {
			sums = append(sums, Summary{Scenario: r.Scenario})
		}
		sums[len(sums)-1].add(r)
	}
	return sums
}

func (s *Summary) add(r Result) {
	s.Runs++
	s.Attempted += r.Attempted
	s.Acknowledged += r.Acknowledged
	s.Paid += r.Paid
	s.Cancelled += r.Cancelled
	s.SoldOut += r.SoldOut
	s.Repeats += r.Repeats
	s.PodKills += r.PodKills
	s.DatabaseKills += r.DatabaseKills
	s.Cuts += r.Cuts
	s.Settled = max(s.Settled, r.Settled)
	v := r.Verdict
	s.Oversold += v.Oversold
	s.Lost += v.Lost
	s.ChargedWithoutOrder += v.ChargedWithoutOrder
	s.ChargedTwice += v.ChargedTwice
	s.Other += v.NotCharged + v.LeftOpen + v.RefundedWrongly + v.Contradicted + int64(len(r.Crashed))
	p := r.Pending
	s.Pending += p.Orders + p.Payments + p.Refunds + p.Webhooks + p.Events
	s.Broken += r.Broken
	s.Overdue += r.Overdue
}
