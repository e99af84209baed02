package geo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Bounds of a connection, and of stopping.
const (
	headerTimeout  = 10 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 32 << 10
	stopTimeout    = 30 * time.Second
)

// Serve answers on the listener and probes the regions until ctx ends; then it finishes the requests it has. It
// returns nil after a clean stop.
func (e *Edge) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           withoutInternals(e),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(e.cfg.Log.Handler(), slog.LevelWarn),
	}
	probing, stopProbing := context.WithCancel(ctx)
	var probes sync.WaitGroup
	probes.Go(func() { e.RunHealth(probing) })
	defer func() { stopProbing(); probes.Wait(); e.Close() }()
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serving the edge: %w", err)
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := server.Shutdown(stopping); err != nil {
		return errors.Join(fmt.Errorf("stopping the edge with requests in flight: %w", err), server.Close())
	}
	return nil
}

// withoutInternals keeps what a pod tells its own operators from the public.
func withoutInternals(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/metrics" {
			// The server reads what there is of a body before it answers: not for ever.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(headerTimeout))
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
