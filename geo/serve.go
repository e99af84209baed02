package geo

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"meridian/internal/serve"
)

// Serve answers on the listener and probes the regions until ctx ends, and then finishes the requests it has. It
// returns nil after a clean stop.
func (e *Edge) Serve(ctx context.Context, listener net.Listener) error {
	probing, stopProbing := context.WithCancel(ctx)
	var probes sync.WaitGroup
	probes.Go(func() { e.RunHealth(probing) })
	defer func() { stopProbing(); probes.Wait(); e.Close() }()
	return serve.Server{Name: "the edge", Handler: withoutInternals(e), Log: e.cfg.Log}.Run(ctx, listener)
}

// withoutInternals answers 404 for /metrics, which pods serve to their operators only.
func withoutInternals(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/metrics" {
			// The server reads what is left of the body before it answers: bound that.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(serve.HeaderTimeout))
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
