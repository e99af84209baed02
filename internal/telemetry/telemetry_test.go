package telemetry

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"meridian/internal/testkit"
)

// TestSetup_FourRegions is what `meridian up` does: four servers in one process, told apart on one page.
func TestSetup_FourRegions(t *testing.T) {
	registry := NewRegistry()
	names := []string{"us-east", "us-west", "eu-west", "ap-southeast"}
	var last *Telemetry
	for i, name := range names {
		reporting := testkit.Must(Setup(t.Context(), Config{Region: name, Registry: registry}))(t)
		t.Cleanup(func() {
			if err := reporting.Shutdown(context.Background()); err != nil {
				t.Errorf("shutdown: %v", err)
			}
		})
		counter := testkit.Must(reporting.Meter.Meter("test").Int64Counter("meridian.orders"))(t)
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
	reporting := testkit.Must(Setup(t.Context(), Config{}))(t)
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

// collector keeps what is sent to it, by path.
type collector struct {
	*httptest.Server
	mu   sync.Mutex
	sent map[string]string
}

func newCollector(t *testing.T) *collector {
	c := &collector{sent: make(map[string]string)}
	c.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("reading: %v", err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.sent[r.URL.Path] += string(body)
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *collector) at(path string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent[path]
}

// TestSetup_Sends lets a collector receive what is sent, and looks for what must not be in it.
func TestSetup_Sends(t *testing.T) {
	c := newCollector(t)
	reporting := testkit.Must(Setup(t.Context(), Config{Region: "eu-west", OTLPEndpoint: c.URL}))(t)
	_, span := reporting.Tracer.Tracer("test").Start(t.Context(), "place order",
		trace.WithAttributes(attribute.String("client.address", "198.51.100.7"), attribute.String("http.route", "/v1/orders")))
	span.RecordError(io.ErrUnexpectedEOF)
	span.End()
	counter := testkit.Must(reporting.Meter.Meter("test").Int64Counter("meridian.orders"))(t)
	counter.Add(t.Context(), 1)
	testkit.NoError(t, reporting.Shutdown(t.Context()))
	if got := c.at("/v1/traces"); !strings.Contains(got, "place order") || !strings.Contains(got, "/v1/orders") {
		t.Errorf("received spans %q", got)
	}
	if got := c.at("/v1/metrics"); !strings.Contains(got, "meridian.orders") || !strings.Contains(got, "eu-west") {
		t.Errorf("received metrics %q", got)
	}
	if strings.Contains(c.at("/v1/traces"), "198.51.100.7") {
		t.Error("the client's address was sent")
	}
}

// TestPassFilter: of passes of background work, only those that found something to do, or failed, are sent.
func TestPassFilter(t *testing.T) {
	for _, test := range []struct {
		name  string
		items int
		fails bool
		spans int // inside the pass
		want  int
	}{
		{"idle", 0, false, 2, 0},
		{"busy", 3, false, 2, 3},
		{"failed", 0, true, 1, 2},
		{"more than is held", 0, false, maxHeld + 5, maxHeld + 5 + 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			ended := tracetest.NewSpanRecorder()
			filter := newPassFilter(ended)
			tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(filter)).Tracer("test")
			ctx, pass := tracer.Start(t.Context(), "work", trace.WithAttributes(TaskKey.String("events")))
			for range test.spans {
				_, inner := tracer.Start(ctx, "SELECT")
				inner.End()
			}
			pass.SetAttributes(ItemsKey.Int(test.items))
			if test.fails {
				pass.SetStatus(codes.Error, "no")
			}
			pass.End()
			if got := len(ended.Ended()); got != test.want || len(filter.held) != 0 {
				t.Errorf("%d spans were passed on, want %d; %d passes are still held", got, test.want, len(filter.held))
			}
			_, request := tracer.Start(t.Context(), "GET /v1/orders")
			request.End()
			if got := len(ended.Ended()); got != test.want+1 {
				t.Error("a request's span was held back")
			}
		})
	}
}

// TestTransport: a call is a span and a measurement, and only our own are told the trace.
func TestTransport(t *testing.T) {
	var told []string
	peer := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter,
		r *http.Request) {
		told = append(told, r.Header.Get("Traceparent"))
	}))
	defer peer.Close()
	c := newCollector(t)
	reporting := testkit.Must(Setup(t.Context(), Config{Region: "eu-west", OTLPEndpoint: c.URL}))(t)
	ctx, span := reporting.Tracer.Tracer("test").Start(t.Context(), "place order")
	for _, who := range []Peer{{Name: "warehouse", Ours: true}, {Name: "bank"}} {
		client := &http.Client{Transport: reporting.Transport(http.DefaultTransport, who)}
		r := testkit.Must(http.NewRequestWithContext(ctx, "GET", peer.URL+"/people/ann?key=hunter2", nil))(t)
		answer := testkit.Must(client.Do(r))(t)
		_ = answer.Body.Close()
	}
	span.End()
	if len(told) != 2 || !strings.Contains(told[0], span.SpanContext().TraceID().String()) || told[1] != "" {
		t.Errorf("told %q, want the first alone to be told the trace", told)
	}
	page := scrape(t, reporting.Metrics())
	for _, want := range []string{`http_client_request_duration_seconds_bucket`, `peer="bank"`, `peer="warehouse"`, `le="0.2"`} {
		if !strings.Contains(page, want) {
			t.Errorf("%s is not on the page:\n%s", want, page)
		}
	}
	testkit.NoError(t, reporting.Shutdown(t.Context()))
	sent := c.at("/v1/traces")
	for _, name := range []string{"GET warehouse", "GET bank"} {
		if !strings.Contains(sent, name) {
			t.Errorf("no span %q was sent", name)
		}
	}
	for _, secret := range []string{"ann", "hunter2"} {
		if strings.Contains(sent+page, secret) {
			t.Errorf("%q was sent", secret)
		}
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
	testkit.NoError(t, (redactingExporter{kept}).ExportSpans(t.Context(), []sdktrace.ReadOnlySpan{span}))
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
