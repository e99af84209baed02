package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Bounds of a connection. Bodies are bounded by their route.
const (
	headerTimeout  = 10 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 32 << 10
)

// Serve answers requests on the listener until ctx ends, and then stops without dropping one: readiness goes off, new
// requests are still taken for the drain delay, and those in flight are finished, up to the drain timeout. It returns
// nil after a clean stop, and an error when requests had to be cut off or the listener failed.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serving %s: %w", s.Region, err)
	case <-ctx.Done():
		return s.drain(server, failed)
	}
}

func (s *Server) drain(server *http.Server, failed <-chan error) error {
	s.draining.Store(true)
	server.SetKeepAlivesEnabled(false)
	if s.cfg.DrainDelay > 0 {
		select {
		case <-s.after(s.cfg.DrainDelay):
		case err := <-failed:
			return fmt.Errorf("serving %s while draining: %w", s.Region, err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.DrainTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("stopping %s with requests in flight: %w", s.Region, err), server.Close())
	}
	return nil
}
