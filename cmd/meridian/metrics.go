package main

import (
	"context"
	"fmt"
	"net"

	"github.com/spf13/cobra"
)

// metricsFlag adds the flag of servers that answer Prometheus on an address of their own.
func metricsFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "metrics-listen", environment("MERIDIAN_METRICS_LISTEN", ""),
		"address on which Prometheus is answered at /metrics, for no public to reach; empty for none [MERIDIAN_METRICS_LISTEN]")
}

// serveMetrics runs serve on address until stop is called, which returns its error; nothing
// where address is "".
func serveMetrics(ctx context.Context, address string, serve func(context.Context, net.Listener) error) (stop func() error, err error) {
	if address == "" {
		return func() error { return nil }, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w: choose another address with --metrics-listen", address, err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // the last scrape sees the drain
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, listener) }()
	return func() error {
		cancel()
		return <-ended
	}, nil
}
