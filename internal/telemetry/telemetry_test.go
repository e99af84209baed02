package telemetry

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// TestSetup_FourRegions is what `meridian up` does: four servers in one process, told apart on one page.
func TestSetup_FourRegions(t *testing.T) {
	registry := NewRegistry()
	names := []string{"us-east", "us-west", "eu-west", "ap-southeast"}
	var last *Telemetry
	for i, name := range names {
		reporting, err := Setup(t.Context(), Config{Region: name, Registry: registry})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := reporting.Shutdown(context.Background()); err != nil {
				t.Errorf("shutdown: %v", err)
			}
		})
		counter, err := reporting.Meter.Meter("test").Int64Counter("meridian.orders")
		if err != nil {
			t.Fatal(err)
		}
		counter.Add(t.Context(), int64(i+1))
		last = reporting
	}
	lines := strings.Split(scrape(t, last.Metrics()), "\n")
	for _, want := range []string{
		`meridian_orders_total{region="us-east"} 1`,
		`meridian_orders_total{region="us-west"} 2`,
		`meridian_orders_total{region="eu-west"} 3`,
		`meridian_orders_total{region="ap-southeast"} 4`,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("%s is not on the page:\n%s", want, strings.Join(lines, "\n"))
		}
	}
	if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, "go_goroutines ") }) {
		t.Error("the process is not on the page")
	}
}

func scrape(t *testing.T, h http.Handler) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("answered %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func TestSetup_WithoutCollector(t *testing.T) {
	reporting, err := Setup(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	_, span := reporting.Tracer.Tracer("test").Start(t.Context(), "work")
	defer span.End()
	if span.IsRecording() || !span.SpanContext().TraceID().IsValid() {
		t.Errorf("recording %v, trace id %s", span.IsRecording(), span.SpanContext().TraceID())
	}
	for range 2 {
		if err := reporting.Shutdown(t.Context()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	}
}

// TestSetup_SendsSpans lets a collector receive what is sent, and looks for what must not be in it.
func TestSetup_SendsSpans(t *testing.T) {
	received := make(chan string, 1)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("reading: %v", err)
		}
		received <- r.URL.Path + " " + string(body)
	}))
	defer collector.Close()
	reporting, err := Setup(t.Context(), Config{Region: "eu-west", OTLPEndpoint: collector.URL})
	if err != nil {
		t.Fatal(err)
	}
	_, span := reporting.Tracer.Tracer("test").Start(t.Context(), "place order",
		trace.WithAttributes(attribute.String("client.address", "198.51.100.7"), attribute.String("http.route", "/v1/orders")))
	span.RecordError(io.ErrUnexpectedEOF)
	span.End()
	if err := reporting.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := <-received
	if !strings.HasPrefix(got, "/v1/traces ") || !strings.Contains(got, "place order") || !strings.Contains(got, "/v1/orders") {
		t.Errorf("received %q", got)
	}
	if strings.Contains(got, "198.51.100.7") {
		t.Error("the client's address was sent")
	}
}

func TestConfig_Validate(t *testing.T) {
	for _, test := range []struct {
		name string
		cfg  Config
		want []string
	}{
		{name: "zero"},
		{name: "collector", cfg: Config{OTLPEndpoint: "http://collector:4318", SampleRatio: 0.1}},
		{name: "everything wrong", cfg: Config{OTLPEndpoint: "collector:4318", SampleRatio: 2}, want: []string{"otlp endpoint", "sample ratio"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.cfg.Validate()
			if (err != nil) != (len(test.want) > 0) {
				t.Fatalf("got %v", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not told in %v", want, err)
				}
			}
		})
	}
}

func TestRedactingExporter(t *testing.T) {
	kept := tracetest.NewInMemoryExporter()
	span := tracetest.SpanStub{
		Name: "SELECT",
		Attributes: []attribute.KeyValue{
			attribute.String("url.path", "/v1/accounts/usr_euw_x"),
			attribute.String("user_agent.original", "curl"),
			attribute.String("db.query.text", "SELECT 1"),
			attribute.String("note", "mail to ann@example.com"),
			attribute.Int("rows", 3),
		},
		Events: []sdktrace.Event{{Name: "exception", Attributes: []attribute.KeyValue{
			attribute.String("exception.message", "ann@example.com is taken"),
		}}},
		Status: sdktrace.Status{Code: codes.Error, Description: "ann@example.com is taken"},
	}.Snapshot()
	if err := (redactingExporter{kept}).ExportSpans(t.Context(), []sdktrace.ReadOnlySpan{span}); err != nil {
		t.Fatal(err)
	}
	got := kept.GetSpans()[0]
	want := []attribute.KeyValue{
		attribute.String("db.query.text", "SELECT 1"), attribute.String("note", "mail to [redacted]"), attribute.Int("rows", 3),
	}
	if !slices.Equal(got.Attributes, want) {
		t.Errorf("attributes %v, want %v", got.Attributes, want)
	}
	if event := got.Events[0].Attributes[0].Value.AsString(); event != "[redacted] is taken" {
		t.Errorf("event %q", event)
	}
	if got.Status.Description != "[redacted] is taken" {
		t.Errorf("status %q", got.Status.Description)
	}
}
