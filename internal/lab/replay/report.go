package replay

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"meridian/internal/lab/report"
	"meridian/internal/money"
)

// Report is the outcome of a replay.
type Report struct {
	File    string  `json:"file"`
	Survey  Survey  `json:"survey"`
	Stocked Stocked `json:"stocked"`
	// Tally is of the whole run, Session of this run of the command.
	Tally   Tally   `json:"tally"`
	Session Session `json:"session"`
	Outcome Outcome `json:"outcome"`
}

// Session measures one run of the command: a replay that was resumed had others before.
type Session struct {
	// Took is how long the stream took, without the receiving of stock before it and the settling after it.
	Took time.Duration `json:"took_ns"`
	// Orders were placed, Requests made, those that were made again among them.
	Orders   int64 `json:"orders"`
	Requests int64 `json:"requests"`
	Again    int64 `json:"requests_made_again"`
	// OrdersPerSecond and RequestsPerSecond are the rates over the whole session.
	OrdersPerSecond   float64 `json:"orders_per_second"`
	RequestsPerSecond float64 `json:"requests_per_second"`
	// Calls lists the kinds of calls, by name.
	Calls []report.Call `json:"calls"`
}

// newSession returns what calls measured since the session began.
func newSession(began time.Time, calls *report.Calls, orders int64) Session {
	took, sum := time.Since(began), calls.Sum()
	return Session{
		Took: took, Orders: orders, Requests: int64(sum.Requests), Again: int64(sum.Again), Calls: calls.List(),
		OrdersPerSecond: float64(orders) / took.Seconds(), RequestsPerSecond: float64(sum.Requests) / took.Seconds(),
	}
}

// WriteText writes the report for people.
func (r Report) WriteText(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	t, s := r.Tally, r.Session
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s\t"+format+"\n", append([]any{name}, args...)...)
	}
	row("file", "%s", r.File)
	row("", "%d lines, %s to %s", r.Survey.Lines, r.Survey.First.Format(time.DateOnly), r.Survey.Last.Format(time.DateOnly))
	row("invoices", "%d dealt with of %d: %s", t.Invoices, r.Survey.total(), report.Counts(r.Survey.Invoices))
	row("stock received", "%d units in %d receipts; %d articles added", r.Stocked.Units, r.Stocked.Receipts, r.Stocked.ArticlesAdded)
	row("orders placed", "%d, by guests %d: %d lines, %d units", t.Orders, t.GuestOrders, t.Lines, t.Units)
	row("  by region", "%s", report.Counts(t.ByRegion))
	row("  now", "%s; pending: %d", report.Counts(r.Outcome.Orders), r.Outcome.Pending)
	row("customers", "%d registered", t.Registered)
	row("", "%d of %d buyers in another country than the file says (see --countries)", r.Survey.Moved,
		r.Survey.Customers+r.Survey.Guests)
	row("returns", "%s: %d orders cancelled, %d refunds, %d units back, %d units without an order",
		report.Counts(t.Returns), t.Cancelled, t.Refunds, t.UnitsBack, t.UnitsUnmatched)
	row("corrections", "%d stock rows", t.Corrections)
	for _, currency := range slices.Sorted(maps.Keys(r.Outcome.Ordered)) {
		sum := func(by map[string]int64) money.Amount { return money.New(by[currency], money.Currency(currency)) }
		row("", "%s ordered, %s captured, %s refunded", sum(r.Outcome.Ordered), sum(r.Outcome.Captured), sum(r.Outcome.Refunded))
	}
	row("lines passed over", "%s", report.Counts(r.Survey.Rejected))
	row("rejected", "%s", report.Counts(t.Rejected))
	row("this session", "%s: %.1f orders/s, %.0f requests/s (%d orders, %d requests, %d made again)", s.Took.Round(time.Millisecond),
		s.OrdersPerSecond, s.RequestsPerSecond, s.Orders, s.Requests, s.Again)
	if err := w.Flush(); err != nil {
		return err
	}
	calls := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(calls, "count\tp50 ms\tp95 ms\tp99 ms\tmax ms\t  call")
	for _, c := range s.Calls {
		refused := ""
		if len(c.Refused) > 0 {
			refused = " (" + report.Counts(c.Refused) + ")"
		}
		l := c.Latency
		fmt.Fprintf(calls, "%d\t%.1f\t%.1f\t%.1f\t%.1f\t  %s%s\n", c.Count, l.P50, l.P95, l.P99, l.Max, c.Name, refused)
	}
	return calls.Flush()
}
