package sandbox

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"meridian/internal/serve"
)

// Serve answers on the listener and delivers webhooks until ctx ends, and then finishes the requests it has and closes.
// It returns nil after a clean stop.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	delivering, stopDelivering := context.WithCancel(ctx)
	var delivery sync.WaitGroup
	delivery.Go(func() { s.Run(delivering) })
	defer func() { stopDelivering(); delivery.Wait() }()
	var closing error
	err := serve.Server{
		Name: "the payment sandbox", Handler: s, Log: s.cfg.Logger,
		// Close before waiting for requests: it ends those that hang on purpose.
		Drain: func() <-chan time.Time { closing = s.Close(); return nil },
	}.Run(ctx, listener)
	return errors.Join(err, closing, s.Close())
}
