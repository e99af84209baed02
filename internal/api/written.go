package api

import (
	"net/http"
	"strconv"
	"time"

	"meridian/internal/catalog"
	"meridian/internal/database"
)

// versionHeader is the token by which a session reads what it wrote, in whichever region it lands next: answers to calls that
// changed something carry it, and reads that send it back are answered at least as new. It is when the answer was made, in
// milliseconds since 1970.
const versionHeader = "X-Meridian-Version"

const (
	// skew is how far the clocks of two pods may differ: CockroachDB's nodes stop themselves beyond it.
	skew = 500 * time.Millisecond
	// ahead is how far in the future a token may be at most: one that is further is none of ours.
	ahead = time.Minute
)

// readWritten answers a read that brings a token at least as new as what the token's answer wrote. Only what is remembered here, or
// read from the nearest replica, can be older, and that by its bound alone: so a token that is older than that costs nothing.
func (s *Server) readWritten(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := r.Header.Get(versionHeader)
		if token == "" || r.Method != http.MethodGet && r.Method != http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		ms, err := strconv.ParseInt(token, 10, 64)
		written, now := time.UnixMilli(ms), s.Now()
		if err != nil || ms < 0 || written.After(now.Add(ahead)) {
			s.fail(w, r, BadRequest("The header "+versionHeader+" is no version: send back what the answer to a change carried."))
			return
		}
		if now.Sub(written) < s.oldest()+skew {
			r = r.WithContext(database.WithFresh(r.Context()))
			if err := s.Catalog.Refresh(r.Context()); err != nil {
				s.fail(w, r, err)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// oldest returns how old what is read may be at most without a token.
func (s *Server) oldest() time.Duration {
	oldest := catalog.MaxStaleness
	if s.DB != nil {
		oldest = max(oldest, s.DB.Engine().FollowerReadAge())
	}
	return oldest
}

// setVersion adds the token to an answer to a call that changed something.
func (s *Server) setVersion(h http.Header, method string, status int) {
	if method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions && status < http.StatusBadRequest {
		h.Set(versionHeader, strconv.FormatInt(s.Now().UnixMilli(), 10))
	}
}
