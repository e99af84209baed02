package bench

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/lab/report"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

// openSearchShop opens a whole shop in this process and returns the configuration that measures its search, shortly.
func openSearchShop(t *testing.T) SearchConfig {
	t.Helper()
	set := shippedRegions(t)
	a := openEmptyShop(t, set, databasetest.URL(t))
	return SearchConfig{
		Regions: set, RegionURLs: a.RegionURLs, DatabaseURL: a.DatabaseURL, ShopPID: os.Getpid(), OperatorEmail: a.OperatorEmail, OperatorPassword: a.OperatorPassword,
		DataDir: searchData(t, 100), Products: 150, Import: 60, Clients: 4, Duration: 200 * time.Millisecond, WarmUp: 60 * time.Millisecond, Rounds: 2,
		Edits: 20, EditFor: time.Second, Dir: t.TempDir(), Version: "test", Tell: t.Logf,
	}
}

func TestSearchRun(t *testing.T) {
	config := openSearchShop(t)
	report := testkit.Must(SearchRun(t.Context(), config))(t)
	if err := report.Err(); err != nil {
		t.Error(err)
	}
	if report.Fill.Products != 150 || len(report.Fill.SearchableSeconds) != 4 || report.Fill.lastSearchable() < report.Fill.ImportSeconds {
		t.Errorf("filled: %+v", report.Fill)
	}
	var names []string
	for _, k := range report.Kinds {
		names = append(names, k.Kind)
		if k.Searches == 0 || k.Throughput <= 0 || k.Latency.P99 <= 0 || len(k.Limits) != 2 {
			t.Errorf("%+v", k)
		}
		for _, l := range k.Limits {
			if l.Searches == 0 || l.Ratio <= 0 || l.Latency.P99 <= 0 {
				t.Errorf("%s: %+v", k.Kind, l)
			}
		}
	}
	if diff := cmp.Diff([]string{"as-you-type", "faceted", "filtered"}, names); diff != "" {
		t.Error(diff)
	}
	if e := report.Edits; e == nil || e.Edits != 20 || e.Own.Count != 20 || e.Every.Count != 20 || e.Every.Max < e.Own.P50 {
		t.Errorf("edits: %+v", e)
	}
	if i := report.Import; i == nil || i.Products != 60 || i.Before.Count == 0 || i.During.Count == 0 || i.P99Ratio <= 0 ||
		len(i.SearchableSeconds) != 4 {
		t.Errorf("import: %+v", i)
	}
	if !report.Audit.Clean || len(report.Floors) != 3*2+2+1 {
		t.Errorf("audit %+v, %d floors", report.Audit, len(report.Floors))
	}
	wantSearchWritten(t, report)
}

func wantSearchWritten(t *testing.T, measured SearchReport) {
	t.Helper()
	var text, object bytes.Buffer
	WriteSearch(&text, measured)
	for _, want := range []string{"150 products; 4 clients in us-east", "all searchable after", "of the library's", "CPU a search",
		"20 edits, 20 a second", "60 products imported while 4 shoppers search", "What is expected", "0 rows broken"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, &text)
		}
	}
	if err := report.WriteJSON(&object, []SearchReport{measured}); err != nil {
		t.Fatal(err)
	}
	var read []SearchReport
	if err := json.Unmarshal(object.Bytes(), &read); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(measured.Kinds, read[0].Kinds); diff != "" {
		t.Error(diff)
	}
}
