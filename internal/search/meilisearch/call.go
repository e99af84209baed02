package meilisearch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	meili "github.com/meilisearch/meilisearch-go"

	"meridian/internal/search"
)

// A server calls a Meilisearch server with one API key.
type server struct {
	meili.ServiceManager
	http        *http.Client
	timeout     time.Duration // per request
	taskTimeout time.Duration
	log         *slog.Logger
	closed      atomic.Bool
}

func newServer(cfg Config) *server {
	s := &server{timeout: cfg.Timeout, taskTimeout: cfg.TaskTimeout, log: cfg.Log}
	s.http = &http.Client{
		Transport:     transport{cfg.Transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	// The client's own retries send the request again without its body.
	s.ServiceManager = meili.New(cfg.URL, meili.WithAPIKey(cfg.APIKey), meili.WithCustomClient(s.http), meili.DisableRetries())
	return s
}

// close closes idle connections. Later calls return search.ErrUnavailable.
func (s *server) close() {
	s.closed.Store(true)
	s.http.CloseIdleConnections()
}

// maxAnswerBytes bounds a response: a page of entries or facets takes a few megabytes at most.
const maxAnswerBytes = 64 << 20

// transport bounds responses, and records the Retry-After of an overloaded server.
type transport struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if pause, ok := r.Context().Value(pauseKey{}).(*time.Duration); ok {
		if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
			*pause = time.Duration(seconds) * time.Second
		}
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(response.Body, maxAnswerBytes), response.Body}
	return response, nil
}

// CloseIdleConnections implements the interface that http.Client looks for.
func (t transport) CloseIdleConnections() {
	if closer, ok := t.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

type pauseKey struct{}

// The number of tries: a search, for which a shopper waits, is repeated once if the server was unreachable or overloaded;
// a write is repeated for about ten seconds.
const (
	searchTries = 2
	writeTries  = 7
	firstPause  = 30 * time.Millisecond
	maxPause    = 5 * time.Second
)

// do calls the server, and repeats the call while that may help and the deadline allows. All calls may be repeated.
// what describes the call in errors.
func (s *server) do(ctx context.Context, tries int, what string, call func(ctx context.Context) error) error {
	for try := 1; ; try++ {
		asked, err := s.once(ctx, call)
		if err == nil {
			return nil
		}
		failure := explain(ctx, what, err)
		pause := max(asked, backoff(try))
		if try >= tries || !mayHelp(err) || !timeFor(ctx, pause) {
			return failure
		}
		select {
		case <-ctx.Done():
			return failure
		case <-time.After(pause):
		}
	}
}

// once calls the server once. It also returns for how long the server asks to wait.
func (s *server) once(ctx context.Context, call func(ctx context.Context) error) (pause time.Duration, err error) {
	if s.closed.Load() {
		return 0, errClosed
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, pauseKey{}, &pause), s.timeout)
	defer cancel()
	err = call(ctx)
	return pause, err
}

var errClosed = fmt.Errorf("%w: it was closed", search.ErrUnavailable)

// backoff doubles with every try and has a random part, so that requests refused together do not return together.
func backoff(try int) time.Duration {
	pause := min(firstPause<<(try-1), maxPause)
	return pause/2 + rand.N(pause/2+1)
}

// timeFor reports whether the caller's deadline leaves time for a pause.
func timeFor(ctx context.Context, pause time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return !ok || time.Until(deadline) > pause
}

// mayHelp reports whether repeating the request may succeed.
func mayHelp(err error) bool {
	said, ok := errors.AsType[*meili.Error](err)
	if !ok { // the response broke off, or nothing was sent
		return !errors.Is(err, errClosed) && !errors.Is(err, context.Canceled)
	}
	switch said.ErrCode {
	case meili.MeilisearchCommunicationError, meili.MeilisearchTimeoutError:
		return !errors.Is(said.OriginError, context.Canceled)
	}
	switch said.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}
