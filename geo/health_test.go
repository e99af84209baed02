package geo

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEdge_BreakerOpens(t *testing.T) {
	w := newWorld(t, func(cfg *EdgeConfig) { cfg.BreakerFailures, cfg.BreakerOpen = 3, time.Hour })
	hangsUp(w.pods["eu-west"])
	for range 5 {
		if resp := w.send("GET", "/", nil, "CF-IPCountry", "DE"); resp.Body != "us-east" {
			t.Fatalf("%d from %q", resp.Status, resp.Body)
		}
	}
	if diff := cmp.Diff([]string{"eu-west", "us-east", "eu-west", "us-east", "eu-west", "us-east", "us-east", "us-east"},
		w.asked()); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	if got := healthOf(t, w.edge, "eu-west"); got.Open != 1 || got.Usable || got.Pods != 1 {
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
	if got := healthOf(t, w.edge, "eu-west"); !got.Usable { // its nanosecond is over
		t.Fatalf("health = %+v", got)
	}
	eu.start()
	if resp := w.send("GET", "/", nil, "CF-IPCountry", "DE"); resp.Body != "eu-west" {
		t.Fatalf("the region is back, and %d came from %q", resp.Status, resp.Body)
	}
	if got := healthOf(t, w.edge, "eu-west"); got.Open != 0 || !got.Usable {
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

func TestEdge_FollowsTheDirectory(t *testing.T) {
	w := newWorld(t, nil)
	eu := w.pods["eu-west"]
	nearest := func() string { return w.send("GET", "/", nil, "CF-IPCountry", "DE").Body }
	w.probe()
	for _, h := range w.edge.Health() {
		if !h.Usable || h.Pods != 1 {
			t.Fatalf("at the start %+v", h)
		}
	}
	eu.set(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			rw.WriteHeader(503)
			return
		}
		_, _ = io.WriteString(rw, eu.region)
	})
	w.probe()
	if got := nearest(); got != "eu-west" {
		t.Fatalf("one failed probe moved requests to %s", got)
	}
	w.probe()
	resp := w.send("GET", "/", nil, "CF-IPCountry", "DE")
	if resp.Body != "us-east" || resp.Header.Get("X-Meridian-Edge-Reason") != "down" {
		t.Fatalf("two failed probes, and requests go to %s, since %s", resp.Body, resp.Header.Get("X-Meridian-Edge-Reason"))
	}
	if got := healthOf(t, w.edge, "eu-west"); got.Usable || got.Pods != 0 || got.Known != 1 {
		t.Errorf("health = %+v", got)
	}
	eu.set(nil)
	w.probe()
	w.edge.upstreams["eu-west"].now.Load().since = time.Time{} // it has all its load again
	if got := nearest(); got != "eu-west" {
		t.Fatalf("it is ready again, and requests go to %s", got)
	}
	for _, p := range w.pods {
		p.stop()
	}
	w.probe()
	w.probe()
	resp = w.send("GET", "/", nil, "CF-IPCountry", "DE")
	if resp.code() != "no_region_available" || resp.Header.Get("Retry-After") == "" {
		t.Errorf("all are down: %d %s", resp.Status, resp.Body)
	}
}

func healthOf(t testing.TB, edge *Edge, region string) RegionHealth {
	t.Helper()
	for _, h := range edge.Health() {
		if h.Region == region {
			return h
		}
	}
	t.Fatalf("no health of %s", region)
	return RegionHealth{}
}
