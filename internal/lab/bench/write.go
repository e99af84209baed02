package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// WriteJSON writes the report as one JSON object.
func WriteJSON(w io.Writer, r Report) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// Write writes the report for people.
func Write(w io.Writer, r Report) {
	writeSetting(w, r)
	for _, s := range r.Scenarios {
		writeResult(w, s)
	}
	if len(r.Floors) > 0 {
		fmt.Fprintln(w, "\nWhat is expected at least")
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, f := range r.Floors {
			fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", verdict(f.Met), f.About, f.Got, f.Want)
		}
		_ = table.Flush()
	}
	fmt.Fprintf(w, "\nAudit: %d checks, %d rows broken, %d overdue\n", r.Audit.Checks, r.Audit.Broken, r.Audit.Overdue)
	for _, example := range r.Audit.Examples {
		fmt.Fprintln(w, "  -", example)
	}
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "MISSED"
}

func writeSetting(w io.Writer, r Report) {
	s, d := r.Settings, r.Database
	fmt.Fprintf(w, "%d clients in %s, through %s; %.3g s each in %d rounds after %.3g s of warm-up; %d lines an order, %d products, %d SKUs\n",
		s.Clients, strings.Join(s.Regions, ", "), s.Through, s.Duration, s.Rounds, s.WarmUp, s.Lines, s.Products, s.SKUs)
	fmt.Fprintf(w, "%s, %s, %d CPUs (GOMAXPROCS %d), shared by load generator, shop and database\n", r.Machine.OS, r.Machine.Arch, r.Machine.CPUs, r.Machine.GOMAXPROCS)
	version, _, _ := strings.Cut(d.Version, " on ")
	if d.Fsync == "" {
		fmt.Fprintf(w, "%s: every commit is on the disks of a quorum\n", version)
		return
	}
	durable := "durable"
	if !d.Durable {
		durable = "NOT DURABLE"
	}
	fmt.Fprintf(w, "%s, %s: fsync %s, synchronous_commit %s, full_page_writes %s, wal_level %s, %s; %d connections of the shop\n",
		version, durable, d.Fsync, d.SynchronousCommit, d.FullPageWrites, d.WALLevel, d.Isolation, d.Connections)
}

func writeResult(w io.Writer, r Result) {
	fmt.Fprintf(w, "\n%s: %s\n", r.Scenario, r.About)
	fmt.Fprintf(w, "  %.0f %s/s (%d in %.1f s, %d requests), %s\n", r.Throughput, r.Unit, r.Operations, r.Seconds, r.Requests, outcome(r))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "  \tp50\tp95\tp99\tmax\t ms")
	row := func(name string, l Latency) {
		fmt.Fprintf(table, "  %s\t%.1f\t%.1f\t%.1f\t%.1f\t\n", name, l.P50, l.P95, l.P99, l.Max)
	}
	row("whole operation", r.Latency)
	if len(r.Calls) > 1 {
		for _, name := range slices.Sorted(maps.Keys(r.Calls)) {
			row(name, r.Calls[name])
		}
	}
	if r.UntilPaid != nil {
		row("until paid", *r.UntilPaid)
	}
	_ = table.Flush()
	fmt.Fprintf(w, "  %.2f database round trips and %.3f retries an operation%s\n", r.TripsPerOperation, r.RetriesPerOperation, reasons(r.Retries))
	fmt.Fprintf(w, "  CPU an operation: %s\n", r.CPU.each(r.Operations))
	if r.LeftForWorkers > 0 {
		fmt.Fprintf(w, "  %d events and webhooks were left for the workers at the end of the measured time\n", r.LeftForWorkers)
	}
	for _, l := range r.Limits {
		writeLimit(w, r.Unit, l)
	}
	if r.Prices != nil {
		writePrices(w, *r.Prices)
	}
}

func writePrices(w io.Writer, p PriceFigures) {
	fmt.Fprintf(w, "  %d SKUs with prices in %d currencies, half of them converted; loaded in %.1f s\n", p.SKUs, len(p.Currencies), p.LoadSeconds)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "  lines\tof SKUs\tclients\tquotes/s\tlines/s\tlines/s a core\tthe limit's\tratio\ttrips\tp50 ms\tp99 ms\t")
	for _, q := range p.Quotes {
		fmt.Fprintf(table, "  %d\t%d\t%d\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f%%\t%.3f\t%.1f\t%.1f\t\n", q.Lines, q.SKUs, q.Clients, q.QuotesPerSecond, q.LinesPerSecond,
			q.LinesPerCore, q.LimitPerCore, q.Ratio*100, q.TripsPerQuote, q.Latency.P50, q.Latency.P99)
	}
	_ = table.Flush()
	for _, q := range p.Quotes {
		fmt.Fprintf(w, "  CPU a quote of %d lines of %d SKUs: %s\n", q.Lines, q.SKUs, q.CPU.each(q.Quotes))
	}
	fmt.Fprintf(w, "  %.2f database round trips a quote not in memory; a line costs %.2f times what it does among %d SKUs\n", p.TripsUncached, p.CostRatio, fewSKUs)
}

func outcome(r Result) string {
	text := "no errors"
	if len(r.Errors) > 0 {
		text = "ERRORS: " + counts(r.Errors)
	}
	if r.SoldOut > 0 {
		text += fmt.Sprintf(", sold out %d", r.SoldOut)
	}
	return text
}

func reasons(by map[string]float64) string {
	if len(by) == 0 {
		return ""
	}
	parts := make([]string, 0, len(by))
	for _, reason := range slices.Sorted(maps.Keys(by)) {
		parts = append(parts, fmt.Sprintf("%s %.0f", reason, by[reason]))
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func writeLimit(w io.Writer, unit string, l Limit) {
	if l.Ratio > 0 {
		fmt.Fprintf(w, "  %3.0f%% of the limit, %.0f %s/s: %s\n", l.Ratio*100, l.Throughput, unit, l.About)
	} else {
		fmt.Fprintf(w, "  a part of it, %.0f/s: %s\n", l.Throughput, l.About)
	}
	if l.Connections > 0 {
		swept := make([]string, len(l.Sweep))
		for i, s := range l.Sweep {
			swept[i] = fmt.Sprintf("%d: %.0f", s.Connections, s.PerSecond)
		}
		fmt.Fprintf(w, "       %d statements, %d rows; best on %d connections (%s); %d conflicts\n", l.Statements, l.Rows, l.Connections, strings.Join(swept, ", "), l.Conflicts)
	}
	if l.Operations == 0 {
		return // worked out from others
	}
	fmt.Fprintf(w, "       p50 %.1f, p99 %.1f ms; CPU an operation: %s\n", l.Latency.P50, l.Latency.P99, l.CPU.each(l.Operations))
}

// each is what one of n operations used, in microseconds.
func (c CPU) each(n int) string {
	if n == 0 {
		return "nothing was done"
	}
	part := func(name string, seconds *float64) string {
		if seconds == nil {
			return name + " not known"
		}
		return fmt.Sprintf("%s %.0f µs", name, *seconds/float64(n)*1e6)
	}
	parts := []string{part("generator", &c.Generator)}
	if c.Bare != nil {
		return strings.Join(append(parts, part("bare handler", c.Bare)), ", ")
	}
	return strings.Join(append(parts, part("shop", c.Shop), part("database", c.Database)), ", ")
}
