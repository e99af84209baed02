package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"meridian/geo/dns"
	"meridian/internal/discovery"
	"meridian/regions"
)

// dnsFlags are the settings of the DNS server.
type dnsFlags struct {
	logFlags
	config, metrics, otlpEndpoint string
	service                       string
	consul                        bool
	listen                        []string
}

func newDNSCommand() *cobra.Command {
	var f dnsFlags
	command := &cobra.Command{
		Use:   "dns",
		Short: "Run the DNS server that sends each shopper to the nearest healthy region",
		Long: `Runs an authoritative DNS server for the shop's zone. Names listed under "latency" in its
file are answered with the addresses of the regions that are healthy and nearest to the
client, all others with the records that the file holds. It reads the file again when it
changes and on SIGHUP; a faulty one leaves the zone before in force. docs/dns.md explains
the file.

It listens on port 53, because resolvers ask no other. That takes the right to bind low
ports: root, or CAP_NET_BIND_SERVICE.

MERIDIAN_DNS_COOKIE_SECRET (32 hexadecimal digits) keys DNS cookies; servers that answer
at one address must share it.
` + consulEnvironment,
		Example: `  meridian dns --config shop.yaml
  meridian dns --config shop.yaml --listen 192.0.2.53:53 --listen '[2001:db8::53]:53'
  meridian dns --config shop.yaml --listen 127.0.0.1:5300 --metrics-listen 127.0.0.1:9090
  meridian dns --config shop.yaml --consul
  meridian dns check --config shop.yaml
  meridian dns keygen --zone shop.example. --directory keys`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runDNS(c, f) },
	}
	flags := command.Flags()
	configFlag(command, &f.config)
	flags.StringArrayVar(&f.listen, "listen", listOr("MERIDIAN_DNS_LISTEN", ":53"),
		"address for UDP and TCP, once for each [MERIDIAN_DNS_LISTEN, separated by commas]")
	flags.StringVar(&f.otlpEndpoint, "otlp-endpoint", "", "OTLP/HTTP collector for metrics [OTEL_EXPORTER_OTLP_ENDPOINT]")
	flags.BoolVar(&f.consul, "consul", false, "follow the drains, weights and pods of the regions in Consul, beside the file's probes")
	serviceFlag(command, &f.service)
	f.logFlags.register(command)
	metricsFlag(command, &f.metrics)
	command.AddCommand(newDNSCheckCommand(), newDNSKeygenCommand())
	return command
}

func configFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "config", environment("MERIDIAN_DNS_CONFIG", ""), "the zone's file [MERIDIAN_DNS_CONFIG]")
}

// listOr returns the variable's values, or otherwise if it has none.
func listOr(name, otherwise string) []string {
	if values := list(name); len(values) > 0 {
		return values
	}
	return []string{otherwise}
}

// runDNS runs the server until the command is stopped.
func runDNS(c *cobra.Command, f dnsFlags) error {
	config, err := f.server(c.ErrOrStderr())
	if err != nil {
		return usageError{err}
	}
	reporting, err := reportAs(c.Context(), "meridian-dns", f.otlpEndpoint)
	if err != nil {
		return err
	}
	config.Meter = reporting.Meter
	if f.consul {
		following, err := f.follow(c.Context(), config.Set)
		if err != nil {
			return usageError{err}
		}
		config.Decide = following
	}
	server, err := dns.New(config)
	if err != nil {
		return usageError{err}
	}
	for _, address := range f.listen {
		if err := server.Listen(c.Context(), address); err != nil {
			return fmt.Errorf("%w: choose another address with --listen", err)
		}
	}
	stopMetrics, err := serveMetrics(c.Context(), f.metrics, reporting.Serve)
	if err != nil {
		return err
	}
	defer reloadOnHangup(c.Context(), server)()
	fmt.Fprintf(c.OutOrStdout(), "The DNS server answers for %s on %v.\n", server.Zone(), server.Addrs())
	err = server.Serve(c.Context())
	last, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), lastTelemetry)
	defer cancel()
	return errors.Join(err, stopMetrics(), reporting.Shutdown(last))
}

// reloadOnHangup has SIGHUP reload the zone's file, where it ends other commands, until stop is called.
func reloadOnHangup(ctx context.Context, server *dns.Server) (stop func()) {
	hangups := make(chan os.Signal, 1)
	signal.Reset(syscall.SIGHUP) // takes it from main
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangups:
				_ = server.Reload() // which logs and counts it
			}
		}
	}()
	return func() { signal.Stop(hangups) }
}

// follow follows Consul until ctx ends, and returns what it says of a region.
func (f dnsFlags) follow(ctx context.Context, set *regions.Set) (func(dns.RegionState) dns.RegionState, error) {
	consul, err := openConsul(set, f.service, nil)
	if err != nil {
		return nil, err
	}
	go consul.Follow(ctx, func(discovery.Pool) {})
	return func(s dns.RegionState) dns.RegionState { return decide(s, consul.Pool().Regions[s.Region]) }, nil
}

// decide returns the state of a region after what Consul says. A region without any news of its pods is left to the probes.
func decide(s dns.RegionState, r discovery.Region) dns.RegionState {
	if r.Control.Version > 0 {
		s.Drained, s.Weight = s.Drained || r.Control.Drained, s.Weight*r.Control.WeightPercent/100
	}
	s.Healthy = s.Healthy && (r.Known == 0 || len(r.Instances) > 0)
	return s
}

// server checks the flags and returns the server's configuration.
func (f dnsFlags) server(logs io.Writer) (dns.Config, error) {
	set, err := regions.Shipped()
	if err != nil {
		return dns.Config{}, err
	}
	log, err := f.logger(logs)
	if err != nil {
		return dns.Config{}, err
	}
	secret, err := cookieSecret(os.Getenv("MERIDIAN_DNS_COOKIE_SECRET"))
	if err != nil {
		return dns.Config{}, err
	}
	if f.config == "" {
		return dns.Config{}, errNoZone
	}
	return dns.Config{File: f.config, Set: set, CookieSecret: secret, Log: log}, nil
}

var errNoZone = errors.New("no zone's file is named: give --config, or set MERIDIAN_DNS_CONFIG (docs/dns.md has an example)")

// cookieSecret decodes the secret. Empty text is none.
func cookieSecret(text string) (secret [16]byte, err error) {
	if text == "" {
		return secret, nil
	}
	octets, err := hex.DecodeString(text)
	if err != nil || len(octets) != len(secret) {
		return secret, errors.New("MERIDIAN_DNS_COOKIE_SECRET does not have 32 hexadecimal digits: make one with openssl rand -hex 16")
	}
	return [16]byte(octets), nil
}

func newDNSCheckCommand() *cobra.Command {
	var path string
	command := &cobra.Command{
		Use:     "check",
		Short:   "Check a zone's file, and print what it would answer",
		Example: "  meridian dns check --config shop.yaml",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			set, err := regions.Shipped()
			if err != nil {
				return err
			}
			if path == "" {
				return usageError{errNoZone}
			}
			summary, err := dns.Check(path, set)
			if err != nil {
				return usageError{err}
			}
			fmt.Fprint(c.OutOrStdout(), summary)
			return nil
		},
	}
	configFlag(command, &path)
	return command
}

func newDNSKeygenCommand() *cobra.Command {
	var zone, directory string
	command := &cobra.Command{
		Use:   "keygen",
		Short: "Make a key that signs a zone (DNSSEC)",
		Long: `Makes a key for ECDSA P-256 that signs the whole zone, in the two files that BIND's tools use,
and prints the DS record for the parent zone. List the .key file under dnssec.keys first, and
hand in the DS record when every server signs.`,
		Example: "  meridian dns keygen --zone shop.example. --directory keys",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			path, ds, err := dns.GenerateKey(zone, directory)
			if err != nil {
				return usageError{err}
			}
			fmt.Fprintf(c.OutOrStdout(), "%s\n%s\n", path, ds)
			return nil
		},
	}
	command.Flags().StringVar(&zone, "zone", "", "the zone's name, with its final dot")
	command.Flags().StringVar(&directory, "directory", ".", "folder to write the two files to")
	return command
}
