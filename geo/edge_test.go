package geo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"pgregory.net/rapid"

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
		{"a token with an unknown home", "POST", "/v1/orders", []string{"CF-IPCountry", "DE", "Authorization", "Bearer " + token(`{"hr":"mars"}`)}, "eu-west"},
		{"a token with a number for a home", "POST", "/v1/orders", []string{"CF-IPCountry", "DE", "Authorization", "Bearer " + token(`{"hr":7}`)}, "eu-west"},
		{"no token at all", "POST", "/v1/orders", []string{"CF-IPCountry", "DE", "Authorization", "Bearer x.!!.y"}, "eu-west"},
		{"a token without parts", "POST", "/v1/orders", []string{"CF-IPCountry", "DE", "Authorization", "Bearer x"}, "eu-west"},
		{"a huge token", "POST", "/v1/orders", []string{"CF-IPCountry", "DE", "Authorization",
			"Bearer " + token(`{"hr":"ap-southeast","x":"`+strings.Repeat("x", 8<<10)+`"}`)}, "eu-west"},
		{"another scheme", "POST", "/v1/orders", []string{"CF-IPCountry", "DE", "Authorization", "Basic " + token(json)}, "eu-west"},

		{"a write below an id", "POST", "/v1/carts/" + cart + "/items", []string{"CF-IPCountry", "SG"}, "eu-west"},
		{"a deletion by id", "DELETE", "/v1/orders/" + order, []string{"CF-IPCountry", "SG"}, "us-west"},
		{"the first of two ids", "PUT", "/v1/carts/" + cart + "/orders/" + order, []string{"CF-IPCountry", "SG"}, "eu-west"},
		{"the id before the token", "PUT", "/v1/carts/" + cart, []string{"CF-IPCountry", "DE", "Authorization", "Bearer " + token(json)}, "eu-west"},
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

// What is done when the nearest region (eu-west, for Germany) fails; us-east is the next.
func TestEdge_FailsOver(t *testing.T) {
	const first, next = "eu-west", "us-east"
	small, key := `{"qty":1}`, []string{"Idempotency-Key", "k1"}
	tests := []struct {
		name    string
		fail    func(*pod)
		method  string
		headers []string
		want    []string // regions that saw the request
		status  int
		code    string
	}{
		{"read, refused", refuses, "GET", nil, []string{next}, 200, ""},
		{"read, 503", answers(503), "GET", nil, []string{first, next}, 200, ""},
		{"read, 502 of a load balancer", answers(502), "GET", nil, []string{first, next}, 200, ""},
		{"read, 504 of a load balancer", answers(504), "GET", nil, []string{first, next}, 200, ""},
		{"read, hung up", hangsUp, "GET", nil, []string{first, next}, 200, ""},
		{"read, silence", keepsSilent, "GET", nil, []string{first, next}, 200, ""},
		{"head, 503", answers(503), "HEAD", nil, []string{first, next}, 200, ""},
		{"read, 500 is an answer", answers(500), "GET", nil, []string{first}, 500, "from_eu-west"},
		{"read, 429 is an answer", answers(429), "GET", nil, []string{first}, 429, "from_eu-west"},

		{"write with key, refused", refuses, "POST", key, []string{next}, 200, ""},
		{"write with key, 503", answers(503), "POST", key, []string{first, next}, 200, ""},
		{"write with key, hung up", hangsUp, "POST", key, []string{first, next}, 200, ""},
		{"write with key, silence", keepsSilent, "POST", key, []string{first, next}, 200, ""},
		{"deletion with key, 503", answers(503), "DELETE", key, []string{first, next}, 200, ""},
		{"write with key, 409 is an answer", answers(409), "POST", key, []string{first}, 409, "from_eu-west"},

		{"write without key, refused", refuses, "POST", nil, []string{next}, 200, ""},
		{"write without key, 503", answers(503), "POST", nil, []string{first}, 503, "from_eu-west"},
		{"write without key, hung up", hangsUp, "POST", nil, []string{first}, 503, "outcome_unknown"},
		{"write without key, silence", keepsSilent, "POST", nil, []string{first}, 503, "outcome_unknown"},
		{"put without key, 503", answers(503), "PUT", nil, []string{first}, 503, "from_eu-west"},
		{"patch without key, hung up", hangsUp, "PATCH", nil, []string{first}, 503, "outcome_unknown"},
		{"deletion without key, hung up", hangsUp, "DELETE", nil, []string{first}, 503, "outcome_unknown"},
		{"blank key is no key", answers(503), "POST", []string{"Idempotency-Key", " "}, []string{first}, 503, "from_eu-west"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, shortPatience)
			tt.fail(w.pods[first])
			var body io.Reader
			if changes(tt.method) {
				body = strings.NewReader(small)
			}
			resp := w.send(tt.method, "/v1/orders", body, append([]string{"CF-IPCountry", "DE"}, tt.headers...)...)
			if diff := cmp.Diff(tt.want, w.asked()); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
			if resp.Status != tt.status || resp.code() != tt.code {
				t.Errorf("%d %q, want %d %q", resp.Status, resp.code(), tt.status, tt.code)
			}
			if tt.status == 200 {
				if got := string(w.pods[next].last().Body); changes(tt.method) && got != small {
					t.Errorf("the next region was sent %q", got)
				}
				if got := resp.Header.Get("X-Meridian-Edge-Region"); got != next {
					t.Errorf("X-Meridian-Edge-Region = %s", got)
				}
			}
			if tt.code == "outcome_unknown" && resp.Header.Get("Retry-After") != "" {
				t.Error("a call that may have happened, and has no key, is invited to be repeated")
			}
		})
	}
}

func TestEdge_HomeRegionDown(t *testing.T) {
	w := newWorld(t, nil)
	refuses(w.pods["ap-southeast"])
	resp := w.send("POST", "/v1/carts/"+publicID(t, "crt", "ap-southeast"), strings.NewReader("{}"), "CF-IPCountry", "DE")
	if resp.Body != "eu-west" {
		t.Errorf("%d from %q, want the region nearest to the client", resp.Status, resp.Body)
	}
}

func TestEdge_KeepsBodiesForReplay(t *testing.T) {
	content := make([]byte, 300_000)
	for i := range content {
		content[i] = byte(rand.IntN(256))
	}
	for _, tt := range []struct {
		name string
		body func() io.Reader
	}{
		{"of known length", func() io.Reader { return bytes.NewReader(content) }},
		{"chunked", func() io.Reader { return io.MultiReader(bytes.NewReader(content)) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, nil)
			answers(503)(w.pods["eu-west"])
			hangsUp(w.pods["us-east"])
			resp := w.send("PUT", "/v1/x", tt.body(), "CF-IPCountry", "DE", "Idempotency-Key", "k")
			if resp.Status != 200 || resp.Body != "us-west" {
				t.Fatalf("%d from %q", resp.Status, resp.Body)
			}
			for _, region := range []string{"eu-west", "us-east", "us-west"} {
				if !bytes.Equal(w.pods[region].last().Body, content) {
					t.Errorf("%s was sent %d bytes, not the same", region, len(w.pods[region].last().Body))
				}
			}
			if got := w.edge.kept.Load(); got != 0 {
				t.Errorf("%d bytes of the budget are still taken", got)
			}
		})
	}
}

func TestEdge_StreamsLargeBodiesOnce(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 4096) // 64 KiB
	limit := func(cfg *EdgeConfig) { cfg.ReplayLimit = 1 << 10 }
	noBudget := func(cfg *EdgeConfig) { cfg.ReplayBudget = 1 }
	known := func() io.Reader { return bytes.NewReader(content) }
	chunked := func() io.Reader { return io.MultiReader(bytes.NewReader(content)) }
	tests := []struct {
		name   string
		config func(*EdgeConfig)
		body   func() io.Reader
		fail   func(*pod)
		want   []string
		status int
		code   string
	}{
		{"served", limit, known, func(*pod) {}, []string{"eu-west"}, 200, ""},
		{"chunked, served", limit, chunked, func(*pod) {}, []string{"eu-west"}, 200, ""},
		{"503 is passed on", limit, known, answers(503), []string{"eu-west"}, 503, "from_eu-west"},
		{"chunked, 503 is passed on", limit, chunked, answers(503), []string{"eu-west"}, 503, "from_eu-west"},
		{"hung up", limit, known, hangsUp, []string{"eu-west"}, 503, "outcome_unknown"},
		{"refused, nothing was read", limit, known, refuses, []string{"us-east"}, 200, ""},
		{"chunked, refused, nothing was read", limit, chunked, refuses, []string{"us-east"}, 200, ""},
		{"no budget, served", noBudget, known, func(*pod) {}, []string{"eu-west"}, 200, ""},
		{"no budget, 503 is passed on", noBudget, known, answers(503), []string{"eu-west"}, 503, "from_eu-west"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.config)
			tt.fail(w.pods["eu-west"])
			resp := w.send("POST", "/v1/seller/imports", tt.body(), "CF-IPCountry", "DE", "Idempotency-Key", "k")
			asked := w.asked()
			if diff := cmp.Diff(tt.want, asked); diff != "" {
				t.Fatalf("asked (-want +got):\n%s", diff)
			}
			if resp.Status != tt.status || resp.code() != tt.code {
				t.Errorf("%d %q, want %d %q", resp.Status, resp.code(), tt.status, tt.code)
			}
			if got := w.pods[asked[0]].last().Body; !bytes.Equal(got, content) {
				t.Errorf("%s was sent %d bytes, not the same", asked[0], len(got))
			}
			if tt.code == "outcome_unknown" && resp.Header.Get("Retry-After") == "" {
				t.Error("a call with a key is not invited to be repeated")
			}
		})
	}
}

// The region reads the beginning of an upload while the client still writes, and the client the beginning of an
// answer while the region still writes.
func TestEdge_StreamsBothWays(t *testing.T) {
	w := newWorld(t, nil)
	proceed := make(chan struct{})
	w.pods["eu-west"].set(func(rw http.ResponseWriter, r *http.Request) {
		lines := bufio.NewScanner(r.Body)
		lines.Scan()
		proceed <- struct{}{} // the first line is here
		for lines.Scan() {
		}
		_, _ = io.WriteString(rw, "first\n")
		_ = http.NewResponseController(rw).Flush()
		<-proceed // until the client has read it
		_, _ = io.WriteString(rw, "second\n")
	})
	upload, client := io.Pipe()
	go func() {
		_, _ = io.WriteString(client, "one\n")
		<-proceed
		_, _ = io.WriteString(client, "two\n")
		_ = client.Close()
	}()
	req, err := http.NewRequest("POST", w.url+"/v1/x", upload)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("CF-IPCountry", "DE")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer := bufio.NewReader(resp.Body)
	for _, want := range []string{"first\n", "second\n"} {
		got, err := answer.ReadString('\n')
		if err != nil || got != want {
			t.Fatalf("read %q, %v; want %q", got, err, want)
		}
		if want == "first\n" {
			proceed <- struct{}{}
		}
	}
}

// A long answer is not cut at the deadline that its headers had.
func TestEdge_LongAnswerHasNoDeadline(t *testing.T) {
	w := newWorld(t, shortPatience)
	w.pods["eu-west"].set(func(rw http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(rw).Flush()
		silence := time.NewTimer(3 * w.edge.cfg.ReadTimeout)
		defer silence.Stop()
		select {
		case <-silence.C:
			_, _ = io.WriteString(rw, "all of it")
		case <-r.Context().Done():
		}
	})
	if resp := w.send("GET", "/", nil, "CF-IPCountry", "DE"); resp.Body != "all of it" {
		t.Errorf("read %q", resp.Body)
	}
}

// An upload may take as long as it likes while it moves; once it stands still, the region's time runs.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		upload := &requestBody{stream: strings.NewReader("")}
		j := &journey{edge: &Edge{cfg: EdgeConfig{WriteTimeout: 10 * time.Second}}, body: upload, started: time.Now()}
		wait := j.newPatience("POST", cancel)
		for range 5 {
			time.Sleep(9 * time.Second) // of the bubble's clock
			wait.progress()
		}
		if synctest.Wait(); ctx.Err() != nil {
			t.Fatalf("cut while it moved: %v", context.Cause(ctx))
		}
		time.Sleep(11 * time.Second)
		if synctest.Wait(); !errors.Is(context.Cause(ctx), errTooSlow) {
			t.Fatalf("it stood still: %v", context.Cause(ctx))
		}
	})
}

// Once the headers are there, neither time nor what is still read of the upload cancels the request.
func TestPatience_Ended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		upload := &requestBody{stream: strings.NewReader("")}
		j := &journey{edge: &Edge{cfg: EdgeConfig{WriteTimeout: 10 * time.Second}}, body: upload, started: time.Now()}
		wait := j.newPatience("POST", cancel)
		wait.end()
		wait.progress()
		time.Sleep(time.Hour)
		if synctest.Wait(); ctx.Err() != nil {
			t.Fatalf("cut: %v", context.Cause(ctx))
		}
		cancel(nil)
	})
}

func TestEdge_NoRegion(t *testing.T) {
	for _, tt := range []struct {
		name   string
		method string
		fail   func(*pod)
		code   string
	}{
		{"all refuse", "GET", refuses, "no_region_available"},
		{"all hang up on a read", "GET", hangsUp, "no_region_available"},
		{"all refuse a write", "POST", refuses, "no_region_available"},
		{"all hang up on a write with a key", "POST", hangsUp, "outcome_unknown"},
		{"all answer 503: the last word stands", "GET", answers(503), "from_ap-southeast"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, nil)
			for _, p := range w.pods {
				tt.fail(p)
			}
			resp := w.send(tt.method, "/", nil, "CF-IPCountry", "DE", "Idempotency-Key", "k", "X-Request-Id", "abc")
			if resp.Status != 503 || resp.code() != tt.code {
				t.Fatalf("%d %q, want 503 %q", resp.Status, resp.code(), tt.code)
			}
			if got := resp.Header.Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("Content-Type = %q", got)
			}
			if strings.HasPrefix(tt.code, "from_") {
				return
			}
			if got := resp.Header.Get("Retry-After"); got != "5" {
				t.Errorf("Retry-After = %q", got)
			}
			if !strings.Contains(resp.Body, `"request_id":"abc"`) || resp.Header.Get("X-Request-Id") != "abc" {
				t.Errorf("the request id is missing: %s", resp.Body)
			}
		})
	}
}

func TestEdge_MaxTries(t *testing.T) {
	w := newWorld(t, func(cfg *EdgeConfig) { cfg.MaxTries = 2 })
	for _, p := range w.pods {
		answers(503)(p)
	}
	resp := w.send("GET", "/", nil, "CF-IPCountry", "DE")
	if diff := cmp.Diff([]string{"eu-west", "us-east"}, w.asked()); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	if resp.code() != "from_us-east" {
		t.Errorf("%d %s", resp.Status, resp.Body)
	}
}

func TestEdge_TotalTimeout(t *testing.T) {
	w := newWorld(t, func(cfg *EdgeConfig) { cfg.TotalTimeout = 100 * time.Millisecond })
	for _, p := range w.pods {
		keepsSilent(p)
	}
	resp := w.send("GET", "/", nil, "CF-IPCountry", "DE")
	if resp.code() != "no_region_available" {
		t.Errorf("%d %s", resp.Status, resp.Body)
	}
	if diff := cmp.Diff([]string{"eu-west"}, w.asked()); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

// Under any mixture of failures a write without a key reaches at most one region, and no request more than allowed.
func TestEdge_NeverRepeatsUnkeyedWrites(t *testing.T) {
	behaviours := map[string]func(*pod){
		"serves": func(p *pod) { p.set(nil) }, "503": answers(503), "hangs up": hangsUp, "refuses": nil,
	}
	names := slices.Sorted(maps.Keys(behaviours))
	w := newWorld(t, nil)
	rapid.Check(t, func(rt *rapid.T) {
		cfg := w.edge.cfg
		cfg.Targets = slices.Clone(cfg.Targets)
		drawn := map[string]string{}
		for i, configured := range cfg.Targets {
			name := rapid.SampledFrom(names).Draw(rt, configured.Region)
			drawn[configured.Region] = name
			if name == "refuses" {
				cfg.Targets[i].URL = &url.URL{Scheme: "http", Host: "127.0.0.1:1"} // where nobody listens
				continue
			}
			behaviours[name](w.pods[configured.Region])
		}
		edge, err := NewEdge(cfg)
		if err != nil {
			rt.Fatal(err)
		}
		defer edge.Close()
		method := rapid.SampledFrom([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}).Draw(rt, "method")
		keyed := rapid.Bool().Draw(rt, "keyed")
		r := httptest.NewRequest(method, "/v1/orders", strings.NewReader("{}"))
		r.Header.Set("X-Meridian-Region", rapid.SampledFrom(cfg.Regions.Names()).Draw(rt, "asked for"))
		if keyed {
			r.Header.Set("Idempotency-Key", "k")
		}
		rec := httptest.NewRecorder()
		edge.ServeHTTP(rec, r)

		asked := w.asked()
		if changes(method) && !keyed && len(asked) > 1 {
			rt.Fatalf("%s without a key reached %v", method, asked)
		}
		if len(asked) > len(slices.Compact(slices.Clone(asked))) || len(asked) > cfg.MaxTries {
			rt.Fatalf("asked %v", asked)
		}
		serving := slices.Contains(slices.Collect(maps.Values(drawn)), "serves")
		if (!changes(method) || keyed) && (rec.Code == 200) != serving {
			rt.Fatalf("status %d, and %v", rec.Code, drawn)
		}
		if rec.Code != 200 && rec.Code != 503 {
			rt.Fatalf("status %d, and %v", rec.Code, drawn)
		}
	})
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
	req, err := http.NewRequest("POST", w.url+"/v1/a%2Fb?x=1;y=2&z=%zz", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "shop.example"
	for name, value := range map[string]string{
		"CF-IPCountry": "DE", "X-Meridian-Country": "SG", "X-Meridian-Edge-Region": "mars", "X-Meridian-Region": "mars",
		"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "Connection": "X-Secret, X-Meridian-Country",
		"X-Secret": "1", "Keep-Alive": "1", "Proxy-Authorization": "x", "Te": "gzip", "Accept-Encoding": "br",
		"Authorization": "Bearer t", "Idempotency-Key": "k",
	} {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
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

func TestEdge_BreakerOpens(t *testing.T) {
	w := newWorld(t, func(cfg *EdgeConfig) { cfg.BreakerFailures, cfg.BreakerOpen = 3, time.Hour })
	hangsUp(w.pods["eu-west"])
	for range 5 {
		if resp := w.send("GET", "/", nil, "CF-IPCountry", "DE"); resp.Body != "us-east" {
			t.Fatalf("%d from %q", resp.Status, resp.Body)
		}
	}
	if diff := cmp.Diff([]string{"eu-west", "us-east", "eu-west", "us-east", "eu-west", "us-east", "us-east", "us-east"}, w.asked()); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	if got := healthOf(t, w.edge, "eu-west"); got.Circuit != "open" || got.Usable || !got.Healthy {
		t.Errorf("health = %+v", got)
	}
	if resp := w.send("GET", "/", nil, "CF-IPCountry", "DE", "X-Meridian-Region", "eu-west"); resp.Body != "us-east" {
		t.Errorf("asked for by name, it is given to %s", resp.Body)
	}
	if !strings.Contains(w.log.String(), "circuit changed") {
		t.Errorf("nothing is logged: %s", w.log)
	}
}

func TestEdge_BreakerClosesAgain(t *testing.T) {
	w := newWorld(t, func(cfg *EdgeConfig) { cfg.BreakerFailures, cfg.BreakerOpen = 1, time.Nanosecond })
	eu := w.pods["eu-west"]
	eu.stop()
	if resp := w.send("GET", "/", nil, "CF-IPCountry", "DE"); resp.Body != "us-east" {
		t.Fatalf("%d from %q", resp.Status, resp.Body)
	}
	if got := healthOf(t, w.edge, "eu-west").Circuit; got != "half-open" { // its nanosecond is over
		t.Fatalf("circuit = %s", got)
	}
	eu.start()
	if resp := w.send("GET", "/", nil, "CF-IPCountry", "DE"); resp.Body != "eu-west" {
		t.Fatalf("the region is back, and %d came from %q", resp.Status, resp.Body)
	}
	if got := healthOf(t, w.edge, "eu-west"); got.Circuit != "closed" || !got.Usable {
		t.Errorf("health = %+v", got)
	}
}

// Answers, whatever they say, speak for a region: a payment company that is down must not close the whole shop.
func TestEdge_BreakerIgnoresAnswers(t *testing.T) {
	w := newWorld(t, func(cfg *EdgeConfig) { cfg.BreakerFailures, cfg.BreakerOpen = 1, time.Hour })
	answers(503)(w.pods["eu-west"])
	for range 3 {
		w.send("GET", "/", nil, "CF-IPCountry", "DE")
	}
	if got := healthOf(t, w.edge, "eu-west"); !got.Usable {
		t.Errorf("health = %+v", got)
	}
}

// A client that hangs up speaks neither for nor against a region.
func TestEdge_BreakerIgnoresClientsThatLeave(t *testing.T) {
	w := newWorld(t, func(cfg *EdgeConfig) { cfg.BreakerFailures, cfg.BreakerOpen = 1, time.Hour })
	arrived := make(chan struct{})
	w.pods["us-east"].set(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	for _, tt := range []struct {
		name string
		body io.Reader
	}{
		{"while waiting", nil},
		{"while sending", io.MultiReader(strings.NewReader("{"), failingReader{})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			arrived = make(chan struct{})
			ctx, leave := context.WithCancel(t.Context())
			r := httptest.NewRequest("POST", "/", tt.body).WithContext(ctx)
			go func() {
				<-arrived
				if tt.body == nil {
					leave()
				}
			}()
			w.edge.ServeHTTP(httptest.NewRecorder(), r)
			leave()
			if got := healthOf(t, w.edge, "us-east"); !got.Usable {
				t.Errorf("health = %+v", got)
			}
		})
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("connection reset by client") }

func TestEdge_UnreadableBody(t *testing.T) {
	w := newWorld(t, nil)
	for _, key := range []string{"", "k"} {
		r := httptest.NewRequest("POST", "/", io.MultiReader(strings.NewReader("{"), failingReader{}))
		r.Header.Set("Idempotency-Key", key)
		w.pods["us-east"].set(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
		rec := httptest.NewRecorder()
		w.edge.ServeHTTP(rec, r)
		if rec.Code != 400 || !strings.Contains(rec.Body.String(), "bad_request") {
			t.Errorf("key %q: %d %s", key, rec.Code, rec.Body)
		}
	}
}

func TestEdge_HealthChecks(t *testing.T) {
	w := newWorld(t, func(cfg *EdgeConfig) { cfg.Health.DownAfter = 2 })
	eu := w.pods["eu-west"]
	nearest := func() string { return w.send("GET", "/", nil, "CF-IPCountry", "DE").Body }
	ctx := t.Context()

	w.edge.CheckOnce(ctx)
	for _, h := range w.edge.Health() {
		if !h.Usable || h.Reason != "" {
			t.Fatalf("at the start %+v", h)
		}
	}
	draining := func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			rw.WriteHeader(503)
			return
		}
		_, _ = io.WriteString(rw, eu.region)
	}
	eu.set(draining)
	w.edge.CheckOnce(ctx)
	if got := nearest(); got != "eu-west" {
		t.Fatalf("one failed probe moved requests to %s", got)
	}
	w.edge.CheckOnce(ctx)
	if got := nearest(); got != "us-east" {
		t.Fatalf("two failed probes, and requests go to %s", got)
	}
	if got := healthOf(t, w.edge, "eu-west"); got.Healthy || got.Usable || !strings.Contains(got.Reason, "503") {
		t.Errorf("health = %+v", got)
	}
	eu.set(nil)
	w.edge.CheckOnce(ctx)
	if got := nearest(); got != "eu-west" {
		t.Fatalf("it is ready again, and requests go to %s", got)
	}
	for _, p := range w.pods {
		p.stop()
	}
	w.edge.CheckOnce(ctx)
	w.edge.CheckOnce(ctx)
	w.asked()
	resp := w.send("GET", "/", nil, "CF-IPCountry", "DE")
	if resp.code() != "no_region_available" || resp.Header.Get("Retry-After") == "" {
		t.Errorf("all are down: %d %s", resp.Status, resp.Body)
	}
}

func TestEdge_CancelledProbeCountsForNothing(t *testing.T) {
	w := newWorld(t, func(cfg *EdgeConfig) { cfg.Health.DownAfter = 1 })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.edge.CheckOnce(ctx)
	for _, h := range w.edge.Health() {
		if !h.Healthy {
			t.Errorf("%+v", h)
		}
	}
}

func TestEdge_RunHealth(t *testing.T) {
	w := newWorld(t, func(cfg *EdgeConfig) { cfg.Health.Interval, cfg.Health.DownAfter = time.Millisecond, 1 })
	probes := make(chan struct{}, 100)
	w.pods["eu-west"].set(func(rw http.ResponseWriter, _ *http.Request) {
		select {
		case probes <- struct{}{}:
		default:
		}
		rw.WriteHeader(503)
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { w.edge.RunHealth(ctx); close(ended) }()
	for range 3 { // the third probe begins after the first was noted
		<-probes
	}
	cancel()
	<-ended
	if got := healthOf(t, w.edge, "eu-west"); got.Healthy {
		t.Errorf("health = %+v", got)
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
	if err := reader.Collect(t.Context(), &collected); err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			for _, point := range m.Data.(metricdata.Sum[int64]).DataPoints {
				region, _ := point.Attributes.Value("region")
				outcome, _ := point.Attributes.Value("outcome")
				got[strings.TrimSpace(fmt.Sprintf("%s %s %s", m.Name, region.AsString(), outcome.AsString()))] = point.Value
			}
		}
	}
	want := map[string]int64{
		"meridian.edge.requests us-east served":     1,
		"meridian.edge.requests ap-southeast error": 1,
		"meridian.edge.requests  outcome_unknown":   1,
		"meridian.edge.requests  no_region":         1,
		"meridian.edge.failovers eu-west":           2, // 503, then refused
		"meridian.edge.failovers us-east":           1,
		"meridian.edge.failovers us-west":           1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// While regions come and go, reads are always answered as long as one region stays.
func TestEdge_Concurrently(t *testing.T) {
	w := newWorld(t, nil)
	var clients sync.WaitGroup
	for _, country := range []string{"DE", "SG", "US", "MX"} {
		clients.Go(func() {
			for i := range 50 {
				method, body := "GET", io.Reader(nil)
				if i%2 == 1 {
					method, body = "POST", strings.NewReader("{}")
				}
				resp := w.send(method, "/", body, "CF-IPCountry", country, "Idempotency-Key", "k")
				if resp.Status != 200 {
					t.Errorf("%s from %s: %d %s", method, country, resp.Status, resp.Body)
				}
			}
		})
	}
	clients.Go(func() {
		for i := range 20 {
			fail := []func(*pod){answers(503), hangsUp}[i%2]
			fail(w.pods["eu-west"])
			fail(w.pods["ap-southeast"])
			w.edge.CheckOnce(t.Context())
			w.pods["eu-west"].set(nil)
			w.pods["ap-southeast"].set(nil)
			w.edge.CheckOnce(t.Context())
		}
	})
	clients.Wait()
}

func TestEdgeConfig_Validate(t *testing.T) {
	if err := (EdgeConfig{}).Validate(); err == nil || !strings.Contains(err.Error(), "regions") {
		t.Errorf("without regions: %v", err)
	}
	parse := func(text string) *url.URL {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	_, err := NewEdge(EdgeConfig{
		Regions: shippedSet(t),
		Targets: []Target{
			{Region: "mars", URL: parse("http://mars")},
			{Region: "eu-west", URL: parse("http://eu/path")},
			{Region: "eu-west", URL: parse("http://eu")},
			{Region: "us-west", URL: nil},
			{Region: "us-east", URL: parse("ftp://us")},
		},
		Locator:       LocatorConfig{DefaultCountry: "UK"},
		DefaultRegion: "venus",
		MaxTries:      -1,
		ReadTimeout:   -time.Second,
	})
	for _, want := range []string{`"mars"`, "URL of eu-west", "eu-west is listed twice", "URL of us-west", "URL of us-east",
		`"UK"`, `"venus"`, "max tries", "read timeout"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("nothing says %q in:\n%v", want, err)
		}
	}
	if _, err := NewEdge(EdgeConfig{Regions: shippedSet(t)}); err == nil || !strings.Contains(err.Error(), "targets") {
		t.Errorf("without targets: %v", err)
	}
}

func healthOf(t testing.TB, edge *Edge, region string) TargetHealth {
	t.Helper()
	for _, h := range edge.Health() {
		if h.Region == region {
			return h
		}
	}
	t.Fatalf("no health of %s", region)
	return TargetHealth{}
}

// BenchmarkEdge measures what the edge adds to a request: the same server is asked through it and directly, by
// turns.
func BenchmarkEdge(b *testing.B) {
	w := newWorld(b, nil)
	w.pods["us-east"].set(func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "ok") })
	ask := func(base string) {
		resp, err := http.Get(base + "/v1/products")
		if err != nil {
			b.Fatal(err)
		}
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
