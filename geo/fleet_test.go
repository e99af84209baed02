package geo

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"
	"pgregory.net/rapid"

	"meridian/internal/discovery"
	"meridian/internal/testkit"
)

// A fleet is an edge in front of any number of pods, whose directory the test is.
type fleet struct {
	t    testing.TB
	edge *Edge
	pool discovery.Pool
	pods map[string]*fleetPod
}

// A fleetPod answers 200 with its name, unless told otherwise.
type fleetPod struct {
	name   string
	url    string
	asked  atomic.Int64
	answer atomic.Pointer[http.HandlerFunc]
}

func (p *fleetPod) set(answer http.HandlerFunc) { p.answer.Store(&answer) }

// newFleet starts a number of pods in each region. The client is in Germany.
func newFleet(t testing.TB, each int, change func(*EdgeConfig)) *fleet {
	t.Helper()
	f := &fleet{t: t, pool: discovery.Pool{Regions: make(map[string]discovery.Region)}, pods: make(map[string]*fleetPod)}
	set := shippedSet(t)
	var all []discovery.Instance
	for _, region := range set.Names() {
		var instances []discovery.Instance
		for n := range each {
			p := &fleetPod{name: fmt.Sprintf("%s-%d", region, n+1)}
			server := httptest.NewServer(p)
			t.Cleanup(server.Close)
			p.url = server.URL
			f.pods[p.name] = p
			instances = append(instances, discovery.Instance{ID: p.name, Region: region, URL: p.url, Weight: 10})
		}
		f.pool.Regions[region] = discovery.Region{Instances: instances, Known: each, Control: discovery.Control{WeightPercent: 100}}
		all = append(all, instances...)
	}
	cfg := EdgeConfig{
		Regions: set, Locator: LocatorConfig{
			DefaultCountry: "DE", TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, CountryHeaders: []string{"CF-IPCountry"},
		},
		HedgePercent: -1, Log: slog.New(slog.DiscardHandler),
		Directory: testkit.Must(discovery.NewStatic(discovery.StaticConfig{Instances: all}))(t),
	}
	if change != nil {
		change(&cfg)
	}
	f.edge = testkit.Must(NewEdge(cfg))(t)
	t.Cleanup(f.edge.Close)
	return f
}

// ServeHTTP answers as a pod.
func (p *fleetPod) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.asked.Add(1)
	if answer := p.answer.Load(); answer != nil {
		(*answer)(w, r)
		return
	}
	_, _ = io.WriteString(w, p.name)
}

// change changes a region in the directory.
func (f *fleet) change(region string, change func(*discovery.Region)) {
	r := f.pool.Regions[region]
	change(&r)
	f.pool.Regions[region] = r
	f.edge.follow(f.pool)
}

// all lets every pod of the named regions answer so.
func (f *fleet) all(answer http.HandlerFunc) {
	for _, p := range f.pods {
		p.set(answer)
	}
}

// get sends a read from a client address.
func (f *fleet) get(path, from string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	if from != "" {
		r.Header.Set("X-Forwarded-For", from)
	}
	rec := httptest.NewRecorder()
	f.edge.ServeHTTP(rec, r)
	return rec
}

// tally counts which region answered a number of clients, and why.
func (f *fleet) tally(clients int) (regions, reasons map[string]int) {
	regions, reasons = make(map[string]int), make(map[string]int)
	for n := range clients {
		rec := f.get("/", fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255))
		regions[rec.Header().Get("X-Meridian-Edge-Region")]++
		reasons[rec.Header().Get("X-Meridian-Edge-Reason")]++
	}
	return regions, reasons
}

// near reports whether a share of clients is as wanted, within five standard deviations of a draw.
func near(got, of int, want float64) bool {
	return math.Abs(float64(got)-want*float64(of)) <= 5*math.Sqrt(float64(of)*want*(1-want))+1
}

func TestEdge_Drain(t *testing.T) {
	f := newFleet(t, 1, nil)
	f.change("eu-west", func(r *discovery.Region) { r.Control.Drained = true })
	if rec := f.get("/", ""); rec.Body.String() != "us-east-1" || rec.Header().Get("X-Meridian-Edge-Reason") != "drained" {
		t.Errorf("with the nearest drained %s answers, since %s", rec.Body, rec.Header().Get("X-Meridian-Edge-Reason"))
	}
	r := httptest.NewRequest("POST", "/v1/carts/"+publicID(t, "crt", "eu-west"), nil)
	rec := httptest.NewRecorder()
	f.edge.ServeHTTP(rec, r)
	if rec.Body.String() != "us-east-1" {
		t.Errorf("a write at home in a drained region is answered by %s", rec.Body)
	}
	for _, region := range []string{"us-east", "us-west", "ap-southeast"} {
		f.pods[region+"-1"].set(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	}
	if rec := f.get("/", ""); rec.Body.String() != "eu-west-1" {
		t.Errorf("with all others away %s answers, not the drained one", rec.Body)
	}
}

// TestEdge_Weight: a region takes its part of its own shoppers, always the same ones, and the others go by the planned shares.
func TestEdge_Weight(t *testing.T) {
	f := newFleet(t, 1, nil)
	f.change("eu-west", func(r *discovery.Region) { r.Control.WeightPercent = 20 })
	const clients = 3000
	got, _ := f.tally(clients)
	for region, want := range map[string]float64{"eu-west": 0.2, "us-east": 0.8 * 0.5, "us-west": 0.8 * 0.375, "ap-southeast": 0.8 * 0.125} {
		if !near(got[region], clients, want) {
			t.Errorf("%s gets %d of %d, want %.0f %%", region, got[region], clients, 100*want)
		}
	}
	again, _ := f.tally(clients)
	if fmt.Sprint(again) != fmt.Sprint(got) {
		t.Errorf("clients moved: %v, then %v", got, again)
	}
	f.change("eu-west", func(r *discovery.Region) { r.Control.WeightPercent = 0 })
	if got, _ := f.tally(100); got["eu-west"] > 0 {
		t.Errorf("with weight 0 it gets %v", got)
	}
}

// TestEdge_SlowStart: a region that comes back gets a part of its shoppers at first.
func TestEdge_SlowStart(t *testing.T) {
	f := newFleet(t, 1, nil)
	pods := f.pool.Regions["eu-west"].Instances
	f.change("eu-west", func(r *discovery.Region) { r.Instances = nil })
	if got, _ := f.tally(10); got["us-east"] != 10 {
		t.Fatalf("without a pod in eu-west requests go to %v", got)
	}
	f.change("eu-west", func(r *discovery.Region) { r.Instances = pods })
	const clients = 1000
	for _, test := range []struct {
		ago  time.Duration
		want float64
	}{{0, 0.1}, {15 * time.Second, 0.5}, {30 * time.Second, 1}} {
		f.edge.upstreams["eu-west"].now.Load().since = time.Now().Add(-test.ago)
		if got, _ := f.tally(clients); !near(got["eu-west"], clients, test.want) {
			t.Errorf("%v after its return eu-west gets %d of %d, want %.0f %%", test.ago, got["eu-west"], clients, 100*test.want)
		}
	}
}

// TestEdge_OtherPodFirst: one pod's trouble stays in its region.
func TestEdge_OtherPodFirst(t *testing.T) {
	f := newFleet(t, 3, func(cfg *EdgeConfig) { cfg.BreakerFailures, cfg.RetryBurst = 3, 100 })
	f.pods["eu-west-2"].set(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	for range 100 {
		if rec := f.get("/", ""); rec.Code != 200 || rec.Header().Get("X-Meridian-Edge-Region") != "eu-west" {
			t.Fatalf("%d %s", rec.Code, rec.Header())
		}
	}
	if n := f.pods["eu-west-2"].asked.Load(); n < 1 || n > 3 {
		t.Errorf("the broken pod was asked %d times, want 3 at most: then its circuit is open", n)
	}
}

// TestEdge_Outlier: a pod that answers 500 is left alone while the region has others, and never if all do.
func TestEdge_Outlier(t *testing.T) {
	f := newFleet(t, 3, func(cfg *EdgeConfig) { cfg.BreakerFailures = 3 })
	broken := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }
	f.pods["eu-west-2"].set(broken)
	failed := 0
	for range 200 {
		if f.get("/", "").Code == 500 {
			failed++
		}
	}
	if failed != 3 {
		t.Errorf("%d answers of 500, want 3", failed)
	}
	f.all(broken)
	for range 200 {
		if rec := f.get("/", ""); rec.Header().Get("X-Meridian-Edge-Region") != "eu-west" {
			t.Fatalf("since all answer 500 the request went to %s", rec.Header())
		}
	}
}

// TestEdge_Breakers: recommendations that are away close nothing but recommendations.
func TestEdge_Breakers(t *testing.T) {
	f := newFleet(t, 1, nil)
	f.pods["eu-west-1"].set(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/products/p/recommendations" {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, "eu-west-1")
	})
	for _, want := range []string{"failover", "failover", "failover", "down", "down"} {
		rec := f.get("/v1/products/p/recommendations", "")
		if got := rec.Header().Get("X-Meridian-Edge-Reason"); rec.Code != 200 || got != want {
			t.Errorf("recommendations: %d, since %s; want 200, since %s", rec.Code, got, want)
		}
		if got := f.get("/v1/products/p", "").Body.String(); got != "eu-west-1" {
			t.Fatalf("a product comes from %s", got)
		}
	}
}

// TestEdge_Hedge: a read that takes long is answered by another pod, within the budget, and no write is sent twice.
func TestEdge_Hedge(t *testing.T) {
	f := newFleet(t, 2, func(cfg *EdgeConfig) { cfg.HedgePercent, cfg.HedgeBurst, cfg.HedgeAfter = 5, 3, 10*time.Millisecond })
	gone := make(chan struct{}, 100)
	f.pods["eu-west-1"].set(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		gone <- struct{}{}
	})
	hedged := 0
	for range 20 {
		rec := f.get("/", "")
		if rec.Code != 200 || rec.Body.String() != "eu-west-2" {
			t.Fatalf("%d from %s", rec.Code, rec.Body)
		}
		if rec.Header().Get("X-Meridian-Edge-Reason") == "hedge" {
			hedged++
			<-gone
		}
		if hedged > 0 {
			break // from now on the slow pod is avoided
		}
	}
	if hedged == 0 {
		t.Fatal("no slow read was sent a second time")
	}
	for name, n := range map[string]int64{"us-east-1": f.pods["us-east-1"].asked.Load(), "us-east-2": f.pods["us-east-2"].asked.Load()} {
		if n > 0 {
			t.Errorf("%s was asked although the region has another pod", name)
		}
	}
	for _, u := range f.edge.upstreams {
		for began := time.Now(); u.limit.inFlight.Load() != 0; time.Sleep(time.Millisecond) {
			if time.Since(began) > testkit.Patience {
				t.Fatalf("%d places of %s are still taken", u.limit.inFlight.Load(), u.region)
			}
		}
	}
}

// TestEdge_HedgeBudget: when everything is slow, second tries stay a share of the requests.
func TestEdge_HedgeBudget(t *testing.T) {
	reader := metric.NewManualReader()
	f := newFleet(t, 2, func(cfg *EdgeConfig) {
		cfg.HedgePercent, cfg.HedgeBurst, cfg.HedgeAfter = 5, 2, time.Nanosecond
		cfg.Meter = metric.NewMeterProvider(metric.WithReader(reader))
	})
	f.all(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(2 * leastHedge)
		_, _ = io.WriteString(w, "ok")
	})
	const requests = 100
	var clients sync.WaitGroup
	for range 10 {
		clients.Go(func() {
			for range requests / 10 {
				if rec := f.get("/", ""); rec.Code != 200 {
					t.Errorf("%d", rec.Code)
				}
			}
		})
	}
	clients.Wait()
	sent := int64(0)
	for _, p := range f.pods {
		sent += p.asked.Load()
	}
	if most := int64(requests + 2 + requests*5/100); sent <= requests || sent > most {
		t.Errorf("%d requests were sent for %d, want some more but at most %d", sent, requests, most)
	}
}

// TestEdge_Stale: what anybody may see is still answered when no region is.
func TestEdge_Stale(t *testing.T) {
	f := newFleet(t, 1, nil)
	f.all(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Vary", "Accept-Language")
		switch r.URL.Path {
		case "/public":
			w.Header().Set("Cache-Control", "public, max-age=60")
		case "/odd":
			w.Header().Set("Cache-Control", "public")
			w.Header().Set("Vary", "Cookie")
		case "/private":
			w.Header().Set("Cache-Control", "private")
		}
		_, _ = io.WriteString(w, "answer")
	})
	for _, path := range []string{"/public", "/odd", "/private"} {
		if rec := f.get(path, ""); rec.Code != 200 {
			t.Fatalf("%s: %d", path, rec.Code)
		}
	}
	for name, broken := range map[string]http.HandlerFunc{
		"they answer 503": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
		"they hang up":    func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		f.all(broken)
		rec := f.get("/public", "")
		if rec.Code != 200 || rec.Body.String() != "answer" || rec.Header().Get("X-Meridian-Edge-Reason") != "stale" ||
			rec.Header().Get("Age") == "" || rec.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %q %v", name, rec.Code, rec.Body, rec.Header())
		}
		for _, path := range []string{"/public?page=2", "/odd", "/private"} {
			if rec := f.get(path, ""); rec.Code != 503 {
				t.Errorf("%s: %s is answered %d", name, path, rec.Code)
			}
		}
		r := httptest.NewRequest("GET", "/public", nil)
		r.Header.Set("Authorization", "Bearer x")
		signedIn := httptest.NewRecorder()
		f.edge.ServeHTTP(signedIn, r)
		if signedIn.Code != 503 {
			t.Errorf("%s: a customer is answered %d with what others were", name, signedIn.Code)
		}
	}
}

// TestLimit: it falls when a region shows that it has too much, comes back while it is used, and stays within its bounds.
func TestLimit(t *testing.T) {
	l, now := newLimit(100), time.Now()
	tick := func(overloaded bool, times int) {
		for range times {
			now = now.Add(shrinkEvery)
			l.observe(overloaded, now)
		}
	}
	tick(true, 1)
	if got := l.current(); got != 90 {
		t.Errorf("after a sign it is %d, want 90", got)
	}
	l.observe(true, now.Add(shrinkEvery/2))
	if got := l.current(); got != 90 {
		t.Errorf("signs that come together count once: %d", got)
	}
	tick(true, 100)
	if got := l.current(); got != leastLimit {
		t.Errorf("it falls to %d, want %d", got, leastLimit)
	}
	tick(false, 1000)
	if got := l.current(); got != leastLimit {
		t.Errorf("it grows to %d although it is not used", got)
	}
	for range leastLimit {
		l.enter(buying)
	}
	tick(false, 20)
	if got := l.current(); got != leastLimit+1 {
		t.Errorf("after a round of answers it is %d, want %d", got, leastLimit+1)
	}
	l.bound(8)
	if got := l.current(); got != 8 {
		t.Errorf("with pods that take 8 it is %d", got)
	}
}

func TestPriorityOf(t *testing.T) {
	for _, test := range []struct {
		method, path, agent, token string
		want                       priority
	}{
		{"POST", "/v1/carts/x:checkout", "", "", buying},
		{"GET", "/v1/orders/x", "", "", buying},
		{"POST", "/v1/webhooks/stripe", "Stripebot", "", buying},
		{"POST", "/v1/carts", "", "", carting},
		{"GET", "/v1/products", "", "t", carting},
		{"PUT", "/v1/products/x", "", "", carting},
		{"GET", "/v1/products", "", "", browsing},
		{"GET", "/v1/products", "Mozilla/5.0 (compatible; Googlebot/2.1)", "", crawling},
	} {
		r := httptest.NewRequest(test.method, test.path, nil)
		r.Header.Set("User-Agent", test.agent)
		r.Header.Set("Authorization", test.token)
		if got := priorityOf(r); got != test.want {
			t.Errorf("%s %s by %q is %s, want %s", test.method, test.path, test.agent, got, test.want)
		}
	}
}

// TestPick: of pods of which one is slow, the others get nearly all; by weights, the heavier gets more.
func TestPick(t *testing.T) {
	u := newUpstream("eu-west", 0, EdgeConfig{}.forTest(t))
	pool := discovery.Region{Control: discovery.Control{WeightPercent: 100}}
	for n := range 4 {
		pool.Instances = append(pool.Instances, discovery.Instance{ID: fmt.Sprint(n), URL: "http://10.0.0.1", Weight: 10})
	}
	u.follow(pool, EdgeConfig{}.forTest(t), false)
	pods, now := u.now.Load().pods, time.Now()
	for _, pod := range pods {
		pod.latency.observe(time.Millisecond, now)
	}
	pods[2].latency.observe(time.Second, now)
	counts := make(map[*endpoint]int)
	for range 4000 {
		counts[u.pick(0, nil, 0)]++
	}
	if counts[pods[2]] > 0 {
		t.Errorf("the slow pod is picked %d times of 4000", counts[pods[2]])
	}
	for _, n := range []int{0, 1, 3} {
		if counts[pods[n]] < 800 {
			t.Errorf("pod %d is picked %d times of 4000", n, counts[pods[n]])
		}
	}
	if pod := u.pick(0, pods, 0); pod != nil {
		t.Errorf("a pod that was tried is picked again: %s", pod.ID)
	}
	if pod := u.pick(0, pods[1:], 0); pod != pods[0] {
		t.Error("the one that is left is not picked")
	}
}

// TestQuantile: of durations in any order, about one in twenty is above the estimate. Its steps let it stray by a twentieth of the
// value as a rule, which for exponential durations is between 2 and 12 of a hundred at five times that.
func TestQuantile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q quantile
		q.set(100 * time.Millisecond)
		scale := rapid.Float64Range(1, 50).Draw(t, "ms")
		seed := rapid.Uint64().Draw(t, "seed")
		draw := func() time.Duration { // exponential
			seed = seed*6364136223846793005 + 1442695040888963407
			return time.Duration(-math.Log(float64(seed>>11+1)/(1<<53)) * scale * float64(time.Millisecond))
		}
		for range 50_000 {
			q.observe(draw())
		}
		above := 0
		for range 20_000 {
			if draw() > q.get() {
				above++
			}
		}
		if above < 400 || above > 2400 {
			t.Fatalf("%d of 20000 are above %v", above, q.get())
		}
	})
}
