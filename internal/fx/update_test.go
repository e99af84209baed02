package fx

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"meridian/internal/database"
	"meridian/internal/testkit"
)

// feed is an ECB that answers what the test has it answer, and how often it was asked.
type feed struct {
	*ECB
	file  string
	err   error
	asked int
}

func newFeed(file string) *feed {
	f := &feed{ECB: newECB(ECBConfig{Location: "a test"}), file: file}
	f.read = func(context.Context) ([]byte, error) {
		f.asked++
		return []byte(f.file), f.err
	}
	return f
}

// update runs a pass, and wants it to find so many new rates after so many questions in all.
func (s *shop) update(f *feed, wantNew, wantAsked int) {
	s.t.Helper()
	if n, err := s.UpdateOnce(s.t.Context()); err != nil || n != wantNew || f.asked != wantAsked {
		s.t.Errorf("at %s: %d new, %v, asked %d times; want %d and %d", s.now, n, err, f.asked, wantNew, wantAsked)
	}
}

func TestUpdateOnce(t *testing.T) {
	f := newFeed("Date,USD\n2026-04-13,1.17\n")
	s := newShop(t, at(4, 13, 15), func(c *Config) { c.Source = f.ECB })
	other, err := New(Config{DB: s.DB, Now: s.Now, Source: f.ECB}) // another pod
	if err != nil {
		t.Fatal(err)
	}
	s.update(f, 1, 1)
	s.update(f, 0, 1)
	if n, err := other.UpdateOnce(t.Context()); err != nil || n != 0 || f.asked != 1 {
		t.Errorf("another pod: %d new, %v, asked %d times", n, err, f.asked)
	}
	s.now = s.now.Add(time.Hour)
	s.update(f, 0, 2)
	s.now = s.now.Add(59 * time.Minute)
	s.update(f, 0, 2)
	ctx, trips := database.CountTrips(t.Context())
	if _, err := s.UpdateOnce(ctx); err != nil || trips.Count() != 0 {
		t.Errorf("a pass with nothing to do takes %d round trips, %v", trips.Count(), err)
	}

	// What fails is tried again at the next pass.
	s.now = s.now.Add(time.Minute)
	f.err = errors.New("away")
	if _, err := s.UpdateOnce(t.Context()); !errors.Is(err, f.err) || f.asked != 3 {
		t.Errorf("got %v, asked %d times", err, f.asked)
	}
	f.err, f.file = nil, "Date,USD\n2026-04-13,1.17\n2026-04-14,1.18\n"
	s.update(f, 1, 4)
}

func TestUpdateOnce_NothingConfigured(t *testing.T) {
	s := newShop(t, at(4, 13, 15), nil)
	if n, err := s.UpdateOnce(t.Context()); err != nil || n != 0 {
		t.Errorf("got %d, %v", n, err)
	}
}

func TestMetrics(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	f := newFeed("Date,USD,TRY\n2026-04-10,1.17,50\n")
	s := newShop(t, at(4, 11, 15), func(c *Config) { c.Meter = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)) })
	s.measure()
	wantMetrics(t, reader, -1, map[string]int64{"new": 0, "unchanged": 0, "held": 0, "failed": 0})
	for _, file := range []string{f.file, f.file, "Date,TRY\n2026-04-11,60\n", "Date,TRY\n2026-04-11,x\n"} {
		f.file = file
		_, err := s.Import(t.Context(), f.ECB, "usr_test")
		if failed := file == "Date,TRY\n2026-04-11,x\n"; failed != (err != nil) {
			t.Fatal(err)
		}
	}
	s.measure()
	wantMetrics(t, reader, 24*time.Hour.Seconds(), map[string]int64{"new": 1, "unchanged": 1, "held": 1, "failed": 1})
}

func (s *shop) measure() {
	s.t.Helper()
	ctx, trips := database.CountTrips(s.t.Context())
	if n, err := s.MeasureOnce(ctx); err != nil || n != 0 || trips.Count() != 1 {
		s.t.Fatalf("measured %d, %v in %d round trips", n, err, trips.Count())
	}
}

// wantMetrics wants an age, -1 for none, and imports by outcome.
func wantMetrics(t *testing.T, reader sdkmetric.Reader, wantAge float64, wantImports map[string]int64) {
	t.Helper()
	var all metricdata.ResourceMetrics
	testkit.NoError(t, reader.Collect(t.Context(), &all))
	age, imports := -1.0, make(map[string]int64)
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Gauge[float64]:
				age = data.DataPoints[0].Value
			case metricdata.Sum[int64]:
				for _, point := range data.DataPoints {
					outcome, _ := point.Attributes.Value(attribute.Key("outcome"))
					imports[outcome.AsString()] = point.Value
				}
			}
		}
	}
	if age != wantAge {
		t.Errorf("the age is %v, want %v", age, wantAge)
	}
	if diff := cmp.Diff(wantImports, imports); diff != "" {
		t.Errorf("imports (-want +got):\n%s", diff)
	}
}
