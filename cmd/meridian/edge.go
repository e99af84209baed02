package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"meridian/geo"
	"meridian/internal/api"
	"meridian/internal/telemetry"
	"meridian/regions"
)

// edgeFlags are the settings of the edge.
type edgeFlags struct {
	logFlags
	listen, defaultCountry, metrics, otlpEndpoint string
	targets, proxies, headers                     []string
}

func newEdgeCommand() *cobra.Command {
	var f edgeFlags
	command := &cobra.Command{
		Use:   "edge",
		Short: "Run the reverse proxy that sends each request to the nearest healthy region",
		Long: `Runs the reverse proxy that sends each request to its client's nearest healthy region,
writes of signed-in customers to their home region, and both to the next region when one
does not answer. A call with an effect is repeated only if its Idempotency-Key makes that
safe.`,
		Example: `  meridian edge --target us-east=http://10.0.1.5:8080 --target eu-west=http://10.2.1.5:8080
  meridian edge --target eu-west=https://eu.internal --country-header CF-IPCountry --trusted-proxies 173.245.48.0/20
  meridian edge --target eu-west=https://eu.internal --metrics-listen 10.0.0.7:9090`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runEdge(c, f) },
	}
	flags := command.Flags()
	flags.StringVar(&f.listen, "listen", environment("MERIDIAN_LISTEN", ":8080"), "address to listen on [MERIDIAN_LISTEN]")
	flags.StringArrayVar(&f.targets, "target", list("MERIDIAN_EDGE_TARGETS"),
		"region=URL, once for each region [MERIDIAN_EDGE_TARGETS, separated by commas]")
	flags.StringSliceVar(&f.proxies, "trusted-proxies", list("MERIDIAN_TRUSTED_PROXIES"),
		"networks of the CDN in front [MERIDIAN_TRUSTED_PROXIES]")
	flags.StringSliceVar(&f.headers, "country-header", list("MERIDIAN_COUNTRY_HEADERS"),
		"headers in which the CDN names the client's country [MERIDIAN_COUNTRY_HEADERS]")
	flags.StringVar(&f.defaultCountry, "default-country", "", "country of clients that cannot be located")
	flags.StringVar(&f.otlpEndpoint, "otlp-endpoint", "", "OTLP/HTTP collector for traces and metrics [OTEL_EXPORTER_OTLP_ENDPOINT]")
	f.logFlags.register(command)
	metricsFlag(command, &f.metrics)
	return command
}

// runEdge runs the edge until the command is stopped.
func runEdge(c *cobra.Command, f edgeFlags) error {
	config, err := f.config(c.ErrOrStderr())
	if err != nil {
		return err
	}
	reporting, err := f.report(c.Context(), &config)
	if err != nil {
		return err
	}
	edge, err := geo.NewEdge(config)
	if err != nil {
		return usageError{err}
	}
	listener, err := listen(f.listen, "--listen")
	if err != nil {
		return err
	}
	stopMetrics, err := serveMetrics(c.Context(), f.metrics, reporting.Serve)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	fmt.Fprintf(c.OutOrStdout(), "The edge listens on %s for %s.\n", listener.Addr(), strings.Join(f.targets, ", "))
	err = edge.Serve(c.Context(), listener)
	last, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), lastTelemetry)
	defer cancel()
	return errors.Join(err, stopMetrics(), reporting.Shutdown(last))
}

// lastTelemetry bounds the sending of buffered telemetry, for a collector that hangs.
const lastTelemetry = 5 * time.Second

// config checks the flags and returns the edge's configuration.
func (f edgeFlags) config(logs io.Writer) (geo.EdgeConfig, error) {
	set, err := regions.Shipped()
	if err != nil {
		return geo.EdgeConfig{}, err
	}
	trusted, err := networks(f.proxies)
	if err != nil {
		return geo.EdgeConfig{}, usageError{err}
	}
	log, err := f.logger(logs)
	if err != nil {
		return geo.EdgeConfig{}, usageError{err}
	}
	where, err := parseTargets(f.targets)
	if err != nil {
		return geo.EdgeConfig{}, usageError{err}
	}
	return geo.EdgeConfig{
		Regions: set, Targets: where, Log: log, LongCalls: api.LongCalls(),
		Locator: geo.LocatorConfig{TrustedProxies: trusted, CountryHeaders: f.headers, DefaultCountry: f.defaultCountry},
	}, nil
}

// report sets up the edge's metrics and traces. Without a collector it begins no traces, because the regions, which
// may have one, would not record them.
func (f edgeFlags) report(ctx context.Context, config *geo.EdgeConfig) (*telemetry.Telemetry, error) {
	endpoint := cmp.Or(f.otlpEndpoint, os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"))
	reporting := telemetry.Config{Service: "meridian-edge", Version: version(), OTLPEndpoint: endpoint}
	if err := reporting.Validate(); err != nil {
		return nil, usageError{err}
	}
	t, err := telemetry.Setup(ctx, reporting)
	if err != nil {
		return nil, err
	}
	config.Meter = t.Meter
	if endpoint != "" {
		config.Tracer = t.Tracer
	}
	return t, nil
}

// parseTargets parses texts of the form region=URL.
func parseTargets(texts []string) ([]geo.Target, error) {
	var targets []geo.Target
	var faults []error
	for _, text := range texts {
		region, address, ok := strings.Cut(text, "=")
		u, err := url.Parse(address)
		if !ok || err != nil {
			faults = append(faults, fmt.Errorf("target %q: write region=URL, such as eu-west=http://10.2.1.5:8080", text))
			continue
		}
		targets = append(targets, geo.Target{Region: region, URL: u})
	}
	return targets, errors.Join(faults...)
}
