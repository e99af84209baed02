package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// stopTimeout bounds how long a stopping server waits for the requests it has.
const stopTimeout = 30 * time.Second

// Serve answers on the listener and delivers webhooks until ctx ends; then it finishes the requests it has and closes.
// It returns nil after a clean stop.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	delivering, stopDelivering := context.WithCancel(ctx)
	var delivery sync.WaitGroup
	delivery.Go(func() { s.Run(delivering) })
	defer func() { stopDelivering(); delivery.Wait() }()
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return errors.Join(fmt.Errorf("serving the payment sandbox: %w", err), s.Close())
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return errors.Join(s.Close(), server.Shutdown(stopping)) // Close first: it ends the requests that hang on purpose
}
