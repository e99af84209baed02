package predict

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"meridian/internal/api"
	"meridian/internal/lab/localshop"
	"meridian/internal/local"
	"meridian/internal/testkit"
	"meridian/regions"
)

// TestMeasure buys in a shop whose regions are as far apart as they are: every call takes the round trips that are predicted,
// and their distance at least. How much more is printed.
func TestMeasure(t *testing.T) {
	if testing.Short() {
		t.Skip("it opens a whole shop, with its catalogue and real distances: about a minute")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	shop, err := localshop.Open(ctx, local.Config{
		Dir: t.TempDir(), Regions: testkit.Must(regions.Shipped())(t), WAN: true, Out: io.Discard, Log: slog.New(slog.DiscardHandler),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { testkit.NoError(t, shop.Close()) }()
	if !shop.AwaitSearch(ctx) { // filling the indexes takes all of the CPU
		t.Fatal("the search indexes were not filled")
	}
	operations := testkit.Must(Operations(testkit.Must(api.Document())(t)))(t)
	found := testkit.Must(newModel(t).Measure(ctx, shop.Address().RegionURLs, operations, 3))(t)
	if len(found) != 4*8 {
		t.Fatalf("%d measurements, want 8 operations in four regions", len(found))
	}
	for _, m := range found {
		t.Logf("%-14s %-16s ratio %.2f", m.Region, m.Operation, m.Ratio)
		if m.Answered != m.RoundTrips || m.Measured < m.Predicted {
			t.Errorf("%+v: want the round trips that were predicted, and at least their distance", m)
		}
	}
}
