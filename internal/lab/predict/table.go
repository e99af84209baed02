package predict

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"meridian/internal/lab/report"
)

// A Step is a part of what people do in the shop, and the operation that stands for it.
type Step struct{ Title, Operation string }

// Journey is what is printed where no operation is named.
var Journey = []Step{
	{"browse", "listProducts"},
	{"product", "getProduct"},
	{"search", "searchProducts"},
	{"price", "getPrice"},
	{"new cart", "createCart"},
	{"cart add", "addCartLine"},
	{"cart read", "getCart"},
	{"checkout", "placeOrder"},
	{"order read", "getOrder"},
	{"sign-in", "signIn"},
	{"register", "registerAccount"},
	{"review", "putRating"},
	{"seller edits", "replaceProduct"},
	{"stock received", "receiveStock"},
}

// A Row is a line of the table: an operation as it is from a place, in milliseconds.
type Row struct {
	From       string `json:"from"`
	Step       string `json:"step,omitempty"`
	Operation  string `json:"operation"`
	Group      string `json:"group"`
	Method     string `json:"method"`
	Path       string `json:"path"`
	RoundTrips int    `json:"round_trips"`
	Statements int    `json:"statements"`
	// FollowsHome says that the edge sends the call to the rows' home.
	FollowsHome bool `json:"follows_home"`
	// SingleRegion is with all of the shop in the primary region. Near and Far are by survival goal; the rows of Far are at
	// home in FarHome.
	SingleRegion float64              `json:"single_region_ms"`
	Near         map[Survival]float64 `json:"near_ms"`
	Far          map[Survival]float64 `json:"far_ms"`
	FarHome      string               `json:"far_home"`
}

// Rows returns the lines for operations from places, place by place.
func (m Model) Rows(operations []Operation, places []Shopper) []Row {
	var rows []Row
	for _, place := range places {
		for _, o := range operations {
			p := m.Predict(o, place)
			row := Row{
				From: place.Name, Operation: o.ID, Group: o.Group, Method: o.Method, Path: o.Path, RoundTrips: o.Cost.Trips,
				Statements: o.Cost.Statements(), FollowsHome: o.FollowsHome(), SingleRegion: report.Milliseconds(p.Single),
				Near: milliseconds(p.Near), Far: milliseconds(p.Far), FarHome: p.FarHome,
			}
			if i := slices.IndexFunc(Journey, func(s Step) bool { return s.Operation == o.ID }); i >= 0 {
				row.Step = Journey[i].Title
			}
			rows = append(rows, row)
		}
	}
	return rows
}

func milliseconds(by map[Survival]time.Duration) map[Survival]float64 {
	out := make(map[Survival]float64, len(by))
	for survival, d := range by {
		out[survival] = report.Milliseconds(d)
	}
	return out
}

// Print writes a table a place, with a line an operation and columns for the survival goals.
func (m Model) Print(w io.Writer, rows []Row, survivals []Survival) error {
	for i, row := range rows {
		if i > 0 && rows[i-1].From == row.From {
			continue
		}
		place := rows[i:]
		if end := slices.IndexFunc(place, func(r Row) bool { return r.From != row.From }); end >= 0 {
			place = place[:end]
		}
		fmt.Fprintf(w, "From %s, in ms. One region: %s. Far-homed: in %s.\n", row.From, m.World.Primary(), row.FarHome)
		if err := printPlace(w, place, survivals); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	return nil
}

func printPlace(w io.Writer, rows []Row, survivals []Survival) error {
	header := []string{"", "operation", "one region"}
	for _, home := range []string{"near", "far"} {
		for _, survival := range survivals {
			header = append(header, home+", "+string(survival))
		}
	}
	table := report.NewTable(w)
	table.Rowf("%s", strings.Join(header, "\t"))
	for _, row := range rows {
		cells := []string{cmp.Or(row.Step, row.Group), row.Operation, whole(row.SingleRegion)}
		for _, by := range []map[Survival]float64{row.Near, row.Far} {
			for _, survival := range survivals {
				cells = append(cells, whole(by[survival]))
			}
		}
		table.Rowf("%s", strings.Join(cells, "\t"))
	}
	return table.Flush()
}

// whole writes a number of milliseconds, aligned to the right.
func whole(ms float64) string { return fmt.Sprintf("%10.0f", ms) }

// PrintMeasured writes what was measured as a table.
func PrintMeasured(w io.Writer, found []Measurement) error {
	table := report.NewFigures(w, "region", "operation", "round trips", "answered", "predicted ms", "measured ms", "CPU ms", "ratio", "")
	for _, m := range found {
		verdict := ""
		if m.Off {
			verdict = "OFF"
		}
		table.Row(m.Region, m.Operation, m.RoundTrips, m.Answered, fmt.Sprintf("%.0f", m.Predicted), fmt.Sprintf("%.1f", m.Measured),
			fmt.Sprintf("%.1f", m.CPU), fmt.Sprintf("%.2f", m.Ratio), verdict)
	}
	return table.Flush()
}
