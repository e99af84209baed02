package geo

import (
	"net/http"
	"net/http/httputil"

	"github.com/google/uuid"
)

// The headers of our own.
const (
	// headerRegion lets a request choose its region. Regions name themselves with it in answers.
	headerRegion = "X-Meridian-Region"
	// headerEdgeRegion tells the region and the client which region the edge chose.
	headerEdgeRegion = "X-Meridian-Edge-Region"
	// headerCountry tells the region where the client is.
	headerCountry   = "X-Meridian-Country"
	headerRequestID = "X-Request-Id"
)

// maxRequestIDBytes bounds the request id a client may bring.
const maxRequestIDBytes = 128

// rewrite makes the headers that regions may believe. ReverseProxy has already taken out what concerns one
// connection alone and everything that begins with X-Forwarded.
func (e *Edge) rewrite(p *httputil.ProxyRequest, j *journey) {
	out := p.Out.Header
	out.Del(headerRegion)
	out.Del(headerEdgeRegion)
	out.Del(headerCountry)
	if j.loc.Country != "" {
		out.Set(headerCountry, j.loc.Country)
	}
	out.Set(headerRequestID, j.requestID)
	e.forwarded(p)
	// The body has been asked for already, and a region's 100 Continue would answer nobody.
	out.Del("Expect")
	// ReverseProxy drops what it cannot parse; whether a query is good is for the region to say.
	p.Out.URL.RawQuery = p.In.URL.RawQuery
	j.body.describe(p.Out)
}

// traceHeaders say which trace a request belongs to, and whether it is recorded.
var traceHeaders = []string{"Traceparent", "Tracestate", "Baggage"}

// forwarded says who asked, for which host, and as part of what. What a trusted proxy in front has said stays; anybody
// else's word is replaced, or left out.
func (e *Edge) forwarded(p *httputil.ProxyRequest) {
	if !e.locator.FromTrusted(p.In) {
		p.SetXForwarded()
		for _, name := range traceHeaders {
			p.Out.Header.Del(name)
		}
		return
	}
	out, in := p.Out.Header, p.In.Header
	out["X-Forwarded-For"] = in["X-Forwarded-For"]
	p.SetXForwarded() // appends the proxy's address to the chain
	for _, name := range []string{"X-Forwarded-Proto", "X-Forwarded-Host"} {
		if said := in.Get(name); said != "" {
			out.Set(name, said)
		}
	}
}

// requestID returns the client's request id if it is fit for logs, else a new one.
func requestID(h http.Header) string {
	id := h.Get(headerRequestID)
	if id == "" || len(id) > maxRequestIDBytes {
		return uuid.NewString()
	}
	for _, c := range []byte(id) {
		if c <= ' ' || c > '~' {
			return uuid.NewString()
		}
	}
	return id
}
