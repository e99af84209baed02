package api

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"meridian/geo"
	"meridian/internal/database"
)

// A call holds what the server knows about a request in progress.
type call struct {
	// id is the request id.
	id string
	// route is the path of the route that matched, with its variables; never the path that was asked, which may
	// hold ids. It is "" until the router has decided, and where no route matched.
	route string
	// client is the context that ends when the client goes.
	client context.Context
	// addr is the client's address; trusted says that the peer is a proxy of ours.
	addr    netip.Addr
	trusted bool
	// trips counts round trips to the database.
	trips *database.Trips
	// status, bytes and wroteHeader are what has been answered.
	status      int
	bytes       int64
	wroteHeader bool
	// bearer is who calls, once asked.
	bearer *bearer
}

type callKey struct{}

// callOf returns the request's call, which the outermost middleware made.
func callOf(r *http.Request) *call {
	c, ok := r.Context().Value(callKey{}).(*call)
	if !ok {
		panic("api: a handler was reached around Server.Handler")
	}
	return c
}

// A handlerFunc answers a request, or returns the error that fail answers. It writes nothing when it returns one.
type handlerFunc func(w http.ResponseWriter, r *http.Request) error

// routeConfig is what may differ between routes.
type routeConfig struct {
	class     rateClass
	bodyLimit int64
	timeout   time.Duration
	takes     *takes // nil for anything
}

// A routeOption sets a route apart from the others.
type routeOption func(*routeConfig)

// unlimited exempts a route, such as a probe, from rate limits.
func unlimited(c *routeConfig) { c.class = rateUnlimited }

// testsSecret gives a route that tests a password or a code the stricter rate, counted by address.
func testsSecret(c *routeConfig) { c.class = rateSignIn }

// takesStream lets a route read a large body as it comes: up to that many bytes in up to that time.
func takesStream(bytes int64, timeout time.Duration) routeOption {
	return func(c *routeConfig) { c.bodyLimit, c.timeout = bytes, timeout }
}

// takesLong lets a route take up to that time for its answer.
func takesLong(timeout time.Duration) routeOption {
	return func(c *routeConfig) { c.timeout = timeout }
}

// configOf returns what the options make of a route.
func (s *Server) configOf(options []routeOption) routeConfig {
	cfg := routeConfig{class: rateDefault, bodyLimit: s.cfg.BodyLimit, timeout: s.cfg.RequestTimeout}
	for _, set := range options {
		set(&cfg)
	}
	return cfg
}

// An operation is a method of a path, and what sets it apart.
type operation struct {
	method, path string
	routeConfig
}

// operations returns all operations, as a server with the standard configuration has them.
func operations() []operation {
	s := &Server{cfg: Config{}.withDefaults()}
	s.routes()
	return s.operations
}

// LongCalls returns the operations that may take longer than others, each with the most that a pod takes until it answers:
// what an edge in front has to allow.
func LongCalls() []geo.LongCall {
	var calls []geo.LongCall
	for _, o := range operations() {
		if o.timeout > defaultRequestTimeout {
			calls = append(calls, geo.LongCall{Method: o.method, Path: o.path, Timeout: o.timeout})
		}
	}
	return calls
}

// How much later than the request's deadline a connection stops being read, so that a handler that heeds its context
// answers first, and stops being written, so that a client that does not read its answer holds nothing for long.
const (
	slowBodyGrace   = 2 * time.Second
	slowReaderGrace = 30 * time.Second
)

// route prepares a request for its handler: rate, deadline and body limit, in the order of what refuses cheapest.
func (s *Server) route(path string, fn handlerFunc, options ...routeOption) http.Handler {
	cfg := s.configOf(options)
	handler := s.handle(fn)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call := callOf(r)
		call.route = path
		nameSpan(r, path)
		if err := s.admit(w, r, cfg.class); err != nil {
			s.fail(w, r, err)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), cfg.timeout)
		defer cancel()
		boundConnection(w, cfg.timeout)
		r.Body = http.MaxBytesReader(w, r.Body, cfg.bodyLimit)
		if err := cfg.takes.check(r); err != nil {
			s.fail(w, r, err)
			return
		}
		handler.ServeHTTP(w, r.WithContext(ctx))
	})
}

// boundConnection bounds how long the request may be read and its answer written. net/http lifts both afterwards.
func boundConnection(w http.ResponseWriter, timeout time.Duration) {
	connection, now := http.NewResponseController(w), time.Now()
	// The recorder of a test has no deadlines to set; a connection has.
	_ = connection.SetReadDeadline(now.Add(timeout + slowBodyGrace))
	_ = connection.SetWriteDeadline(now.Add(timeout + slowReaderGrace))
}

// handle makes a handler of ours one of net/http's: its error is answered.
func (s *Server) handle(fn handlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := fn(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

func nameSpan(r *http.Request, path string) {
	span := trace.SpanFromContext(r.Context())
	span.SetName(knownMethod(r.Method) + " " + routeLabel(path))
	span.SetAttributes(attribute.String("http.route", routeLabel(path)))
}

// routeLabel returns the route's name in metrics and spans.
func routeLabel(path string) string {
	if path == "" {
		return "unmatched"
	}
	return path
}

// knownMethod keeps methods that somebody made up out of metrics.
func knownMethod(method string) string {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return method
	}
	return "_OTHER"
}
