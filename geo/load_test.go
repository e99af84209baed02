package geo

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/discovery"
	"meridian/internal/testkit"
)

// A region has as long for an answer as it says that the call takes, and no longer.
func TestEdge_LongCalls(t *testing.T) {
	slow := func(wait time.Duration) func(*pod) {
		return func(p *pod) {
			p.set(func(rw http.ResponseWriter, r *http.Request) {
				p.note(r)
				select {
				case <-time.After(wait):
					_, _ = io.WriteString(rw, p.region)
				case <-r.Context().Done():
				}
			})
		}
	}
	long := []LongCall{
		{Method: "POST", Path: "/v1/seller/imports", Timeout: time.Minute},
		{Method: "POST", Path: "/v1/finance/changes/{change_id}:approve", Timeout: time.Minute},
		{Method: "GET", Path: "/v1/finance/reports/revenue", Timeout: time.Minute},
	}
	for _, test := range []struct {
		method, path string
		status       int
	}{
		{"POST", "/v1/seller/imports", 200},
		{"POST", "/v1/finance/changes/1-2:approve", 200},
		{"GET", "/v1/finance/reports/revenue", 200},
		{"HEAD", "/v1/finance/reports/revenue", 200},
		{"GET", "/v1/seller/imports", 503},
		{"POST", "/v1/finance/changes/1-2:reject", 503},
		{"POST", "/v1/finance/changes/1/2:approve", 503},
		{"POST", "/v1/seller/imports/", 503},
	} {
		for _, body := range []string{"", "a body that is kept", strings.Repeat("a body that is streamed", 100)} {
			t.Run(fmt.Sprintf("%s %s %d bytes", test.method, test.path, len(body)), func(t *testing.T) {
				w := newWorld(t, func(cfg *EdgeConfig) {
					cfg.ReadTimeout, cfg.WriteTimeout, cfg.TotalTimeout = 20*time.Millisecond, 40*time.Millisecond, 80*time.Millisecond
					cfg.LongCalls, cfg.ReplayLimit = long, 1000
				})
				for _, p := range w.pods {
					slow(200 * time.Millisecond)(p)
				}
				resp := w.send(test.method, test.path, strings.NewReader(body), "CF-IPCountry", "DE", "Idempotency-Key", "k")
				if resp.Status != test.status {
					t.Errorf("%d %s", resp.Status, resp.Body)
				}
			})
		}
	}
}

// What this machine lacks, and what a client does, opens no circuit; a region that is away does.
func TestEdge_BlamesTheRegionOnly(t *testing.T) {
	for _, test := range []struct {
		name  string
		err   error
		fails bool
	}{
		{"no more files", os.NewSyscallError("socket", syscall.EMFILE), false},
		{"no more ports", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EADDRNOTAVAIL)}, false},
		{"no more memory", os.NewSyscallError("socket", syscall.ENOBUFS), false},
		{"the client stalled", errClientStalled, false},
		{"the client left", context.Canceled, false},
		{"refused", os.NewSyscallError("connect", syscall.ECONNREFUSED), true},
		{"silent", errTooSlow, true},
	} {
		cfg := EdgeConfig{BreakerFailures: 3, BreakerOpen: time.Minute}.forTest(t)
		pod := newEndpoint(newUpstream("eu-west", 0, cfg), discovery.Instance{ID: "pod", URL: "http://10.0.0.1"}, cfg)
		for range 5 {
			if report, ok := pod.allow(0); ok {
				report(&tryError{region: "eu-west", err: fmt.Errorf("asking: %w", test.err)})
			}
		}
		if open := !pod.usable(0); open != test.fails {
			t.Errorf("%s: the circuit is open: %v", test.name, open)
		}
	}
}

func (c EdgeConfig) forTest(t *testing.T) EdgeConfig {
	c.Regions = shippedSet(t)
	return c.withDefaults()
}

// A client that stalls in the middle of its upload is told so, and no circuit opens.
func TestEdge_StalledUpload(t *testing.T) {
	w := newWorld(t, func(cfg *EdgeConfig) {
		cfg.WriteTimeout, cfg.ReplayLimit, cfg.BreakerFailures = 50*time.Millisecond, 8, 1
	})
	w.pods["eu-west"].set(func(rw http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	for range 3 {
		upload, client := io.Pipe()
		go func() { _, _ = io.WriteString(client, "the beginning of it") }()
		resp := w.send("POST", "/v1/seller/imports", upload, "CF-IPCountry", "DE")
		_ = client.Close()
		if resp.Status != 400 || resp.code() != "bad_request" {
			t.Errorf("%d %s", resp.Status, resp.Body)
		}
	}
	for _, health := range w.edge.Health() {
		if !health.Usable {
			t.Errorf("%+v", health)
		}
	}
}

// held makes a pod hold each request until the channel is closed.
func held(p *pod, release <-chan struct{}) {
	p.set(func(rw http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
			_, _ = io.WriteString(rw, p.region)
		case <-r.Context().Done():
		}
	})
}

// Requests beyond what the edge, or its regions, take at once are refused at once, and the regions stay open.
func TestEdge_ShedsLoad(t *testing.T) {
	const most = 8
	for _, test := range []struct {
		name   string
		config func(*EdgeConfig)
		path   string
		agent  string
		served int
	}{
		{"of the edge", func(cfg *EdgeConfig) { cfg.MaxInFlight = 4 * most }, "/v1/orders", "", 4 * most},
		{"of the edge, for who looks around", func(cfg *EdgeConfig) { cfg.MaxInFlight = 4 * most }, "/", "", 25},
		{"of the edge, for robots", func(cfg *EdgeConfig) { cfg.MaxInFlight = 4 * most }, "/", "Googlebot/2.1", 2 * most},
		{"of every region", func(cfg *EdgeConfig) { cfg.MaxPerRegion = most }, "/v1/orders", "", 4 * most},
		{"of every region, for carts", func(cfg *EdgeConfig) { cfg.MaxPerRegion = most }, "/v1/carts/x", "", 4 * 7},
		{"of every region, for who looks around", func(cfg *EdgeConfig) { cfg.MaxPerRegion = most }, "/", "", 4 * 6},
		{"of every region, for robots", func(cfg *EdgeConfig) { cfg.MaxPerRegion = most }, "/", "a spider", 4 * most / 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, func(cfg *EdgeConfig) { cfg.BreakerFailures = 1; test.config(cfg) })
			release := make(chan struct{})
			for _, p := range w.pods {
				held(p, release)
			}
			codes := make(chan string, 100)
			var clients sync.WaitGroup
			for range 100 {
				clients.Go(func() {
					resp := w.send("GET", test.path, nil, "CF-IPCountry", "DE", "User-Agent", test.agent)
					codes <- fmt.Sprint(resp.Status, " ", resp.code())
				})
			}
			counts := make(map[string]int)
			for range 100 - test.served {
				counts[<-codes]++
			}
			close(release)
			clients.Wait()
			for range test.served {
				counts[<-codes]++
			}
			if diff := cmp.Diff(map[string]int{"503 overloaded": 100 - test.served, "200 ": test.served}, counts); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
			for _, health := range w.edge.Health() {
				if !health.Usable {
					t.Errorf("%+v", health)
				}
			}
			if n := w.edge.inFlight.Load(); n != 0 {
				t.Errorf("%d requests are still counted", n)
			}
			for _, u := range w.edge.upstreams {
				if n := u.limit.inFlight.Load(); n != 0 {
					t.Errorf("%d places of %s are still taken", n, u.region)
				}
			}
		})
	}
}

// When every region is in trouble, further tries are a share of the requests.
func TestEdge_RetryBudget(t *testing.T) {
	w := newWorld(t, func(cfg *EdgeConfig) { cfg.RetryBurst, cfg.RetryPercent = 5, 10 })
	for _, p := range w.pods {
		answers(503)(p)
	}
	const requests = 50
	for range requests {
		if resp := w.send("GET", "/", nil, "CF-IPCountry", "DE"); resp.Status != 503 || !strings.HasPrefix(resp.code(), "from_") {
			t.Fatalf("%d %s", resp.Status, resp.Body)
		}
	}
	if further := len(w.asked()) - requests; further < 5 || further > 5+requests/10 {
		t.Errorf("%d further tries for %d requests", further, requests)
	}
}

// The answer's place is given back when its body ends, also where the client leaves in the middle.
func TestEdge_GivesPlacesBack(t *testing.T) {
	w := newWorld(t, func(cfg *EdgeConfig) { cfg.MaxPerRegion = 1 })
	w.pods["eu-west"].set(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = rw.Write(make([]byte, 1<<16))
		_ = http.NewResponseController(rw).Flush()
		<-r.Context().Done()
	})
	ctx, leave := context.WithCancel(t.Context())
	req := testkit.Must(http.NewRequestWithContext(ctx, "GET", w.url, nil))(t)
	req.Header.Set("CF-IPCountry", "DE")
	resp := testkit.Must(http.DefaultClient.Do(req))(t)
	leave()
	_ = resp.Body.Close()
	for u, began := w.edge.upstreams["eu-west"], time.Now(); u.limit.inFlight.Load() != 0; time.Sleep(time.Millisecond) {
		if time.Since(began) > 5*time.Second {
			t.Fatal("the place is still taken")
		}
	}
	rec := httptest.NewRecorder()
	w.pods["eu-west"].set(nil)
	w.edge.ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
	if rec.Code != 200 {
		t.Errorf("%d", rec.Code)
	}
}
