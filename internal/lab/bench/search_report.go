package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// SearchReport is what was measured of the search. As JSON its fields are not renamed.
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
	Audit            Audit               `json:"audit"`
}

// SearchKindFigures are one kind of searches.
type SearchKindFigures struct {
	Kind       string         `json:"kind"`
	About      string         `json:"about"`
	Searches   int            `json:"searches"`
	Seconds    float64        `json:"seconds"`
	Throughput float64        `json:"per_second"`
	Latency    Latency        `json:"latency"`
	Errors     map[string]int `json:"errors"`
	CPU        CPU            `json:"cpu"`
	// Limits are the same searches without the shop.
	Limits []SearchLimitFigures `json:"limits"`
}

// SearchLimitFigures are the same searches without the shop.
type SearchLimitFigures struct {
	Name       string  `json:"name"`
	About      string  `json:"about"`
	Searches   int     `json:"searches"`
	Throughput float64 `json:"per_second"`
	Latency    Latency `json:"latency"`
	// Ratio is the shop's throughput over this one. Where other programs keep the machine busy it flatters the shop, whose
	// processes are more.
	Ratio float64 `json:"ratio"`
	// CPU is that of all searches; CPURatio is one's, over that of the shop's with database and load generator. It does not
	// depend on what else the machine does; 0 where it is not known.
	CPU      CPU     `json:"cpu"`
	CPURatio float64 `json:"cpu_ratio"`
}

// seconds is the processor time of all parts that are known.
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
		Latency: newLatency(k.shop.tally.took), Errors: k.shop.tally.errors, CPU: k.shop.cpu,
	}
	for i, l := range limits {
		bare := SearchLimitFigures{
			Name: l.name, About: l.about, Searches: k.bare[i].done, Throughput: k.bare[i].perSecond(), Latency: newLatency(k.bare[i].tally.took), CPU: k.bare[i].cpu,
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
				all = append(all, ratioFloor(fmt.Sprintf("%s among %d products, of the throughput of the %s", k.Kind, r.Products, l.Name), l.Ratio, searchFloor))
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

// Err says what is wrong with what was measured: searches that failed, edits that were not found, an audit that found
// something. A floor that is not met is none.
func (r SearchReport) Err() error {
	var faults []error
	for _, k := range r.Kinds {
		if len(k.Errors) > 0 {
			faults = append(faults, fmt.Errorf("%s: searches failed: %s", k.Kind, counts(k.Errors)))
		}
	}
	if r.Edits != nil && r.Edits.Unseen > 0 {
		faults = append(faults, fmt.Errorf("%d of %d edits were not found in every region", r.Edits.Unseen, r.Edits.Edits))
	}
	if r.Import != nil && len(r.Import.Errors) > 0 {
		faults = append(faults, fmt.Errorf("%s: %s", importingNames, counts(r.Import.Errors)))
	}
	if !r.Audit.Clean {
		faults = append(faults, fmt.Errorf("the audit found %d broken rows: %s", r.Audit.Broken, strings.Join(r.Audit.Examples, "; ")))
	}
	return errors.Join(faults...)
}

// WriteSearchJSON writes reports as one JSON array.
func WriteSearchJSON(w io.Writer, reports []SearchReport) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(reports)
}

// WriteSearch writes a report for people.
func WriteSearch(w io.Writer, r SearchReport) {
	version, _, _ := strings.Cut(r.Database.Version, " on ")
	fmt.Fprintf(w, "\n%d products; %d clients in %s; %.3g s each in %d rounds\n", r.Products, r.Clients, r.Region, r.Seconds, r.Rounds)
	fmt.Fprintf(w, "%s, %s, %d CPUs (GOMAXPROCS %d), shared by load generator, shop and database; %s\n", r.Machine.OS, r.Machine.Arch, r.Machine.CPUs, r.Machine.GOMAXPROCS, version)
	writeFill(w, r.Fill)
	writeKinds(w, r.Kinds)
	if e := r.Edits; e != nil {
		fmt.Fprintf(w, "\n%d edits, %d a second: found in the own region after p50 %.0f, p99 %.0f ms, in every region after p50 %.0f, p99 %.0f ms; %d not found\n",
			e.Edits, e.PerSecond, e.Own.P50, e.Own.P99, e.Every.P50, e.Every.P99, e.Unseen)
		fmt.Fprintf(w, "  counted from the answer to the seller, looked for every %.0f ms\n", e.PollSeconds*1000)
	}
	if i := r.Import; i != nil {
		fmt.Fprintf(w, "\n%d products imported while %d shoppers search, each %.0f ms after the answer before\n", i.Products, r.Clients, i.ThinkSeconds*1000)
		writeFill(w, i.FillFigures)
		fmt.Fprintf(w, "  searches before: p50 %.1f, p99 %.1f ms (%d); during: p50 %.1f, p99 %.1f ms (%d), %d failed; p99 × %.1f\n",
			i.Before.P50, i.Before.P99, i.Before.Count, i.During.P50, i.During.P99, i.During.Count, sum(i.Errors), i.P99Ratio)
	}
	fmt.Fprintln(w, "\nWhat is expected")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range r.Floors {
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", verdict(f.Met), f.About, f.Got, f.Want)
	}
	_ = table.Flush()
	fmt.Fprintf(w, "\nAudit: %d checks, %d rows broken, %d overdue\n", r.Audit.Checks, r.Audit.Broken, r.Audit.Overdue)
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
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\n  \tsearches/s\tp50 ms\tp99 ms\tof the engine's\tof the library's\tfailed\t")
	for _, k := range kinds {
		fmt.Fprintf(table, "  %s\t%.0f\t%.1f\t%.1f\t", k.Kind, k.Throughput, k.Latency.P50, k.Latency.P99)
		for _, l := range k.Limits {
			fmt.Fprintf(table, "%.0f%% of %.0f\t", l.Ratio*100, l.Throughput)
		}
		fmt.Fprintf(table, "%d\t\n", sum(k.Errors))
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
