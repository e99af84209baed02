package catalog

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"meridian/internal/testkit"
	"meridian/regions"
)

// Reads from memory are hits; all that asked the database are misses, also those of a time
// in which memory may not answer.
func TestCache_Metrics(t *testing.T) {
	s := newShop(t)
	p := s.create(t, mug("m1", "A"))
	set := testkit.Must(regions.Shipped())(t)
	reader := sdkmetric.NewManualReader()
	c := testkit.Must(New(Config{DB: s.db, Regions: set, Meter: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))}))(t)
	read := func() {
		t.Helper()
		testkit.Must(c.GetProduct(t.Context(), p.PublicID()))(t)
		testkit.Must(c.Categories(t.Context()))(t)
	}
	read() // nothing was polled: memory may not answer
	c.mustPoll(t)
	read() // nothing is in memory
	read()
	want := map[string]int64{
		"meridian.catalog.cache.hits": 2, "meridian.catalog.cache.misses": 4,
		"meridian.catalog.cache.evictions": 0, "meridian.catalog.cache.load_failures": 0,
	}
	if diff := cmp.Diff(want, counters(t, reader)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func counters(t *testing.T, reader sdkmetric.Reader) map[string]int64 {
	t.Helper()
	var collected metricdata.ResourceMetrics
	testkit.NoError(t, reader.Collect(t.Context(), &collected))
	got := make(map[string]int64)
	for _, m := range collected.ScopeMetrics[0].Metrics {
		got[m.Name] = m.Data.(metricdata.Sum[int64]).DataPoints[0].Value
	}
	return got
}
