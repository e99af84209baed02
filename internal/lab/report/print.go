package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// WriteJSON writes a report as one indented JSON object.
func WriteJSON(w io.Writer, report any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(report)
}

// Table prints rows in aligned columns.
type Table struct{ tabs *tabwriter.Writer }

// NewTable starts a table whose columns are aligned to the left.
func NewTable(w io.Writer) Table { return Table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)} }

// NewFigures starts a table whose columns are aligned to the right, under a header.
func NewFigures(w io.Writer, header ...any) Table {
	t := Table{tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)}
	t.Row(header...)
	return t
}

// Row adds a row.
func (t Table) Row(cells ...any) {
	for _, cell := range cells {
		fmt.Fprintf(t.tabs, "%v\t", cell)
	}
	fmt.Fprintln(t.tabs)
}

// Rowf adds a row whose cells are separated by tabs in the formatted text.
func (t Table) Rowf(format string, args ...any) { fmt.Fprintf(t.tabs, format+"\n", args...) }

// Flush writes the table out and returns the error of its writer.
func (t Table) Flush() error { return t.tabs.Flush() }

// Counts formats numbers by name, largest first: "paid 7, cancelled 2"; "none" if there are
// none.
func Counts[N int | int64 | float64](by map[string]N) string {
	names := slices.SortedFunc(maps.Keys(by), func(a, b string) int {
		return cmp.Or(cmp.Compare(by[b], by[a]), strings.Compare(a, b))
	})
	var parts []string
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%s %.0f", name, float64(by[name])))
	}
	return cmp.Or(strings.Join(parts, ", "), "none")
}

// Tally counts values by the key of each.
func Tally[T any](all []T, key func(T) string) map[string]int {
	counts := make(map[string]int)
	for _, one := range all {
		counts[key(one)]++
	}
	return counts
}

// Thousands formats a number with separators: 39,861.
func Thousands(n int64) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", Thousands(n/1000), n%1000)
}
