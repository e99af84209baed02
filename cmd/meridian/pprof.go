package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"time"

	"github.com/spf13/cobra"
)

// pprofFlag adds the flag of servers that can be profiled.
func pprofFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "pprof", "", "address of this machine, such as 127.0.0.1:6060, where the process can be profiled; empty "+
		"for none")
}

// servePprof serves the process's profiles at address until stop is called; nothing where
// address is "". Profiles tell what a shop does and let anybody slow it down, so only an
// address of this machine is taken.
func servePprof(address string, out io.Writer) (stop func(), err error) {
	if address == "" {
		return func() {}, nil
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().IsLoopback() {
		return nil, usageError{fmt.Errorf("--pprof %q: use an address of this machine alone, such as 127.0.0.1:6060", address)}
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w: choose another address with --pprof", address, err)
	}
	routes := http.NewServeMux() // not the default one: what registers itself there is nobody's business
	routes.HandleFunc("GET /debug/pprof/", pprof.Index)
	routes.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	routes.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	routes.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	server := &http.Server{Handler: routes, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // ends with Close
	fmt.Fprintf(out, "profiles at http://%s/debug/pprof/\n", listener.Addr())
	return func() { _ = server.Close() }, nil
}
