package telemetry

import (
	"context"
	"net"
	"net/http"
	"time"

	"meridian/internal/serve"
)

// Serve answers Prometheus at /metrics until ctx ends, for processes whose own address is the public's or that have
// none. It returns nil after a clean stop; a scrape in flight is cut off, because the next one makes up for it.
func (t *Telemetry) Serve(ctx context.Context, listener net.Listener) error {
	routes := http.NewServeMux()
	routes.Handle("GET /metrics", t.Metrics())
	return serve.Server{
		Name: "metrics", Handler: routes, ReadTimeout: 20 * time.Second, WriteTimeout: time.Minute, MaxHeaderBytes: 8 << 10,
		StopTimeout: -1,
	}.Run(ctx, listener)
}
