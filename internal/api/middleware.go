package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/felixge/httpsnoop"
	"github.com/google/uuid"
	"github.com/klauspost/compress/gzhttp"
	"github.com/rs/cors"

	"meridian/internal/database"
	"meridian/internal/telemetry"
)

// wrap puts around the router what every request goes through, outermost first: who is it, compress, record, recover,
// CORS, refuse what no handler should see.
func (s *Server) wrap(router http.Handler) (http.Handler, error) {
	compress, err := gzhttp.NewWrapper(gzhttp.MinSize(1024), gzhttp.SuffixETag(gzipSuffix))
	if err != nil {
		return nil, fmt.Errorf("preparing compression: %w", err)
	}
	h := router
	if s.Catalog != nil {
		h = s.readWritten(h)
	}
	h = s.refuseUnprintable(h)
	h = s.allowOrigins(h)
	h = s.recoverPanics(h)
	h = s.record(h)
	h = compress(h)
	return s.identify(h), nil
}

// identify gives the request its id and its call, and every answer the headers it always has.
func (s *Server) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Routes set their own; this is for what is refused before one, whose body net/http reads before the answer.
		boundConnection(w, s.cfg.RequestTimeout)
		addr, trusted := clientAddr(r, s.cfg.TrustedProxies)
		ctx, trips := database.CountTrips(r.Context())
		call := &call{id: requestID(r), client: r.Context(), addr: addr, trusted: trusted, trips: trips}
		ctx = telemetry.WithRequest(ctx, telemetry.Request{ID: call.id, Region: s.Region})
		ctx = context.WithValue(ctx, callKey{}, call)

		h := w.Header()
		h.Set("X-Request-Id", call.id)
		h.Set("X-Meridian-Region", s.Region)
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// requestID returns the caller's X-Request-Id where it is harmless, else a new one.
func requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); isRequestID(id) {
		return id
	}
	return uuid.NewString()
}

func isRequestID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for _, c := range []byte(id) {
		letterOrDigit := c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		if !letterOrDigit && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// record makes the request's span, counts what is answered, and at the end writes metrics and the access log.
func (s *Server) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call, start := callOf(r), time.Now()
		ctx, span := s.metrics.begin(r, call)
		r = r.WithContext(ctx)
		defer func() {
			s.metrics.end(r, call, span, time.Since(start))
			s.logAccess(r, call, time.Since(start))
		}()
		next.ServeHTTP(s.watch(w, call, start, r.Method), r)
	})
}

// watch returns w such that the call knows what is answered, and in debug mode adds what it cost.
func (s *Server) watch(w http.ResponseWriter, call *call, start time.Time, method string) http.ResponseWriter {
	header := func(status int) {
		if call.wroteHeader || status < http.StatusOK {
			return
		}
		call.wroteHeader, call.status = true, status
		s.setVersion(w.Header(), method, status)
		if s.cfg.Debug {
			cost := call.trips.Cost()
			w.Header().Set("X-Meridian-Round-Trips", fmt.Sprint(cost.Trips))
			w.Header().Set("X-Meridian-Statements", fmt.Sprint(cost.Statements))
			w.Header().Set("X-Meridian-Statements-Away", fmt.Sprint(cost.Away))
			w.Header().Set("Server-Timing", fmt.Sprintf(`total;dur=%.1f, db;desc="%d round trips"`,
				float64(time.Since(start).Microseconds())/1000, cost.Trips))
		}
	}
	return httpsnoop.Wrap(w, httpsnoop.Hooks{
		WriteHeader: func(next httpsnoop.WriteHeaderFunc) httpsnoop.WriteHeaderFunc {
			return func(status int) {
				header(status)
				next(status)
			}
		},
		Write: func(next httpsnoop.WriteFunc) httpsnoop.WriteFunc {
			return func(b []byte) (int, error) {
				header(http.StatusOK)
				n, err := next(b)
				call.bytes += int64(n)
				return n, err
			}
		},
	})
}

// logAccess writes one line a request: no path, no query, no address, nothing of a person.
func (s *Server) logAccess(r *http.Request, call *call, took time.Duration) {
	level := slog.LevelInfo
	if call.route == "/healthz" || call.route == "/readyz" || call.route == "/metrics" {
		level = slog.LevelDebug
	}
	s.Log.LogAttrs(r.Context(), level, "request",
		slog.String("method", knownMethod(r.Method)),
		slog.String("route", routeLabel(call.route)),
		slog.Int("status", call.status),
		slog.Int64("bytes", call.bytes),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
		slog.Int64("round_trips", call.trips.Count()),
	)
}

// recoverPanics answers a panic as an internal error.
func (s *Server) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch cause := recover(); cause {
			case nil:
			case http.ErrAbortHandler:
				panic(cause)
			default:
				s.Log.ErrorContext(r.Context(), "panic", "error", fmt.Sprint(cause), "stack", string(debug.Stack()))
				s.fail(w, r, fmt.Errorf("panic: %v", cause))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// allowOrigins lets the pages of the configured origins call the API.
func (s *Server) allowOrigins(next http.Handler) http.Handler {
	if len(s.cfg.AllowedOrigins) == 0 {
		return next
	}
	return cors.New(cors.Options{
		AllowedOrigins: s.cfg.AllowedOrigins,
		AllowedMethods: []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"},
		AllowedHeaders: []string{
			"Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", guestTokenHeader, versionHeader, "X-Request-Id",
		},
		ExposedHeaders: []string{
			"Age", "ETag", "Idempotency-Replayed", "Location", "RateLimit-Limit", "RateLimit-Policy", "RateLimit-Remaining", "RateLimit-Reset",
			"Retry-After", "X-Meridian-Region", "X-Meridian-Round-Trips", "X-Meridian-Statements", "X-Meridian-Statements-Away",
			versionHeader, "X-Request-Id",
		},
		MaxAge: 600,
	}).Handler(next)
}

// refuseUnprintable refuses paths and queries with bad UTF-8 or NUL characters, which the database would refuse in
// its own words, and queries that cannot be parsed, of which net/http silently drops the bad half.
func (s *Server) refuseUnprintable(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := checkURL(r.URL); err != nil {
			s.fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func checkURL(u *url.URL) error {
	if !isText(u.Path) {
		return BadRequest("The path is not text in UTF-8 without NUL characters.")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return BadRequest("The query cannot be parsed: encode it as name=value pairs joined by &.")
	}
	for name, values := range query {
		for _, text := range append(values, name) {
			if !isText(text) {
				return BadRequest("The query is not text in UTF-8 without NUL characters.")
			}
		}
	}
	return nil
}

// isText reports whether the database can hold the text.
func isText(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsRune(text, 0)
}
