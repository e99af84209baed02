package bench

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"meridian/internal/lab/audit"
	"meridian/internal/lab/report"
)

// SearchReport holds what was measured of the search. Its JSON fields are stable.
type SearchReport struct {
	StartedAt time.Time `json:"started_at"`
	Version   string    `json:"version"`
	Machine   Machine   `json:"machine"`
	Database  Database  `json:"database"`
	Region    string    `json:"region"`
	Clients   int       `json:"clients"`
	Products  int       `json:"products"`
	// Seconds is how long each kind was measured, in Rounds turns.
	Seconds float64     `json:"duration_seconds"`
	Rounds  int         `json:"rounds"`
	Fill    FillFigures `json:"fill"`
	// LimitFillSeconds is how long it took to fill the indexes of the limits.
	LimitFillSeconds float64             `json:"limit_fill_seconds"`
	Kinds            []SearchKindFigures `json:"kinds"`
	Edits            *EditFigures        `json:"edits,omitzero"`
	Import           *ImportFigures      `json:"import,omitzero"`
	Floors           []Floor             `json:"floors"`
	Audit            audit.Audit         `json:"audit"`
}

// SearchKindFigures holds the figures of one kind of searches.
type SearchKindFigures struct {
	Kind       string         `json:"kind"`
	About      string         `json:"about"`
	Searches   int            `json:"searches"`
	Seconds    float64        `json:"seconds"`
	Throughput float64        `json:"per_second"`
	Latency    report.Latency `json:"latency"`
	Errors     map[string]int `json:"errors"`
	CPU        CPU            `json:"cpu"`
	// Limits are the same searches without the shop.
	Limits []SearchLimitFigures `json:"limits"`
}

// SearchLimitFigures holds the figures of the same searches without the shop.
type SearchLimitFigures struct {
	Name       string         `json:"name"`
	About      string         `json:"about"`
	Searches   int            `json:"searches"`
	Throughput float64        `json:"per_second"`
	Latency    report.Latency `json:"latency"`
	// Ratio is the shop's throughput over this one. Where other programs keep the machine busy it flatters the shop, whose
	// processes are more.
	Ratio float64 `json:"ratio"`
	// CPU is that of all searches; CPURatio is one's, over that of the shop's with database and load generator. It does not
	// depend on what else the machine does; 0 where it is not known.
	CPU      CPU     `json:"cpu"`
	CPURatio float64 `json:"cpu_ratio"`
}

// seconds returns the processor time of all parts that are known.
func (c CPU) seconds() float64 {
	sum := c.Generator
	for _, part := range []*float64{c.Shop, c.Database} {
		if part != nil {
			sum += *part
		}
	}
	return sum
}

func (k *kindRun) figures(limits []searchLimit) SearchKindFigures {
	f := SearchKindFigures{
		Kind: k.name, About: k.about, Searches: k.shop.done, Seconds: k.shop.elapsed.Seconds(), Throughput: k.shop.perSecond(),
		Latency: k.shop.tally.took.Latency(), Errors: k.shop.tally.errors, CPU: k.shop.cpu,
	}
	for i, l := range limits {
		bare := SearchLimitFigures{
			Name: l.name, About: l.about, Searches: k.bare[i].done, Throughput: k.bare[i].perSecond(),
			Latency: k.bare[i].tally.took.Latency(), CPU: k.bare[i].cpu,
		}
		if bare.Throughput > 0 {
			bare.Ratio = f.Throughput / bare.Throughput
		}
		if whole := f.CPU.seconds(); whole > 0 && f.CPU.Shop != nil && bare.Searches > 0 {
			bare.CPURatio = (bare.CPU.Generator / float64(bare.Searches)) / (whole / float64(f.Searches))
		}
		f.Limits = append(f.Limits, bare)
	}
	return f
}

// What the search is expected to reach at least.
const (
	searchFloor    = 0.60 // of the library's throughput
	searchCeiling  = 100  // ms, at the 99th percentile, among smallShop products at most
	smallShop      = 10_000
	ownCeiling     = 2000 // ms until an edit is found in its own region, at the 99th percentile
	everyCeiling   = 5000 // and in every region
	importingNames = "searches that failed during the import"
)

// floors compares what was measured with what is expected.
func (r SearchReport) floors() []Floor {
	all := []Floor{}
	atMost := func(about string, got, most float64) {
		all = append(all, Floor{About: about, Want: fmt.Sprintf("below %.0f ms", most), Got: fmt.Sprintf("%.1f ms", got), Met: got < most})
	}
	for _, k := range r.Kinds {
		for _, l := range k.Limits {
			if l.Name == limitLibrary { // our own engine has no floor: it is there to tell what HTTP costs
				all = append(all, ratioFloor(fmt.Sprintf("%s among %d products, of the throughput of the %s", k.Kind, r.Products, l.Name),
					l.Ratio, searchFloor))
			}
		}
		if r.Products <= smallShop {
			atMost(fmt.Sprintf("%s among %d products, p99 of %d clients", k.Kind, r.Products, r.Clients), k.Latency.P99, searchCeiling)
		}
	}
	if e := r.Edits; e != nil {
		atMost("an edit is found in its own region, p99", e.Own.P99, ownCeiling)
		atMost("an edit is found in every region, p99", e.Every.P99, everyCeiling)
	}
	if i := r.Import; i != nil {
		all = append(all, Floor{About: importingNames, Want: "none", Got: fmt.Sprint(sum(i.Errors)), Met: sum(i.Errors) == 0})
	}
	return all
}

// Err returns what is wrong with what was measured: searches that failed, edits that were not found, findings of the
// audit. A floor that is missed is no error; see Missed.
func (r SearchReport) Err() error {
	var faults []error
	for _, k := range r.Kinds {
		if len(k.Errors) > 0 {
			faults = append(faults, fmt.Errorf("%s: searches failed: %s", k.Kind, report.Counts(k.Errors)))
		}
	}
	if r.Edits != nil && r.Edits.Unseen > 0 {
		faults = append(faults, fmt.Errorf("%d of %d edits were not found in every region", r.Edits.Unseen, r.Edits.Edits))
	}
	if r.Import != nil && len(r.Import.Errors) > 0 {
		faults = append(faults, fmt.Errorf("%s: %s", importingNames, report.Counts(r.Import.Errors)))
	}
	if !r.Audit.Clean {
		faults = append(faults, fmt.Errorf("the audit found %d broken rows: %s", r.Audit.Broken, strings.Join(r.Audit.Examples, "; ")))
	}
	return errors.Join(faults...)
}

// Missed returns an error that wraps ErrMissed and names the floors that are not met; nil if all are.
func (r SearchReport) Missed() error { return missed(r.Floors) }

// WriteSearch writes a report for people.
func WriteSearch(w io.Writer, r SearchReport) {
	fmt.Fprintf(w, "\n%d products; %d clients in %s; %.3g s each in %d rounds\n", r.Products, r.Clients, r.Region, r.Seconds, r.Rounds)
	r.Machine.write(w, "; "+r.Database.version())
	writeFill(w, r.Fill)
	writeKinds(w, r.Kinds)
	if e := r.Edits; e != nil {
		fmt.Fprintf(w, "\n%d edits, %d a second: found in the own region after p50 %.0f, p99 %.0f ms, "+
			"in every region after p50 %.0f, p99 %.0f ms; %d not found\n",
			e.Edits, e.PerSecond, e.Own.P50, e.Own.P99, e.Every.P50, e.Every.P99, e.Unseen)
		fmt.Fprintf(w, "  counted from the answer to the seller, looked for every %.0f ms\n", e.PollSeconds*1000)
	}
	if i := r.Import; i != nil {
		fmt.Fprintf(w, "\n%d products imported while %d shoppers search, each %.0f ms after the answer before\n", i.Products,
			r.Clients, i.ThinkSeconds*1000)
		writeFill(w, i.FillFigures)
		fmt.Fprintf(w, "  searches before: p50 %.1f, p99 %.1f ms (%d); during: p50 %.1f, p99 %.1f ms (%d), %d failed; p99 × %.1f\n",
			i.Before.P50, i.Before.P99, i.Before.Count, i.During.P50, i.During.P99, i.During.Count, sum(i.Errors), i.P99Ratio)
	}
	writeFloors(w, "What is expected", r.Floors)
	writeAudit(w, r.Audit)
}

func writeFill(w io.Writer, f FillFigures) {
	parts := make([]string, 0, len(f.SearchableSeconds))
	for _, region := range slices.Sorted(maps.Keys(f.SearchableSeconds)) {
		parts = append(parts, fmt.Sprintf("%s %.1f s", region, f.SearchableSeconds[region]))
	}
	fmt.Fprintf(w, "  %d products imported in %.1f s (%.0f/s); all searchable after %.1f s: %s\n", f.Products, f.ImportSeconds,
		float64(f.Products)/f.ImportSeconds, f.lastSearchable(), strings.Join(parts, ", "))
}

func writeKinds(w io.Writer, kinds []SearchKindFigures) {
	table := report.NewFigures(w, "\n  ", "searches/s", "p50 ms", "p99 ms", "of the engine's", "of the library's", "failed")
	for _, k := range kinds {
		row := fmt.Sprintf("  %s\t%.0f\t%.1f\t%.1f\t", k.Kind, k.Throughput, k.Latency.P50, k.Latency.P99)
		for _, l := range k.Limits {
			row += fmt.Sprintf("%.0f%% of %.0f\t", l.Ratio*100, l.Throughput)
		}
		table.Rowf("%s%d\t", row, sum(k.Errors))
	}
	_ = table.Flush()
	for _, k := range kinds {
		fmt.Fprintf(w, "  %s: %s; CPU a search: %s\n", k.Kind, k.About, k.CPU.each(k.Searches))
		for _, l := range k.Limits {
			fmt.Fprintf(w, "      %s: p50 %.1f, p99 %.1f ms; CPU a search %.0f µs, %.0f%% of the shop's\n", l.Name, l.Latency.P50, l.Latency.P99,
				l.CPU.Generator/float64(max(1, l.Searches))*1e6, l.CPURatio*100)
		}
	}
	if len(kinds) > 0 {
		for _, l := range kinds[0].Limits {
			fmt.Fprintf(w, "  %s: %s\n", l.Name, l.About)
		}
	}
}
