package geo

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"sync/atomic"
	"time"
)

// An Edge is a reverse proxy in front of every region. See the package comment for what it promises.
//
// The regions are tried in this order, those that are down left out:
//
//  1. the region named by the X-Meridian-Region header of a trusted proxy's request, for operators and tests;
//  2. for a request that changes something: the region in the first public id of its path (/v1/carts/crt_euw_…),
//     else the home region named by the access token's "hr" claim;
//  3. the others, the nearest to the client first.
//
// The next one is asked when a region cannot be reached, does not answer in time, or answers 502, 503 or 504, if the
// request changes nothing or has an Idempotency-Key and a body within ReplayLimit. Other requests move on only if it is
// certain that nothing was sent. When the regions are used up, the client gets the last answer or, without one, 503
// no_region_available.
//
// What is not a region's fault opens no circuit: a client that stalls or leaves, and this machine's own want of sockets or
// memory. Load is shed early: beyond MaxInFlight requests the edge answers 503 overloaded at once, a region is given
// MaxPerRegion at a time, and further tries are a share of all requests, so that one region's trouble does not become
// everyone's.
type Edge struct {
	cfg       EdgeConfig
	locator   *Locator
	ranker    *Ranker
	targets   map[string]*target // by region
	transport *http.Transport
	copies    copyBuffers
	kept      atomic.Int64 // bytes of bodies that are kept for a second try
	inFlight  atomic.Int64
	long      []longCall
	retries   retries
	metrics   instruments
}

// NewEdge checks the configuration and returns an edge that treats every region as healthy until RunHealth or
// CheckOnce has probed it.
func NewEdge(cfg EdgeConfig) (*Edge, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configuring the edge: %w", err)
	}
	cfg = cfg.withDefaults()
	locator, err := NewLocator(cfg.Locator, cfg.Regions)
	if err != nil {
		return nil, fmt.Errorf("configuring the edge: %w", err)
	}
	ranker, err := NewRanker(cfg.Regions)
	if err != nil {
		return nil, fmt.Errorf("configuring the edge: %w", err)
	}
	e := &Edge{cfg: cfg, locator: locator, ranker: ranker, targets: make(map[string]*target), transport: newTransport(cfg)}
	e.long = compileLong(cfg.LongCalls)
	e.retries = retries{share: float64(cfg.RetryPercent) / 100, most: float64(cfg.RetryBurst), left: float64(cfg.RetryBurst)}
	for _, t := range cfg.Targets {
		e.targets[t.Region] = newTarget(t, cfg)
	}
	if err := e.register(); err != nil {
		return nil, fmt.Errorf("configuring the edge: %w", err)
	}
	return e, nil
}

// newTransport returns a transport that passes bytes on unchanged. It drops idle connections before servers commonly
// do, because a write on a connection that was just closed cannot be told from one that arrived.
func newTransport(cfg EdgeConfig) *http.Transport {
	dialer := &net.Dialer{Timeout: cfg.DialTimeout, KeepAlive: 15 * time.Second}
	return &http.Transport{
		DialContext:           dialer.DialContext,
		TLSHandshakeTimeout:   cfg.DialTimeout,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true,
		MaxIdleConnsPerHost:   cfg.MaxPerRegion,
		MaxConnsPerHost:       cfg.MaxPerRegion + probeConns,
		IdleConnTimeout:       30 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

// probeConns are the connections to a region that probes may have beside requests.
const probeConns = 4

// ServeHTTP sends the request to a region and its answer to the client.
func (e *Edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	loc := e.locator.Locate(r)
	j := &journey{edge: e, loc: loc, requestID: requestID(r.Header), long: e.longTimeout(r), started: time.Now()}
	r, span := e.begin(r)
	defer func() { j.end(context.WithoutCancel(r.Context()), span) }() // also when the copying of an answer panics
	defer e.inFlight.Add(-1)
	if e.inFlight.Add(1) > int64(e.cfg.MaxInFlight) {
		// The server reads what is left of the body before it answers: bound that.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Second))
		j.refuse(w, r, problemOverloaded)
		return
	}
	e.retries.earn()
	j.plan = e.plan(r, loc)
	body, err := e.newBody(w, r)
	if err != nil {
		j.refuse(w, r, problemUnreadableBody)
		return
	}
	defer body.release()
	j.body = body
	proxy := httputil.ReverseProxy{
		Rewrite:        func(p *httputil.ProxyRequest) { e.rewrite(p, j) },
		Transport:      j,
		ModifyResponse: j.varyByClient,
		ErrorHandler:   j.answerError,
		BufferPool:     &e.copies,
	}
	proxy.ServeHTTP(w, r)
}

// Close closes idle connections. Requests in flight go on.
func (e *Edge) Close() { e.transport.CloseIdleConnections() }

// plan returns the regions to try, in order, without those that are down.
func (e *Edge) plan(r *http.Request, loc Location) []*target {
	var plan []*target
	add := func(region string) {
		if t, ok := e.targets[region]; ok && t.usable() && !slices.Contains(plan, t) {
			plan = append(plan, t)
		}
	}
	if e.locator.FromTrusted(r) {
		add(r.Header.Get(headerRegion))
	}
	if changes(r.Method) {
		add(cmp.Or(e.regionOfPath(r.URL.Path), e.regionOfToken(r)))
	}
	if loc.Country == "" {
		add(e.cfg.DefaultRegion)
		for _, region := range e.cfg.Regions.Failover(e.cfg.DefaultRegion) {
			add(region.Name)
		}
		return plan
	}
	for _, region := range e.ranker.Order(loc.Country, loc.Zone) {
		add(region)
	}
	return plan
}

// changes reports whether the method may change something.
func changes(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return false
	}
	return true
}
