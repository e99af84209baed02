package geo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"meridian/internal/discovery"
	"meridian/internal/testkit"
)

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

// A refresh token is sent once, whatever the client says: the second time it would be taken for stolen.
func TestEdge_NeverRepeatsARefresh(t *testing.T) {
	w := newWorld(t, nil)
	hangsUp(w.pods["eu-west"])
	resp := w.send("POST", "/v1/sessions:refresh", strings.NewReader(`{"refresh_token":"t"}`), "CF-IPCountry", "DE", "Idempotency-Key", "k1")
	if diff := cmp.Diff([]string{"eu-west"}, w.asked()); diff != "" || resp.Status != 503 {
		t.Errorf("%d, asked (-want +got):\n%s", resp.Status, diff)
	}
}

// TestEdge_MethodsGoHome: what changes a row goes to its home region, whether the path ends in the id or in a method of it.
func TestEdge_MethodsGoHome(t *testing.T) {
	w := newWorld(t, nil)
	id := publicID(t, "ord", "ap-southeast")
	for _, path := range []string{"/v1/orders/" + id, "/v1/orders/" + id + ":cancel", "/v1/orders/" + id + "/notes"} {
		if resp := w.send("POST", path, strings.NewReader("{}"), "CF-IPCountry", "DE"); resp.Body != "ap-southeast" {
			t.Errorf("%s is answered by %s", path, resp.Body)
		}
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
			if got := w.edge.bodies.Load(); got != 0 {
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
	req := testkit.Must(http.NewRequest("POST", w.url+"/v1/x", upload))(t)
	req.Header.Set("CF-IPCountry", "DE")
	resp := testkit.Must(http.DefaultClient.Do(req))(t)
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
			wait.read(true)
			wait.read(false)
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

// A client that pauses in the middle of its upload uses up its own time, not the region's.
func TestPatience_ClientStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		upload := &requestBody{stream: strings.NewReader("")}
		j := &journey{edge: &Edge{cfg: EdgeConfig{WriteTimeout: 10 * time.Second}}, body: upload, started: time.Now()}
		wait := j.newPatience("POST", cancel)
		wait.read(true)
		time.Sleep(11 * time.Second)
		if synctest.Wait(); !errors.Is(context.Cause(ctx), errClientStalled) {
			t.Fatalf("the client stood still: %v", context.Cause(ctx))
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
		wait.read(false)
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
		var listed []discovery.Instance
		drawn := map[string]string{}
		for _, region := range cfg.Regions.Names() {
			name := rapid.SampledFrom(names).Draw(rt, region)
			drawn[region] = name
			i := discovery.Instance{ID: region, Region: region, URL: "http://" + w.pods[region].addr, Weight: 1}
			if name == "refuses" {
				i.URL = "http://127.0.0.1:1" // where nobody listens
			} else {
				behaviours[name](w.pods[region])
			}
			listed = append(listed, i)
		}
		cfg.Directory = testkit.Must(discovery.NewStatic(discovery.StaticConfig{Instances: listed}))(rt)
		edge := testkit.Must(NewEdge(cfg))(rt)
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
			w.probe()
			w.pods["eu-west"].set(nil)
			w.pods["ap-southeast"].set(nil)
			w.probe()
		}
	})
	clients.Wait()
}
