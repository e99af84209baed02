package api

import (
	"context"
	"net"
	"time"

	"meridian/internal/serve"
)

// Serve answers requests on the listener until ctx ends, and then stops without dropping one: readiness goes off, new
// requests are still taken for the drain delay, and those in flight are finished, up to the drain timeout. It returns
// nil after a clean stop, and an error when requests had to be cut off or the listener failed.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	return serve.Server{
		Name: s.Region, Handler: s.Handler(), Log: s.Log, Drain: s.drain, StopTimeout: s.cfg.DrainTimeout,
	}.Run(ctx, listener)
}

// drain turns readiness off and returns a channel that delivers after the drain delay, nil if there is none.
func (s *Server) drain() <-chan time.Time {
	s.draining.Store(true)
	if s.cfg.DrainDelay > 0 {
		return s.after(s.cfg.DrainDelay)
	}
	return nil
}
