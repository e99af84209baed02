package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"

	"github.com/spf13/cobra"

	"meridian/internal/serve"
)

// metricsFlag adds the flag of processes that answer Prometheus on an address of their own.
func metricsFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "metrics-listen", environment("MERIDIAN_METRICS_LISTEN", ""),
		"address on which Prometheus is answered at /metrics, for no public to reach; empty for none [MERIDIAN_METRICS_LISTEN]")
}

// serveMetrics calls run with a listener on address until stop is called, which returns run's error. An empty address
// runs nothing.
func serveMetrics(ctx context.Context, address string, run func(context.Context, net.Listener) error) (stop func() error, err error) {
	if address == "" {
		return func() error { return nil }, nil
	}
	listener, err := listen(address, "--metrics-listen")
	if err != nil {
		return nil, err
	}
	return serveAside(ctx, listener, run), nil
}

// serveAside calls run with the listener until stop is called, which returns run's error. It goes on after ctx has ended,
// so that the last scrape sees the drain.
func serveAside(ctx context.Context, listener net.Listener, run func(context.Context, net.Listener) error) (stop func() error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, listener) }()
	return func() error {
		cancel()
		return <-ended
	}
}

// listen opens a TCP listener on an address that a flag chose, and names the flag if that fails.
func listen(address, flag string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w: choose another address with %s", address, err, flag)
	}
	return listener, nil
}

// pprofFlag adds the flag of processes that can be profiled.
func pprofFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "pprof", "",
		"address of this machine, such as 127.0.0.1:6060, where the process can be profiled; empty for none")
}

// servePprof serves the process's profiles on address until stop is called. An empty address serves none. Only a
// loopback address is taken, because profiles show what a shop does and let anybody slow it down.
func servePprof(address string, out io.Writer) (stop func(), err error) {
	if address == "" {
		return func() {}, nil
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().IsLoopback() {
		return nil, usageError{fmt.Errorf("--pprof %q: use an address of this machine alone, such as 127.0.0.1:6060", address)}
	}
	routes := http.NewServeMux() // not the default one, on which anything may have registered itself
	routes.HandleFunc("GET /debug/pprof/", pprof.Index)
	routes.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	routes.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	routes.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	listener, err := listen(address, "--pprof")
	if err != nil {
		return nil, err
	}
	end := serveAside(context.Background(), listener, serve.Server{Name: "profiles", Handler: routes, StopTimeout: -1}.Run)
	fmt.Fprintf(out, "profiles at http://%s/debug/pprof/\n", listener.Addr())
	return func() { _ = end() }, nil // profiles in progress are cut off
}
