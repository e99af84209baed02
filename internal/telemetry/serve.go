package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Serve answers Prometheus at /metrics until ctx ends, for processes whose own address is the public's or that have
// none. It returns nil after a clean stop.
func (t *Telemetry) Serve(ctx context.Context, listener net.Listener) error {
	routes := http.NewServeMux()
	routes.Handle("GET /metrics", t.Metrics())
	server := &http.Server{
		Handler: routes, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 20 * time.Second, WriteTimeout: time.Minute, MaxHeaderBytes: 8 << 10,
	}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })() // a scrape that is cut off comes again
	if err := server.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving metrics: %w", err)
	}
	return nil
}
