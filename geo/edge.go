package geo

import (
	"context"
	"fmt"
	"hash/maphash"
	"net"
	"net/http"
	"net/http/httputil"
	"sync/atomic"
	"time"
)

// An Edge is a reverse proxy in front of every region. See the package comment for what it promises.
//
// The regions are tried in this order:
//
//  1. the region named by the X-Meridian-Region header of a trusted proxy's request, for operators and tests;
//  2. for a request that changes something: the region in the first public id of its path (/v1/carts/crt_euw_…),
//     else the home region named by the access token's "hr" claim;
//  3. the others, the nearest to the client first. One that takes a part of its shoppers alone, since operators gave it a weight
//     or because it came back a moment ago, is left out for the rest of them; these go to another region by the planned shares.
//
// Those without a usable pod are left out, and drained ones come last. Within a region the cheaper of two random pods is asked, by
// peak EWMA and requests in flight.
//
// The next pod, or region, is asked when one cannot be reached, does not answer in time, or answers 502, 503 or 504, if the
// request changes nothing or has an Idempotency-Key and a body within ReplayLimit. Other requests move on only if it is
// certain that nothing was sent. A read that takes longer than the region's 95th percentile is sent a second time elsewhere, and the
// first answer counts. When the regions are used up, the client gets an answer that was kept before, for a read that anybody
// may see; else the last answer or, without one, 503 no_region_available.
//
// What is not a pod's fault opens no circuit: a client that stalls or leaves, and this machine's own want of sockets or
// memory. Load is shed early, crawlers' first and that of buyers last: beyond MaxInFlight requests the edge answers 503
// overloaded at once, a region is given as many as it shows that it can take, and further tries are a share of all requests, so that
// one region's trouble does not become everyone's.
type Edge struct {
	cfg       EdgeConfig
	locator   *Locator
	ranker    *Ranker
	upstreams map[string]*upstream // by region
	started   atomic.Bool          // the first pool was taken over
	transport *http.Transport
	copies    copyBuffers
	bodies    atomic.Int64 // bytes of bodies that are kept for a second try
	inFlight  atomic.Int64
	long      []longCall
	retries   budget
	hedges    budget
	kept      *staleCache
	// defaultOrder is that of the regions for clients whose country is not known.
	defaultOrder []string
	seed         maphash.Seed
	metrics      instruments
}

// NewEdge checks the configuration and returns an edge that knows what the directory knows now. Serve follows it.
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
	e := &Edge{cfg: cfg, locator: locator, ranker: ranker, upstreams: make(map[string]*upstream), transport: newTransport(cfg)}
	e.long, e.seed = compileLong(cfg.LongCalls), maphash.MakeSeed()
	e.defaultOrder = append(e.defaultOrder, cfg.DefaultRegion)
	for _, region := range cfg.Regions.Failover(cfg.DefaultRegion) {
		e.defaultOrder = append(e.defaultOrder, region.Name)
	}
	e.retries = newBudget(cfg.RetryPercent, cfg.RetryBurst)
	e.hedges = newBudget(cfg.HedgePercent, cfg.HedgeBurst)
	for _, region := range cfg.Regions.All() {
		e.upstreams[region.Name] = newUpstream(region.Name, region.TrafficShareBP, cfg)
	}
	e.follow(cfg.Directory.Pool())
	if e.kept, err = newStaleCache(cfg.StaleBytes); err != nil {
		return nil, fmt.Errorf("configuring the edge: %w", err)
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
		MaxConnsPerHost:       cfg.MaxPerRegion,
		IdleConnTimeout:       30 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

// ServeHTTP sends the request to a region and its answer to the client.
func (e *Edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	loc := e.locator.Locate(r)
	j := &journey{
		edge: e, loc: loc, requestID: requestID(r.Header), long: e.longTimeout(r), started: time.Now(),
		kind: e.kindOf(r), priority: priorityOf(r), read: !changes(r.Method),
	}
	r, span := e.begin(r)
	defer func() { j.end(context.WithoutCancel(r.Context()), span) }() // also when the copying of an answer panics
	defer e.inFlight.Add(-1)
	if e.inFlight.Add(1) > places(int64(e.cfg.MaxInFlight), j.priority) {
		// The server reads what is left of the body before it answers: bound that.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Second))
		j.refuse(w, r, problemOverloaded)
		return
	}
	e.retries.earn()
	e.hedges.earn()
	j.plan = e.plan(r, j)
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
		ModifyResponse: j.finish,
		ErrorHandler:   j.answerError,
		BufferPool:     &e.copies,
	}
	proxy.ServeHTTP(w, r)
}

// Close closes idle connections. Requests in flight go on.
func (e *Edge) Close() { e.transport.CloseIdleConnections() }

// changes reports whether the method may change something.
func changes(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return false
	}
	return true
}
