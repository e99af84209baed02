package bench

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"meridian/internal/lab/audit"
	"meridian/internal/lab/report"
)

// Write writes the report for people.
func Write(w io.Writer, r Report) {
	writeSetting(w, r)
	for _, s := range r.Scenarios {
		writeResult(w, s)
	}
	writeFloors(w, "What is expected at least", r.Floors)
	writeAudit(w, r.Audit)
}

func writeFloors(w io.Writer, title string, floors []Floor) {
	if len(floors) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", title)
	table := report.NewTable(w)
	for _, f := range floors {
		table.Row("  "+verdict(f.Met), f.About, f.Got, f.Want)
	}
	_ = table.Flush()
}

func writeAudit(w io.Writer, a audit.Audit) {
	fmt.Fprintf(w, "\nAudit: %d checks, %d rows broken, %d overdue\n", a.Checks, a.Broken, a.Overdue)
	for _, example := range a.Examples {
		fmt.Fprintln(w, "  -", example)
	}
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "MISSED"
}

func (m Machine) write(w io.Writer, rest string) {
	fmt.Fprintf(w, "%s, %s, %d CPUs (GOMAXPROCS %d), shared by load generator, shop and database%s\n", m.OS, m.Arch, m.CPUs,
		m.GOMAXPROCS, rest)
}

func (d Database) version() string {
	version, _, _ := strings.Cut(d.Version, " on ")
	return version
}

func writeSetting(w io.Writer, r Report) {
	s, d := r.Settings, r.Database
	fmt.Fprintf(w, "%d clients in %s, through %s; %.3g s each in %d rounds after %.3g s of warm-up; %d lines an order, %d products, %d SKUs\n",
		s.Clients, strings.Join(s.Regions, ", "), s.Through, s.Duration, s.Rounds, s.WarmUp, s.Lines, s.Products, s.SKUs)
	r.Machine.write(w, "")
	if d.Fsync == "" {
		fmt.Fprintf(w, "%s: every commit is on the disks of a quorum\n", d.version())
		return
	}
	durable := "durable"
	if !d.Durable {
		durable = "NOT DURABLE"
	}
	fmt.Fprintf(w, "%s, %s: fsync %s, synchronous_commit %s, full_page_writes %s, wal_level %s, %s; %d connections of the shop\n",
		d.version(), durable, d.Fsync, d.SynchronousCommit, d.FullPageWrites, d.WALLevel, d.Isolation, d.Connections)
}

func writeResult(w io.Writer, r Result) {
	fmt.Fprintf(w, "\n%s: %s\n", r.Scenario, r.About)
	fmt.Fprintf(w, "  %.0f %s/s (%d in %.1f s, %d requests), %s\n", r.Throughput, r.Unit, r.Operations, r.Seconds, r.Requests, outcome(r))
	table := report.NewFigures(w, "  ", "p50", "p95", "p99", "max", " ms")
	row := func(name string, l report.Latency) {
		table.Rowf("  %s\t%.1f\t%.1f\t%.1f\t%.1f\t", name, l.P50, l.P95, l.P99, l.Max)
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
	fmt.Fprintf(w, "  %.2f database round trips and %.3f retries an operation%s\n", r.TripsPerOperation, r.RetriesPerOperation,
		reasons(r.Retries))
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
	fmt.Fprintf(w, "  %d SKUs with prices in %d currencies, half of them converted; loaded in %.1f s\n", p.SKUs, len(p.Currencies),
		p.LoadSeconds)
	table := report.NewFigures(w, "  lines", "of SKUs", "clients", "quotes/s", "lines/s", "lines/s a core", "the limit's", "ratio",
		"trips", "p50 ms", "p99 ms")
	for _, q := range p.Quotes {
		table.Rowf("  %d\t%d\t%d\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f%%\t%.3f\t%.1f\t%.1f\t", q.Lines, q.SKUs, q.Clients, q.QuotesPerSecond,
			q.LinesPerSecond,
			q.LinesPerCore, q.LimitPerCore, q.Ratio*100, q.TripsPerQuote, q.Latency.P50, q.Latency.P99)
	}
	_ = table.Flush()
	for _, q := range p.Quotes {
		fmt.Fprintf(w, "  CPU a quote of %d lines of %d SKUs: %s\n", q.Lines, q.SKUs, q.CPU.each(q.Quotes))
	}
	fmt.Fprintf(w, "  %.2f database round trips a quote not in memory; a line costs %.2f times what it does among %d SKUs\n",
		p.TripsUncached, p.CostRatio, fewSKUs)
}

func outcome(r Result) string {
	text := "no errors"
	if len(r.Errors) > 0 {
		text = "ERRORS: " + report.Counts(r.Errors)
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
	return " (" + report.Counts(by) + ")"
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
		fmt.Fprintf(w, "       %d statements, %d rows; best on %d connections (%s); %d conflicts\n", l.Statements, l.Rows,
			l.Connections, strings.Join(swept, ", "), l.Conflicts)
	}
	if l.Operations == 0 {
		return // worked out from others
	}
	fmt.Fprintf(w, "       p50 %.1f, p99 %.1f ms; CPU an operation: %s\n", l.Latency.P50, l.Latency.P99, l.CPU.each(l.Operations))
}

// each formats the processor time of one of n operations.
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
