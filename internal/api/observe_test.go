package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"meridian/internal/database"
	"meridian/internal/telemetry"
	"meridian/internal/testkit"
)

// TestRecord_Bounded: whatever anybody asks for, the number of series stays that of routes, methods and statuses.
func TestRecord_Bounded(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	s := newTestServer(t, func(d *Deps, _ *Config) { d.Meter = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)) })
	random := rand.New(rand.NewPCG(1, 2))
	methods := []string{"GET", "POST", "PUT", "DELETE", "BREW", "X" + uuid.NewString()}
	paths := []func() string{
		func() string { return "/v1/regions" },
		func() string { return "/v1/orders/ord_euw_" + uuid.NewString() },
		func() string { return "/v1/carts/" + uuid.NewString() + "/lines/" + uuid.NewString() },
		func() string { return "/" + uuid.NewString() + "/ann@example.com" },
		func() string { return "/v1/account/addresses/" + uuid.NewString() },
	}
	for range 500 {
		method, path := methods[random.IntN(len(methods))], paths[random.IntN(len(paths))]()
		ask(s.Handler(), method, path, "", "X-Request-Id", uuid.NewString(), "User-Agent", uuid.NewString(), "Host", uuid.NewString())
	}
	ask(s.Handler(), "GET", "/v1/regions", "")
	counts := seriesOf(t, reader)
	for _, name := range []string{"http.server.request.duration", "meridian.http.round_trips", "meridian.http.problems"} {
		if n := counts[name]; n == 0 || n > 60 {
			t.Errorf("%s has %d series after 500 calls", name, n)
		}
	}
	if counts["http.server.active_requests"] != 1 {
		t.Errorf("%d series of active requests", counts["http.server.active_requests"])
	}
}

// TestMetrics_Size: when every operation has been answered with every status, the page of metrics is still small.
func TestMetrics_Size(t *testing.T) {
	shown := testkit.Must(telemetry.Setup(t.Context(), telemetry.Config{Region: "ap-southeast"}))(t)
	s := newTestServer(t, func(d *Deps, _ *Config) { d.Meter = shown.Meter })
	for _, o := range s.operations {
		for _, row := range problemTypes {
			for _, status := range []int{200, 304, row.status} {
				r := httptest.NewRequest(o.method, "/", nil)
				call := &call{route: o.path, status: status, trips: new(database.Trips)}
				ctx, span := s.metrics.begin(r, call)
				s.metrics.end(r.WithContext(ctx), call, span, time.Millisecond)
			}
		}
	}
	page := httptest.NewRecorder()
	shown.Metrics().ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
	if size := page.Body.Len(); size > 3<<19 {
		t.Errorf("the metrics of one pod are %d bytes", size)
	}
}

// seriesOf is how many series each metric has.
func seriesOf(t *testing.T, reader sdkmetric.Reader) map[string]int {
	t.Helper()
	var collected metricdata.ResourceMetrics
	testkit.NoError(t, reader.Collect(t.Context(), &collected))
	counts := make(map[string]int)
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				counts[m.Name] = len(data.DataPoints)
			case metricdata.Histogram[int64]:
				counts[m.Name] = len(data.DataPoints)
			case metricdata.Sum[int64]:
				counts[m.Name] = len(data.DataPoints)
			default:
				t.Errorf("%s is a %T", m.Name, m.Data)
			}
		}
	}
	return counts
}

// TestLog_Correlates: every line that is written while a request is answered can be found by its id, region and trace.
func TestLog_Correlates(t *testing.T) {
	var log bytes.Buffer
	s := newTestServer(t, func(d *Deps, _ *Config) {
		d.Log = logged(t, &log)
		d.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
	})
	h := around(t, s, func(_ http.ResponseWriter, r *http.Request) error {
		s.Log.InfoContext(r.Context(), "a domain's line")
		s.Log.With("part", "stock").WarnContext(r.Context(), "another")
		return fmt.Errorf("what nobody expected")
	})
	ask(h, "GET", "/around", "", "X-Request-Id", "r-1")
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 4 { // and what failed, and the access log
		t.Fatalf("%d lines:\n%s", len(lines), &log)
	}
	traces := make(map[any]bool)
	for _, text := range lines {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if line["request_id"] != "r-1" || line["region"] != "eu-west" || len(fmt.Sprint(line["span_id"])) != 16 ||
			len(fmt.Sprint(line["trace_id"])) != 32 {
			t.Errorf("cannot be found: %s", text)
		}
		traces[line["trace_id"]] = true
	}
	if len(traces) != 1 {
		t.Errorf("one request has the traces %v", traces)
	}
}
