package geo

import (
	"net/http"
	"net/http/httputil"

	"github.com/google/uuid"
)

// Meridian's own headers.
const (
	// headerRegion chooses the region of a request, and names the region in answers.
	headerRegion = "X-Meridian-Region"
	// headerEdgeRegion names the region that the edge chose, in requests and answers.
	headerEdgeRegion = "X-Meridian-Edge-Region"
	// headerEdgeReason says in answers why it chose that region.
	headerEdgeReason = "X-Meridian-Edge-Reason"
	// headerCountry names the client's country to the region.
	headerCountry   = "X-Meridian-Country"
	headerRequestID = "X-Request-Id"
)

// maxRequestIDBytes bounds the request id a client may bring.
const maxRequestIDBytes = 128

// rewrite sets the headers that regions may trust. ReverseProxy has already removed the connection's own and every
// X-Forwarded header.
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
	// The client has sent its body already, so that a region's 100 Continue would answer nothing.
	out.Del("Expect")
	// ReverseProxy drops what it cannot parse; whether a query is good is for the region to say.
	p.Out.URL.RawQuery = p.In.URL.RawQuery
	j.body.describe(p.Out)
}

// traceHeaders name the trace a request belongs to, and whether it is recorded.
var traceHeaders = []string{"Traceparent", "Tracestate", "Baggage"}

// forwarded sets the headers that name the client, the host and the trace. What a trusted proxy in front sent is
// kept; from anybody else it is replaced or dropped.
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
