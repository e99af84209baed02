package geo

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"meridian/internal/testkit"
	"meridian/regions"
)

// token is an access token whose signature nobody made: the edge does not look at it.
func token(payload string) string {
	return "eyJhbGciOiJFZERTQSJ9." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2ln"
}

func publicID(t testing.TB, prefix, region string) string {
	t.Helper()
	return shippedSet(t).FormatID(prefix, regions.Ref{Region: region, ID: uuid.New()})
}

func TestEdge_ChoosesTheRegion(t *testing.T) {
	w := newWorld(t, func(cfg *EdgeConfig) { cfg.AccessTokenCookie = "access" })
	cart, order := publicID(t, "crt", "eu-west"), publicID(t, "ord", "us-west")
	const json = `{"sub":"x","hr":"ap-southeast"}`
	tests := []struct {
		name, method, path string
		headers            []string
		want               string
	}{
		{"by country header", "GET", "/", []string{"CF-IPCountry", "DE"}, "eu-west"},
		{"by another country", "GET", "/", []string{"CF-IPCountry", "SG"}, "ap-southeast"},
		{"by address", "GET", "/", []string{"X-Forwarded-For", britishAddr}, "eu-west"},
		{"by another address", "GET", "/", []string{"X-Forwarded-For", japaneseAddr}, "ap-southeast"},
		{"nothing tells", "GET", "/", nil, "us-east"},

		{"a write of a guest", "POST", "/v1/carts", []string{"CF-IPCountry", "DE"}, "eu-west"},
		{"a write of a customer", "POST", "/v1/orders", []string{"CF-IPCountry", "DE", "Authorization", "Bearer " + token(json)}, "ap-southeast"},
		{"scheme in lower case", "POST", "/v1/orders", []string{"CF-IPCountry", "DE", "Authorization", "bearer " + token(json)}, "ap-southeast"},
		{"a token in a cookie", "POST", "/orders", []string{"CF-IPCountry", "DE", "Cookie", "access=" + token(json)}, "ap-southeast"},
		{"a token in another cookie", "POST", "/orders", []string{"CF-IPCountry", "DE", "Cookie", "other=" + token(json)}, "eu-west"},
		{"a read of a customer", "GET", "/v1/orders", []string{"CF-IPCountry", "DE", "Authorization", "Bearer " + token(json)}, "eu-west"},
		{"a token without a home", "POST", "/v1/orders", []string{"CF-IPCountry", "DE", "Authorization", "Bearer " + token(`{}`)}, "eu-west"},
		{"a token with an unknown home", "POST", "/v1/orders",
			[]string{"CF-IPCountry", "DE", "Authorization", "Bearer " + token(`{"hr":"mars"}`)}, "eu-west"},
		{"a token with a number for a home", "POST", "/v1/orders",
			[]string{"CF-IPCountry", "DE", "Authorization", "Bearer " + token(`{"hr":7}`)}, "eu-west"},
		{"no token at all", "POST", "/v1/orders", []string{"CF-IPCountry", "DE", "Authorization", "Bearer x.!!.y"}, "eu-west"},
		{"a token without parts", "POST", "/v1/orders", []string{"CF-IPCountry", "DE", "Authorization", "Bearer x"}, "eu-west"},
		{"a huge token", "POST", "/v1/orders", []string{"CF-IPCountry", "DE", "Authorization",
			"Bearer " + token(`{"hr":"ap-southeast","x":"`+strings.Repeat("x", 8<<10)+`"}`)}, "eu-west"},
		{"another scheme", "POST", "/v1/orders", []string{"CF-IPCountry", "DE", "Authorization", "Basic " + token(json)}, "eu-west"},

		{"a write below an id", "POST", "/v1/carts/" + cart + "/items", []string{"CF-IPCountry", "SG"}, "eu-west"},
		{"a deletion by id", "DELETE", "/v1/orders/" + order, []string{"CF-IPCountry", "SG"}, "us-west"},
		{"the first of two ids", "PUT", "/v1/carts/" + cart + "/orders/" + order, []string{"CF-IPCountry", "SG"}, "eu-west"},
		{"the id before the token", "PUT", "/v1/carts/" + cart, []string{"CF-IPCountry", "DE", "Authorization", "Bearer " + token(json)},
			"eu-west"},
		{"a read by id", "GET", "/v1/carts/" + cart, []string{"CF-IPCountry", "SG"}, "ap-southeast"},
		{"a global id", "POST", "/v1/products/" + regions.FormatGlobalID("prd", uuid.New()), []string{"CF-IPCountry", "SG"}, "ap-southeast"},
		{"a malformed id", "POST", "/v1/carts/" + strings.ToUpper(cart), []string{"CF-IPCountry", "SG"}, "ap-southeast"},
		{"an id far down", "POST", strings.Repeat("/a", 20) + "/" + cart, []string{"CF-IPCountry", "SG"}, "ap-southeast"},

		{"asked for by name", "GET", "/", []string{"CF-IPCountry", "DE", "X-Meridian-Region", "us-west"}, "us-west"},
		{"asked for before the id", "PUT", "/v1/carts/" + cart, []string{"CF-IPCountry", "DE", "X-Meridian-Region", "us-west"}, "us-west"},
		{"asked for, and unknown", "GET", "/", []string{"CF-IPCountry", "DE", "X-Meridian-Region", "mars"}, "eu-west"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp := w.send(tt.method, tt.path, nil, tt.headers...)
			if resp.Status != 200 || resp.Body != tt.want || resp.Header.Get("X-Meridian-Edge-Region") != tt.want {
				t.Errorf("%d from %q, header %q; want 200 from %s", resp.Status, resp.Body, resp.Header.Get("X-Meridian-Edge-Region"), tt.want)
			}
		})
	}
}

func TestEdge_BelievesNobodyUnasked(t *testing.T) {
	w := newWorld(t, func(cfg *EdgeConfig) {
		cfg.Locator = LocatorConfig{DefaultCountry: "DE"} // and nobody is trusted
	})
	if resp := w.send("GET", "/", nil, "CF-IPCountry", "SG", "X-Forwarded-For", japaneseAddr); resp.Body != "eu-west" {
		t.Errorf("a client moved itself to %s", resp.Body)
	}
	if resp := w.send("GET", "/", nil, "X-Meridian-Region", "ap-southeast"); resp.Body != "eu-west" {
		t.Errorf("a client chose %s", resp.Body)
	}
	if got := w.pods["eu-west"].last().Header.Get("X-Forwarded-For"); got != "127.0.0.1" {
		t.Errorf("X-Forwarded-For = %q", got)
	}
}

func TestEdge_DefaultRegion(t *testing.T) {
	w := newWorld(t, func(cfg *EdgeConfig) { cfg.DefaultRegion = "ap-southeast" })
	if resp := w.send("GET", "/", nil); resp.Body != "ap-southeast" {
		t.Errorf("answered by %s", resp.Body)
	}
}

func TestEdge_Headers(t *testing.T) {
	w := newWorld(t, nil)
	w.pods["eu-west"].set(func(rw http.ResponseWriter, r *http.Request) {
		w.pods["eu-west"].note(r)
		rw.Header().Set("Connection", "X-Hop")
		rw.Header().Set("X-Hop", "1")
		rw.Header().Set("X-Meridian-Edge-Region", "a lie")
		rw.Header().Set("X-Meridian-Region", "eu-west")
		rw.WriteHeader(http.StatusCreated)
	})
	req := testkit.Must(http.NewRequest("POST", w.url+"/v1/a%2Fb?x=1;y=2&z=%zz", strings.NewReader("{}")))(t)
	req.Host = "shop.example"
	for name, value := range map[string]string{
		"CF-IPCountry": "DE", "X-Meridian-Country": "SG", "X-Meridian-Edge-Region": "mars", "X-Meridian-Region": "mars",
		"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "Connection": "X-Secret, X-Meridian-Country",
		"X-Secret": "1", "Keep-Alive": "1", "Proxy-Authorization": "x", "Te": "gzip", "Accept-Encoding": "br",
		"Authorization": "Bearer t", "Idempotency-Key": "k",
	} {
		req.Header.Set(name, value)
	}
	resp := testkit.Must(http.DefaultClient.Do(req))(t)
	resp.Body.Close()
	got := w.pods["eu-west"].last()
	for name, want := range map[string]string{
		"X-Meridian-Country": "DE", "X-Meridian-Edge-Region": "eu-west", "X-Meridian-Region": "",
		"X-Forwarded-For": "203.0.113.9, 127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example",
		"Connection": "", "X-Secret": "", "Keep-Alive": "", "Proxy-Authorization": "", "Te": "", "Accept-Encoding": "br",
		"Authorization": "Bearer t", "Idempotency-Key": "k",
	} {
		if value := got.Header.Get(name); value != want {
			t.Errorf("sent %s: %q, want %q", name, value, want)
		}
	}
	if _, err := uuid.Parse(got.Header.Get("X-Request-Id")); err != nil {
		t.Errorf("X-Request-Id = %q", got.Header.Get("X-Request-Id"))
	}
	if got.Host != "shop.example" || got.Query != "x=1;y=2&z=%zz" || got.Path != "/v1/a/b" {
		t.Errorf("sent host %q, path %q, query %q", got.Host, got.Path, got.Query)
	}
	for name, want := range map[string]string{
		"X-Meridian-Edge-Region": "eu-west", "X-Meridian-Region": "eu-west", "X-Hop": "",
		"X-Request-Id": got.Header.Get("X-Request-Id"),
	} {
		if value := resp.Header.Get(name); value != want {
			t.Errorf("answered %s: %q, want %q", name, value, want)
		}
	}
}

func TestEdge_CountryIsNeverTheClients(t *testing.T) {
	w := newWorld(t, func(cfg *EdgeConfig) { cfg.Locator = LocatorConfig{} })
	w.send("GET", "/", nil, "X-Meridian-Country", "SG")
	if got, ok := w.pods["us-east"].last().Header["X-Meridian-Country"]; ok {
		t.Errorf("X-Meridian-Country = %q", got)
	}
}

func TestEdge_RequestID(t *testing.T) {
	w := newWorld(t, nil)
	for _, tt := range []struct {
		name, id string
		kept     bool
	}{
		{"good", "req-1", true},
		{"too long", strings.Repeat("x", 129), false},
		{"with a space", "a b", false},
		{"not ASCII", "é", false},
		{"empty", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp := w.send("GET", "/", nil, "X-Request-Id", tt.id)
			sent := w.pods["us-east"].last().Header.Get("X-Request-Id")
			if sent == "" || (sent == tt.id) != tt.kept || resp.Header.Get("X-Request-Id") != sent {
				t.Errorf("sent %q, answered %q", sent, resp.Header.Get("X-Request-Id"))
			}
		})
	}
}

func TestEdge_Metrics(t *testing.T) {
	reader := metric.NewManualReader()
	w := newWorld(t, func(cfg *EdgeConfig) { cfg.Meter = metric.NewMeterProvider(metric.WithReader(reader)) })
	answers(503)(w.pods["eu-west"])
	answers(500)(w.pods["ap-southeast"])
	w.send("GET", "/", nil, "CF-IPCountry", "DE")
	w.send("GET", "/", nil, "CF-IPCountry", "SG")
	hangsUp(w.pods["us-east"])
	w.send("POST", "/", nil)
	for _, p := range w.pods {
		p.stop()
	}
	w.send("GET", "/", nil)

	var collected metricdata.ResourceMetrics
	testkit.NoError(t, reader.Collect(t.Context(), &collected))
	got := map[string]int64{}
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, point := range data.DataPoints {
					got[pointName(m.Name, point.Attributes)] = point.Value
				}
			case metricdata.Histogram[float64]:
				for _, point := range data.DataPoints {
					got[pointName(m.Name, point.Attributes)] = int64(point.Count)
				}
			case metricdata.Gauge[float64]:
				for _, point := range data.DataPoints {
					got[pointName(m.Name, point.Attributes)] = int64(point.Value)
				}
			case metricdata.Gauge[int64]:
				for _, point := range data.DataPoints {
					got[pointName(m.Name, point.Attributes)] = point.Value
				}
			}
		}
	}
	want := map[string]int64{
		"meridian.edge.request.duration us-east served":     1,
		"meridian.edge.request.duration ap-southeast error": 1,
		"meridian.edge.request.duration  outcome_unknown":   1,
		"meridian.edge.request.duration  no_region":         1,
		"meridian.edge.requests us-east failover":           1,
		"meridian.edge.requests ap-southeast nearest":       1,
		"meridian.edge.tries eu-west cannot_serve":          1,
		"meridian.edge.tries us-east answered":              1,
		"meridian.edge.tries ap-southeast answered":         1,
		"meridian.edge.tries us-east unreachable":           2, // hung up, then refused
		"meridian.edge.tries us-west unreachable":           1,
		"meridian.edge.tries eu-west unreachable":           1,
		"meridian.edge.tries ap-southeast unreachable":      1,
		"meridian.edge.failovers eu-west":                   2, // 503, then refused
		"meridian.edge.failovers us-east":                   1,
		"meridian.edge.failovers us-west":                   1,
		"meridian.edge.region.age us-east":                  0,
		"meridian.edge.region.age us-west":                  0,
		"meridian.edge.region.age eu-west":                  0,
		"meridian.edge.region.age ap-southeast":             0,
		"meridian.edge.region.usable us-east":               1,
		"meridian.edge.region.usable us-west":               1,
		"meridian.edge.region.usable eu-west":               1,
		"meridian.edge.region.usable ap-southeast":          1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// pointName is a metric with the values of its attributes.
func pointName(metric string, attributes attribute.Set) string {
	region, _ := attributes.Value("upstream_region")
	outcome, _ := attributes.Value("outcome")
	result, _ := attributes.Value("result")
	why, _ := attributes.Value("reason")
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", metric, region.AsString(), outcome.AsString()+result.AsString()+why.AsString()))
}

// The trace of a trusted proxy goes on through the edge, through each try, to the regions; a stranger's does not.
func TestEdge_Spans(t *testing.T) {
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for _, tt := range []struct {
		name, addr string
		continued  bool
	}{
		{"from a trusted proxy", "127.0.0.1:1", true},
		{"from a stranger", "198.51.100.1:1", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			spans := tracetest.NewSpanRecorder()
			w := newWorld(t, func(cfg *EdgeConfig) {
				cfg.Tracer, cfg.DefaultRegion = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)), "eu-west"
			})
			answers(503)(w.pods["eu-west"])
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = tt.addr
			r.Header.Set("Traceparent", parent)
			w.edge.ServeHTTP(httptest.NewRecorder(), r)

			ended := spans.Ended() // the tries, then the request
			if len(ended) != 3 || ended[0].Name() != "GET eu-west" || ended[2].Name() != "GET edge" {
				t.Fatalf("spans %v", ended)
			}
			whole := ended[2].SpanContext().TraceID()
			if (whole.String() == "0af7651916cd43dd8448eb211c80319c") != tt.continued {
				t.Errorf("the request is in trace %s", whole)
			}
			for _, try := range ended[:2] {
				_, region, _ := strings.Cut(try.Name(), " ")
				want := fmt.Sprintf("00-%s-%s-01", whole, try.SpanContext().SpanID())
				if got := w.pods[region].last().Header.Get("Traceparent"); got != want || try.Parent().SpanID() != ended[2].SpanContext().SpanID() {
					t.Errorf("%s was sent %q, want %q", region, got, want)
				}
			}
		})
	}
}

func TestEdgeConfig_Validate(t *testing.T) {
	if err := (EdgeConfig{}).Validate(); err == nil || !strings.Contains(err.Error(), "regions") {
		t.Errorf("without regions: %v", err)
	}
	_, err := NewEdge(EdgeConfig{
		Regions:       shippedSet(t),
		Breakers:      []Breaker{{Path: "/recommendations"}},
		Locator:       LocatorConfig{DefaultCountry: "UK"},
		DefaultRegion: "venus",
		MaxTries:      -1,
		ReadTimeout:   -time.Second,
	})
	for _, want := range []string{"directory", "breakers", `"UK"`, `"venus"`, "max tries", "read timeout"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("nothing says %q in:\n%v", want, err)
		}
	}
}

// BenchmarkEdge measures what the edge adds to a request: the same server is asked through it and directly, by
// turns.
func BenchmarkEdge(b *testing.B) {
	w := newWorld(b, nil)
	w.pods["us-east"].set(func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "ok") })
	ask := func(base string) {
		resp := testkit.Must(http.Get(base + "/v1/products"))(b)
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	var through, direct time.Duration
	for b.Loop() {
		start := time.Now()
		ask(w.url)
		middle := time.Now()
		ask("http://" + w.pods["us-east"].addr)
		through, direct = through+middle.Sub(start), direct+time.Since(middle)
	}
	b.ReportMetric(float64(through.Microseconds())/float64(b.N), "edge-µs/op")
	b.ReportMetric(float64(direct.Microseconds())/float64(b.N), "direct-µs/op")
	b.ReportMetric(float64(through)/float64(direct), "times-direct")
}

// TestEdge_SlowBody holds a client that stops in the middle of its body: it is answered, and its connection closed,
// whether the body is kept for a second try, streamed, or read by nobody.
func TestEdge_SlowBody(t *testing.T) {
	for name, key := range map[string]string{"kept": "Idempotency-Key: k\r\n", "streamed": "", "no region": ""} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(cfg *EdgeConfig) { cfg.TotalTimeout, cfg.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond })
			for _, p := range w.pods {
				p.answer = func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }
			}
			if name == "no region" {
				for _, u := range w.edge.upstreams {
					u.now.Store(&outlook{})
				}
			}
			connection := testkit.Must(net.Dial("tcp", strings.TrimPrefix(w.url, "http://")))(t)
			defer connection.Close()
			// Only a test that fails waits so long.
			testkit.NoError(t, connection.SetDeadline(time.Now().Add(testkit.Patience)))
			if _, err := fmt.Fprintf(connection, "POST /v1/carts HTTP/1.1\r\nHost: shop.example\r\n%sContent-Length: 100\r\n\r\n{",
				key); err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(connection)
			if err != nil {
				t.Fatalf("the connection was not closed: %v", err)
			}
			if status, _, _ := strings.Cut(string(answer), "\r\n"); status != "HTTP/1.1 400 Bad Request" &&
				status != "HTTP/1.1 503 Service Unavailable" {
				t.Errorf("answered %q", answer)
			}
		})
	}
}

// TestEdge_Trace takes a proxy's word for the trace that a request belongs to, and not a stranger's, who could have
// every request of theirs recorded, or be found in another's trace.
func TestEdge_Trace(t *testing.T) {
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for name, trusted := range map[string]bool{"of a stranger": false, "of a trusted proxy": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(cfg *EdgeConfig) {
				if !trusted {
					cfg.Locator = LocatorConfig{DefaultCountry: "DE"}
				}
			})
			w.send("GET", "/", nil, "CF-IPCountry", "DE", "Traceparent", parent, "Tracestate", "a=1", "Baggage", "b=2")
			got := w.pods["eu-west"].last().Header
			for _, header := range []string{"Traceparent", "Tracestate", "Baggage"} {
				if (got.Get(header) != "") != trusted {
					t.Errorf("sent %s: %q", header, got.Get(header))
				}
			}
		})
	}
}

// TestEdge_ClientThatOnlyListens has closed its half of the connection, which looks as if it were gone: what it may
// still read must not say that all is well.
func TestEdge_ClientThatOnlyListens(t *testing.T) {
	w := newWorld(t, nil)
	for _, p := range w.pods {
		p.answer = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	}
	connection := testkit.Must(net.Dial("tcp", strings.TrimPrefix(w.url, "http://")))(t)
	defer connection.Close()
	testkit.Must(io.WriteString(connection, "POST /v1/carts HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 2\r\n\r\n{}"))(t)
	testkit.NoError(t, connection.(*net.TCPConn).CloseWrite())
	answer := testkit.Must(io.ReadAll(connection))(t)
	if status, _, _ := strings.Cut(string(answer), "\r\n"); status != "HTTP/1.1 503 Service Unavailable" {
		t.Errorf("answered %q", answer)
	}
}
