package geo

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"meridian/internal/discovery"
	"meridian/internal/testkit"
)

// A world is an edge in front of four regions, each a server of its own, all on this machine.
type world struct {
	t    testing.TB
	edge *Edge
	url  string
	// directory lists a pod for each region, and probes it when it is told to.
	directory *discovery.Static
	pods      map[string]*pod
	log       *bytes.Buffer

	mu    sync.Mutex
	order []string // which region was asked, in order
}

// A pod stands for a region. It notes what it is sent and answers 200 with its region's name, unless told otherwise.
type pod struct {
	region string
	world  *world
	addr   string
	server *http.Server
	ended  chan struct{} // closed when the server listens no more

	mu     sync.Mutex
	answer http.HandlerFunc // nil is the ordinary answer
	got    []received
}

type received struct {
	Method, Path, Query, Host string
	Header                    http.Header
	Body                      []byte
}

// newWorld starts the regions and the edge. The edge trusts this machine to name countries, and sends no read twice.
func newWorld(t testing.TB, change func(*EdgeConfig), list ...func(*discovery.StaticConfig)) *world {
	t.Helper()
	w := &world{t: t, pods: make(map[string]*pod), log: new(bytes.Buffer)}
	cfg := EdgeConfig{
		Regions: shippedSet(t),
		Locator: LocatorConfig{
			TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
			CountryHeaders: []string{"CF-IPCountry"},
		},
		HedgePercent:    -1,
		BreakerFailures: 100,
		Log:             slog.New(slog.NewTextHandler(w.log, nil)),
	}
	listed := discovery.StaticConfig{Log: cfg.Log, Steadiness: discovery.Steadiness{ReturnAfter: time.Nanosecond}}
	for _, name := range cfg.Regions.Names() {
		p := &pod{region: name, world: w, addr: "127.0.0.1:0"}
		p.start()
		w.pods[name] = p
		listed.Instances = append(listed.Instances, discovery.Instance{ID: name, Region: name, URL: "http://" + p.addr, Weight: 1})
	}
	for _, change := range list {
		change(&listed)
	}
	w.directory = testkit.Must(discovery.NewStatic(listed))(t)
	cfg.Directory = w.directory
	if change != nil {
		change(&cfg)
	}
	edge := testkit.Must(NewEdge(cfg))(t)
	front := httptest.NewServer(edge)
	w.edge, w.url = edge, front.URL
	t.Cleanup(func() {
		front.Close()
		edge.Close()
		for _, p := range w.pods {
			p.stop()
		}
	})
	return w
}

// probe lets the directory probe all pods, and the edge take over what it finds.
func (w *world) probe() {
	w.directory.CheckOnce(w.t.Context())
	w.edge.follow(w.directory.Pool())
}

// start listens where the pod listened before.
func (p *pod) start() {
	listener := testkit.Must(net.Listen("tcp", p.addr))(p.world.t)
	p.addr = listener.Addr().String()
	p.server = &http.Server{Handler: p}
	p.ended = make(chan struct{})
	go func() {
		_ = p.server.Serve(listener) // it always ends with ErrServerClosed
		close(p.ended)
	}()
}

// stop closes every connection, and waits until new ones are refused.
func (p *pod) stop() {
	_ = p.server.Close()
	<-p.ended
}

func (p *pod) set(answer http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

func (p *pod) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	answer := p.answer
	p.mu.Unlock()
	if r.URL.Path != "/readyz" {
		p.world.mu.Lock()
		p.world.order = append(p.world.order, p.region)
		p.world.mu.Unlock()
	}
	if answer != nil {
		answer(w, r)
		return
	}
	p.note(r)
	_, _ = io.WriteString(w, p.region)
}

// note reads the request to its end and keeps it.
func (p *pod) note(r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.world.t.Errorf("%s: reading the body: %v", p.region, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, received{r.Method, r.URL.Path, r.URL.RawQuery, r.Host, r.Header.Clone(), body})
}

func (p *pod) last() received {
	p.world.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.got) == 0 {
		p.world.t.Fatalf("%s was sent nothing", p.region)
	}
	return p.got[len(p.got)-1]
}

// asked returns the regions that were asked since the last call, in order.
func (w *world) asked() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	order := slices.Clone(w.order)
	w.order = nil
	return order
}

// The ways in which a region fails.

func refuses(p *pod) { p.stop() }

func answers(status int) func(*pod) {
	return func(p *pod) {
		p.set(func(w http.ResponseWriter, r *http.Request) {
			p.note(r)
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"code":"from_`+p.region+`"}`)
		})
	}
}

// hangsUp takes the request and closes the connection without an answer.
func hangsUp(p *pod) {
	p.set(func(w http.ResponseWriter, r *http.Request) {
		p.note(r)
		panic(http.ErrAbortHandler)
	})
}

// keepsSilent takes the request and answers nothing until the edge gives up.
func keepsSilent(p *pod) {
	p.set(func(w http.ResponseWriter, r *http.Request) {
		p.note(r)
		<-r.Context().Done()
	})
}

// A response is an answer, read to its end.
type response struct {
	Status int
	Header http.Header
	Body   string
}

// code is the problem's code, or empty.
func (r response) code() string {
	var p struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal([]byte(r.Body), &p)
	return p.Code
}

// send asks the edge. Headers are name, value, name, value …
func (w *world) send(method, path string, body io.Reader, headers ...string) response {
	w.t.Helper()
	req := testkit.Must(http.NewRequest(method, w.url+path, body))(w.t)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	resp := testkit.Must(http.DefaultClient.Do(req))(w.t)
	defer resp.Body.Close()
	text := testkit.Must(io.ReadAll(resp.Body))(w.t)
	return response{resp.StatusCode, resp.Header, string(text)}
}

// shortPatience makes silence a failure soon; what is measured stays far below it.
func shortPatience(cfg *EdgeConfig) {
	cfg.ReadTimeout, cfg.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
}
