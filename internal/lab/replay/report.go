package replay

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"meridian/internal/money"
)

// Report is what came of a replay.
type Report struct {
	File    string  `json:"file"`
	Survey  Survey  `json:"survey"`
	Stocked Stocked `json:"stocked"`
	// Tally is of the whole run, Session of this run of the command.
	Tally   Tally   `json:"tally"`
	Session Session `json:"session"`
	Outcome Outcome `json:"outcome"`
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
	row("invoices", "%d dealt with of %d: %s", t.Invoices, r.Survey.total(), counts(r.Survey.Invoices))
	row("stock received", "%d units in %d receipts; %d articles added", r.Stocked.Units, r.Stocked.Receipts, r.Stocked.ArticlesAdded)
	row("orders placed", "%d, by guests %d: %d lines, %d units", t.Orders, t.GuestOrders, t.Lines, t.Units)
	row("  by region", "%s", counts(t.ByRegion))
	row("  now", "%s; pending: %d", counts(r.Outcome.Orders), r.Outcome.Pending)
	row("customers", "%d registered", t.Registered)
	row("returns", "%s: %d orders cancelled, %d refunds, %d units back, %d units without an order",
		counts(t.Returns), t.Cancelled, t.Refunds, t.UnitsBack, t.UnitsUnmatched)
	row("corrections", "%d stock rows", t.Corrections)
	for _, currency := range slices.Sorted(maps.Keys(r.Outcome.Ordered)) {
		sum := func(by map[string]int64) money.Amount { return money.New(by[currency], money.Currency(currency)) }
		row("", "%s ordered, %s captured, %s refunded", sum(r.Outcome.Ordered), sum(r.Outcome.Captured), sum(r.Outcome.Refunded))
	}
	row("lines passed over", "%s", counts(r.Survey.Rejected))
	row("rejected", "%s", counts(t.Rejected))
	row("this session", "%s: %.1f orders/s, %.0f requests/s (%d orders, %d requests, %d made again)", s.Took.Round(time.Millisecond),
		s.OrdersPerSecond, s.RequestsPerSecond, s.Orders, s.Requests, s.Again)
	if err := w.Flush(); err != nil {
		return err
	}
	return writeCalls(out, s.Calls)
}

func writeCalls(out io.Writer, calls []Call) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "count\tp50 ms\tp95 ms\tp99 ms\tmax ms\t  call")
	for _, c := range calls {
		refused := ""
		if len(c.Refused) > 0 {
			refused = " (" + counts(c.Refused) + ")"
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t  %s%s\n", c.Count, millis(c.P50), millis(c.P95), millis(c.P99), millis(c.Max), c.Name, refused)
	}
	return w.Flush()
}

func millis(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond)) }

// counts writes numbers by name, the largest first; "none" where there are none.
func counts(by map[string]int64) string {
	names := slices.SortedFunc(maps.Keys(by), func(a, b string) int {
		if by[a] != by[b] {
			return int(max(-1, min(1, by[b]-by[a])))
		}
		return strings.Compare(a, b)
	})
	var parts []string
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%s %d", name, by[name]))
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}
