package geo

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"meridian/internal/serve"
)

// Serve answers on the listener and follows the directory until ctx ends, and then finishes the requests it has. It
// returns nil after a clean stop.
func (e *Edge) Serve(ctx context.Context, listener net.Listener) error {
	following, stopFollowing := context.WithCancel(ctx)
	var follower sync.WaitGroup
	follower.Go(func() { e.cfg.Directory.Follow(following, e.follow) })
	defer func() { stopFollowing(); follower.Wait(); e.Close() }()
	return serve.Server{
		Name: "the edge", Handler: http.HandlerFunc(e.serveOthers), Log: e.cfg.Log, TLS: e.cfg.TLS,
		Connections: serve.Connections{
			PerAddress: e.cfg.ConnectionsPerAddress, Exempt: e.cfg.Locator.TrustedProxies, WriteStall: e.cfg.WriteStall,
		},
	}.Run(ctx, listener)
}

// serveOthers serves everything but the edge's own paths, and /metrics, which pods serve to their operators only.
func (e *Edge) serveOthers(w http.ResponseWriter, r *http.Request) {
	if own, ok := e.cfg.Own[r.URL.Path]; ok {
		own.ServeHTTP(w, r)
		return
	}
	if r.URL.Path != "/metrics" {
		e.ServeHTTP(w, r)
		return
	}
	// The server reads what is left of the body before it answers: bound that.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(serve.HeaderTimeout))
	j := &journey{edge: e, requestID: requestID(r.Header)}
	j.refuse(w, r, problemNotFound)
}
