package predict

import (
	"bytes"
	_ "embed" // the table below
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

//go:embed data/costs.csv
var costsCSV string

// A Cost is what one call takes of the database. See the package's comment on how the figures were found.
type Cost struct {
	// Trips are the round trips from the pod to its gateway.
	Trips int
	// Statements go from the gateway to their rows, one after the other.
	Local      int // to copies in the pod's region: of GLOBAL tables, and of rows that may be old
	Home       int // to the region that the rows are at home in
	Everywhere int // to all regions at the same time, such as those that read stock
	Primary    int // to the primary region, which has the leases of GLOBAL tables
	// Commits are transactions that write rows with a home; GlobalCommits are those that write GLOBAL tables.
	Commits       int
	GlobalCommits int
}

// Statements returns how many statements there are.
func (c Cost) Statements() int { return c.Local + c.Home + c.Everywhere + c.Primary }

// An Operation is one operation of the OpenAPI document.
type Operation struct {
	// ID is its operationId, Group its tag.
	ID, Group string
	// Method and Path are as in the document.
	Method, Path string
	// Most is its x-round-trips, -1 where the document has none.
	Most int
	Cost Cost

	bearer bool
}

// homeID matches the variables of paths whose ids name the home of a row.
var homeID = regexp.MustCompile(`\{(cart|order|payment|refund|account|address|import)_id\}`)

// FollowsHome reports whether the edge sends the call to the home region: it changes something, and names its home by the id in
// its path or by an access token (geo.Edge).
func (o Operation) FollowsHome() bool {
	return o.Method != "GET" && (o.bearer || homeID.MatchString(o.Path))
}

// Homed reports whether it makes a difference where the rows are at home.
func (o Operation) Homed() bool {
	return o.Cost.Home+o.Cost.Commits > 0 || o.Cost.Everywhere > 0 && o.FollowsHome()
}

// document is what is read of the OpenAPI document.
type document struct {
	Paths map[string]map[string]struct {
		ID         string           `json:"operationId"`
		Tags       []string         `json:"tags"`
		RoundTrips *int             `json:"x-round-trips"`
		Security   []map[string]any `json:"security"`
	} `json:"paths"`
}

// Operations returns every operation of the OpenAPI document, given as JSON, with what it costs, by group and name. It fails if
// the cost of one is not known, or there is a cost of an operation that the document does not have.
func Operations(openapi []byte) ([]Operation, error) {
	costs, err := readCosts(costsCSV)
	if err != nil {
		return nil, err
	}
	var doc document
	if err := json.NewDecoder(bytes.NewReader(openapi)).Decode(&doc); err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	var all []Operation
	var faults []error
	for path, methods := range doc.Paths {
		for method, described := range methods {
			o := Operation{ID: described.ID, Group: strings.Join(described.Tags, ", "), Method: strings.ToUpper(method), Path: path, Most: -1}
			if described.RoundTrips != nil {
				o.Most = *described.RoundTrips
			}
			o.bearer = slices.ContainsFunc(described.Security, func(s map[string]any) bool { return s["bearer"] != nil })
			var known bool
			if o.Cost, known = costs[o.ID]; !known {
				faults = append(faults, fmt.Errorf("the cost of %s is not known: add it to costs.csv", o.ID))
			}
			delete(costs, o.ID)
			all = append(all, o)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(costs)) {
		faults = append(faults, fmt.Errorf("costs.csv has %s, which is no operation: remove it", id))
	}
	slices.SortFunc(all, func(a, b Operation) int {
		return strings.Compare(a.Group+"\x00"+a.ID, b.Group+"\x00"+b.ID)
	})
	return all, errors.Join(faults...)
}

// costColumns are the columns of costs.csv.
var costColumns = []string{"operation", "trips", "local", "home", "everywhere", "primary", "commits", "global_commits"}

// readCosts decodes costs.csv, by operation.
func readCosts(text string) (map[string]Cost, error) {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("costs.csv: %w", err)
	}
	if len(rows) == 0 || !slices.Equal(rows[0], costColumns) {
		return nil, fmt.Errorf("costs.csv: its columns must be %s", strings.Join(costColumns, ", "))
	}
	costs := make(map[string]Cost, len(rows))
	for _, row := range rows[1:] {
		var c Cost
		for i, into := range []*int{&c.Trips, &c.Local, &c.Home, &c.Everywhere, &c.Primary, &c.Commits, &c.GlobalCommits} {
			if *into, err = strconv.Atoi(row[i+1]); err != nil || *into < 0 {
				return nil, fmt.Errorf("costs.csv: %s of %s: %q is no count", costColumns[i+1], row[0], row[i+1])
			}
		}
		if _, twice := costs[row[0]]; twice {
			return nil, fmt.Errorf("costs.csv: %s is there twice", row[0])
		}
		costs[row[0]] = c
	}
	return costs, nil
}
