// Package serve runs HTTP servers until their context ends: slow clients are bounded, and a server that stops finishes
// the requests it has.
package serve

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// HeaderTimeout bounds how long a client may take to send the headers of a request.
const HeaderTimeout = 10 * time.Second

const (
	idleTimeout           = 2 * time.Minute
	defaultMaxHeaderBytes = 32 << 10
	defaultStopTimeout    = 30 * time.Second
)

// A Server holds what an HTTP server needs to run. Name and Handler are required. Handlers bound the bodies they read.
type Server struct {
	// Name says in errors which server it is, such as "the edge".
	Name    string
	Handler http.Handler
	// TLS, if set, encrypts connections, HTTP/2 included.
	TLS *tls.Config
	// Log receives warnings about connections; nil means slog's default.
	Log *slog.Logger
	// ReadTimeout and WriteTimeout bound a whole request and its answer; 0 means no bound.
	ReadTimeout, WriteTimeout time.Duration
	// MaxHeaderBytes bounds the headers of a request; 0 means 32 KiB.
	MaxHeaderBytes int
	// Connections bounds what connections may hold.
	Connections Connections
	// Drain, if set, is called when the context ends. The server goes on taking requests until the channel it returns
	// delivers, or stops taking them at once if that is nil.
	Drain func() <-chan time.Time
	// StopTimeout bounds how long requests in flight may take to finish once no new ones are taken. Zero means 30
	// seconds; a negative value cuts them off without an error.
	StopTimeout time.Duration
}

// Run answers requests on the listener until ctx ends, drains and stops. It returns nil after a clean stop, and an error
// when the listener failed or requests had to be cut off.
func (s Server) Run(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           s.Handler,
		ReadHeaderTimeout: HeaderTimeout,
		ReadTimeout:       s.ReadTimeout,
		WriteTimeout:      s.WriteTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    cmp.Or(s.MaxHeaderBytes, defaultMaxHeaderBytes),
		TLSConfig:         s.TLS,
		ErrorLog:          slog.NewLogLogger(cmp.Or(s.Log, slog.Default()).Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- answer(server, newListener(listener, s.Connections)) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serving %s: %w", s.Name, err)
	case <-ctx.Done():
	}
	if err := s.drain(server, failed); err != nil {
		return fmt.Errorf("serving %s while draining: %w", s.Name, err)
	}
	return s.stop(ctx, server)
}

// answer answers on the listener until that fails, encrypted if there is a configuration for it.
func answer(server *http.Server, l net.Listener) error {
	if server.TLSConfig != nil {
		return server.ServeTLS(l, "", "")
	}
	return server.Serve(l)
}

// drain takes requests for as long as Drain asks. It returns the listener's error if that fails meanwhile.
func (s Server) drain(server *http.Server, failed <-chan error) error {
	server.SetKeepAlivesEnabled(false)
	if s.Drain == nil {
		return nil
	}
	drained := s.Drain()
	if drained == nil {
		return nil
	}
	select {
	case <-drained:
		return nil
	case err := <-failed:
		return err
	}
}

// stop closes the listener and waits for the requests in flight.
func (s Server) stop(ctx context.Context, server *http.Server) error {
	if s.StopTimeout < 0 {
		return server.Close()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cmp.Or(s.StopTimeout, defaultStopTimeout))
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("stopping %s with requests in flight: %w", s.Name, err), server.Close())
	}
	return nil
}
