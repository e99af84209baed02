package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"meridian/internal/database"
	"meridian/internal/testkit"
)

func TestIdentify(t *testing.T) {
	h := newTestServer(t, func(_ *Deps, c *Config) { c.Debug = false }).Handler()
	for _, test := range []struct {
		name, sent string
		kept       bool
	}{
		{"a good id", "Abc-1_2.3", true},
		{"the longest", strings.Repeat("a", 64), true},
		{"none", "", false},
		{"too long", strings.Repeat("a", 65), false},
		{"a line break", "a\nb", false},
		{"not ASCII", "é", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := ask(h, "GET", "/healthz", "", "X-Request-Id", test.sent)
			got := w.Header().Get("X-Request-Id")
			if (got == test.sent) != test.kept || !isRequestID(got) {
				t.Errorf("answered %q", got)
			}
		})
	}
	t.Run("headers of every answer", func(t *testing.T) {
		for _, path := range []string{"/healthz", "/nothing"} {
			header := ask(h, "GET", path, "").Header()
			for name, want := range map[string]string{
				"X-Meridian-Region":      "eu-west",
				"X-Content-Type-Options": "nosniff",
				"Cache-Control":          "no-store",
				"Referrer-Policy":        "no-referrer",
			} {
				if got := header.Get(name); got != want {
					t.Errorf("%s: %s is %q, want %q", path, name, got, want)
				}
			}
			if header.Get("X-Meridian-Round-Trips") != "" {
				t.Errorf("%s: round trips are told without debug", path)
			}
		}
	})
}

func TestRecover(t *testing.T) {
	var log bytes.Buffer
	s := newTestServer(t, func(d *Deps, _ *Config) { d.Log = logged(t, &log) })
	h := around(t, s, func(http.ResponseWriter, *http.Request) error { panic("secret plans") })
	w := ask(h, "GET", "/", "")
	wantProblem(t, w, http.StatusInternalServerError, "internal")
	if strings.Contains(w.Body.String(), "secret plans") || !strings.Contains(log.String(), "secret plans") {
		t.Errorf("answered %s\nlogged %s", w.Body, &log)
	}
}

func TestAccessLog_HoldsNothingPersonal(t *testing.T) {
	var log bytes.Buffer
	s := newTestServer(t, func(d *Deps, _ *Config) { d.Log = logged(t, &log) })
	h := around(t, s, func(http.ResponseWriter, *http.Request) error {
		return errors.New("mailing ann@example.com: refused")
	})
	ask(h, "POST", "/v1/accounts/usr_euw_secret?email=ann%40example.com", `{"email":"ann@example.com"}`,
		"Authorization", "Bearer abc", "X-Forwarded-For", "198.51.100.1")
	for _, personal := range []string{"ann", "usr_euw", "192.0.2.1", "198.51.100.1", "abc"} {
		if strings.Contains(log.String(), personal) {
			t.Errorf("%q is in the log:\n%s", personal, &log)
		}
	}
	for _, want := range []string{`"route":"/around"`, `"status":500`, `"duration_ms":`, `"round_trips":0`, `"request_id"`,
		`"region":"eu-west"`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%s is not in the log:\n%s", want, &log)
		}
	}
}

func TestRecord(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	reader := sdkmetric.NewManualReader()
	s := newTestServer(t, func(d *Deps, c *Config) {
		d.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
		d.Meter = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	})
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	ask(s.Handler(), "GET", "/v1/regions?email=ann", "", "Traceparent", parent)
	ask(s.Handler(), "BREW", "/v1/coffee", "")

	ended := spans.Ended()
	if len(ended) != 2 || ended[0].Name() != "GET /v1/regions" || ended[1].Name() != "_OTHER unmatched" {
		t.Fatalf("spans %v", ended)
	}
	if got := ended[0].SpanContext().TraceID().String(); got != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("the proxy's trace was not continued: %s", got)
	}
	for _, span := range ended {
		for _, a := range span.Attributes() {
			if text := a.Value.String(); strings.Contains(text, "ann") || strings.Contains(text, "192.0.2") || strings.Contains(text, "coffee") {
				t.Errorf("span attribute %s", a.Key)
			}
		}
	}
	var metrics metricdata.ResourceMetrics
	testkit.NoError(t, reader.Collect(t.Context(), &metrics))
	durations := 0
	for _, m := range metrics.ScopeMetrics[0].Metrics {
		if data, ok := m.Data.(metricdata.Histogram[float64]); ok && m.Name == "http.server.request.duration" {
			durations = len(data.DataPoints)
		}
	}
	if durations != 2 {
		t.Errorf("%d series of durations, want 2", durations)
	}
}

func TestRecord_StrangersTraceIsNotContinued(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	s := newTestServer(t, func(d *Deps, _ *Config) {
		d.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	})
	ask(s.Handler(), "GET", "/healthz", "", "Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if got := spans.Ended()[0].SpanContext().TraceID().String(); got == "0af7651916cd43dd8448eb211c80319c" {
		t.Error("a stranger chose the trace")
	}
}

func TestDebugHeaders(t *testing.T) {
	s := newTestServer(t)
	h := around(t, s, func(w http.ResponseWriter, r *http.Request) error {
		if _, trips := database.CountTrips(r.Context()); trips != callOf(r).trips {
			t.Error("a handler's round trips are counted apart")
		}
		return notFound("no")
	})
	w := ask(h, "GET", "/", "")
	wantTrips(t, w, 0)
	if got := w.Header().Get("Server-Timing"); !strings.Contains(got, `db;desc="0 round trips"`) {
		t.Errorf("Server-Timing %q", got)
	}
}

func TestCompression(t *testing.T) {
	h := validated(t, newTestServer(t).Handler())
	plain := ask(h, "GET", "/openapi.json", "")
	w := ask(h, "GET", "/openapi.json", "", "Accept-Encoding", "gzip")
	if w.Header().Get("Content-Encoding") != "gzip" || w.Header().Get("Vary") != "Accept-Encoding" {
		t.Fatalf("headers %v", w.Header())
	}
	reader := testkit.Must(gzip.NewReader(w.Body))(t)
	body, err := io.ReadAll(reader)
	if err != nil || !bytes.Equal(body, plain.Body.Bytes()) {
		t.Errorf("the compressed answer differs: %v", err)
	}
	etag := w.Header().Get("ETag")
	if etag == plain.Header().Get("ETag") {
		t.Error("two different answers have one strong ETag")
	}
	again := ask(h, "GET", "/openapi.json", "", "Accept-Encoding", "gzip", "If-None-Match", etag)
	if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("the same again answered %d with %d bytes", again.Code, again.Body.Len())
	}
}

func TestCORS(t *testing.T) {
	h := newTestServer(t, func(_ *Deps, c *Config) { c.AllowedOrigins = []string{"https://shop.example"} }).Handler()
	preflight := func(origin string) http.Header {
		return ask(h, "OPTIONS", "/v1/regions", "", "Origin", origin,
			"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "idempotency-key").Header()
	}
	if got := preflight("https://shop.example").Get("Access-Control-Allow-Origin"); got != "https://shop.example" {
		t.Errorf("the shop's origin is answered %q", got)
	}
	if got := preflight("https://evil.example").Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("another origin is answered %q", got)
	}
	w := ask(h, "GET", "/v1/regions", "", "Origin", "https://shop.example")
	if !strings.Contains(w.Header().Get("Access-Control-Expose-Headers"), "Etag") &&
		!strings.Contains(w.Header().Get("Access-Control-Expose-Headers"), "ETag") {
		t.Errorf("exposed %q", w.Header().Get("Access-Control-Expose-Headers"))
	}
}

func TestRefuseUnprintable(t *testing.T) {
	h := validated(t, newTestServer(t).Handler())
	for _, target := range []string{"/v1/%00", "/v1/%ff", "/v1/regions?a=%00", "/v1/regions?%00=a", "/v1/regions?a=%ff", "/v1/regions?a;b"} {
		t.Run(target, func(t *testing.T) {
			wantProblem(t, ask(h, "GET", target, ""), http.StatusBadRequest, "bad_request")
		})
	}
}

func TestRequestTimeout(t *testing.T) {
	s := newTestServer(t, func(_ *Deps, c *Config) { c.RequestTimeout = time.Nanosecond })
	h := around(t, s, func(_ http.ResponseWriter, r *http.Request) error {
		<-r.Context().Done()
		return r.Context().Err()
	})
	wantProblem(t, ask(h, "GET", "/", ""), http.StatusServiceUnavailable, "timed_out")
}

func TestTakesStream(t *testing.T) {
	s := newTestServer(t, func(_ *Deps, c *Config) { c.BodyLimit = 10 })
	h := around(t, s, func(w http.ResponseWriter, r *http.Request) error {
		if deadline, ok := r.Context().Deadline(); !ok || time.Until(deadline) < time.Hour {
			t.Errorf("the deadline is %v", deadline)
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return bodyError(err)
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}, takesStream(100, 2*time.Hour))
	if w := ask(h, "POST", "/", strings.Repeat("a", 100)); w.Code != http.StatusNoContent {
		t.Errorf("100 bytes answered %d", w.Code)
	}
	wantProblem(t, ask(h, "POST", "/", strings.Repeat("a", 101)), http.StatusRequestEntityTooLarge, "body_too_large")
}

func TestCallOf_AroundTheHandler(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a handler was reached without a call")
		}
	}()
	callOf(httptest.NewRequestWithContext(context.Background(), "GET", "/", nil))
}

// TestRefused_SlowBody refuses calls whose body never comes, before any handler: they must not hold their connection.
func TestRefused_SlowBody(t *testing.T) {
	s := newTestServer(t, func(_ *Deps, cfg *Config) {
		cfg.RequestTimeout, cfg.Limits.Default = time.Millisecond, Rate{Requests: 1, Window: time.Hour}
	})
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	for _, test := range []struct{ name, path, want string }{
		{"no route", "/v1/nothing", "HTTP/1.1 404 "},
		{"too often", "/v1/nothing", "HTTP/1.1 429 "},
		{"unprintable", "/%00", "HTTP/1.1 400 "},
	} {
		t.Run(test.name, func(t *testing.T) {
			connection := testkit.Must(net.Dial("tcp", strings.TrimPrefix(server.URL, "http://")))(t)
			defer connection.Close()
			// Only a test that fails waits so long.
			testkit.NoError(t, connection.SetDeadline(time.Now().Add(testkit.Patience)))
			testkit.Must(fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 100\r\n\r\n{", test.path))(t)
			if answer, err := io.ReadAll(connection); err != nil || !strings.HasPrefix(string(answer), test.want) {
				t.Errorf("answered %q, %v", answer, err)
			}
		})
	}
}
