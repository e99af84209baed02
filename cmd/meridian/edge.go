package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"meridian/geo"
	"meridian/geo/rum"
	"meridian/internal/api"
	"meridian/internal/discovery"
	"meridian/internal/serve"
	"meridian/internal/telemetry"
	"meridian/regions"
)

// edgeFlags are the settings of the edge.
type edgeFlags struct {
	logFlags
	listen, defaultCountry, metrics, otlpEndpoint, service string
	targets, proxies, headers                              []string
	consul                                                 bool
	certificate                                            serve.Certificate
	breaker, recommendations                               breakerFlag
	hedgePercent, maxInFlight, maxPerRegion                int
	slowStart                                              time.Duration
}

func newEdgeCommand() *cobra.Command {
	f := edgeFlags{breaker: breakerFlag{Failures: 5, Open: time.Minute}, recommendations: breakerFlag{Failures: 3, Open: 30 * time.Second}}
	command := &cobra.Command{
		Use:   "edge",
		Short: "Run the reverse proxy that sends each request to the nearest healthy region",
		Long: `Runs the reverse proxy that sends each request to its client's nearest healthy region,
writes of signed-in customers to their home region, and both to the next pod or region when one
does not answer. A call with an effect is repeated only if its Idempotency-Key makes that
safe. Where the pods are is found in Consul, which drains and weights are followed from too, or
given with --target, then they are probed. Answers say in X-Meridian-Edge-Region and
X-Meridian-Edge-Reason which region answered and why it was that one.
` + consulEnvironment,
		Example: `  meridian edge --consul
  meridian edge --consul --acme-domain shop.example --acme-cache /var/lib/meridian --listen :443
  meridian edge --target us-east=http://10.0.1.5:8080 --target eu-west=http://10.2.1.5:8080
  meridian edge --target eu-west=https://eu.internal --country-header CF-IPCountry --trusted-proxies 173.245.48.0/20
  meridian edge --target eu-west=https://eu.internal --metrics-listen 10.0.0.7:9090`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runEdge(c, f) },
	}
	f.register(command)
	return command
}

func (f *edgeFlags) register(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&f.listen, "listen", environment("MERIDIAN_LISTEN", ":8080"), "address to listen on [MERIDIAN_LISTEN]")
	flags.BoolVar(&f.consul, "consul", false, "find the pods in Consul")
	serviceFlag(command, &f.service)
	flags.StringArrayVar(&f.targets, "target", list("MERIDIAN_EDGE_TARGETS"),
		"region=URL of a pod or load balancer, any number for each region [MERIDIAN_EDGE_TARGETS, separated by commas]")
	flags.StringSliceVar(&f.proxies, "trusted-proxies", list("MERIDIAN_TRUSTED_PROXIES"),
		"networks of the CDN in front [MERIDIAN_TRUSTED_PROXIES]")
	flags.StringSliceVar(&f.headers, "country-header", list("MERIDIAN_COUNTRY_HEADERS"),
		"headers in which the CDN names the client's country [MERIDIAN_COUNTRY_HEADERS]")
	flags.StringVar(&f.defaultCountry, "default-country", "", "country of clients that cannot be located")
	flags.Var(&f.breaker, "breaker", "failures in a row that open a pod's circuit, and for how long")
	flags.Var(&f.recommendations, "breaker-recommendations", "the same for recommendations alone")
	flags.IntVar(&f.hedgePercent, "hedge-percent", 5, "reads of 100 that may be sent a second time because the first try is slow; -1 for none")
	flags.DurationVar(&f.slowStart, "slow-start", 30*time.Second, "how long a pod or region that comes back takes to get its whole load")
	flags.IntVar(&f.maxInFlight, "max-in-flight", 2048, "requests that the edge serves at a time")
	flags.IntVar(&f.maxPerRegion, "max-per-region", 512, "requests that one region gets at a time at most")
	flags.StringVar(&f.certificate.CertFile, "tls-cert", "", "PEM file of the certificate chain; it may be replaced while the edge runs")
	flags.StringVar(&f.certificate.KeyFile, "tls-key", "", "PEM file of its key")
	flags.StringSliceVar(&f.certificate.Domains, "acme-domain", nil,
		"names to get certificates for from an ACME authority, whose terms you accept by it; it must reach this edge at port 443")
	flags.StringVar(&f.certificate.Email, "acme-email", "", "where the authority writes to")
	flags.StringVar(&f.certificate.Directory, "acme-directory", "", "URL of the authority (default: Let's Encrypt)")
	flags.StringVar(&f.certificate.CacheDir, "acme-cache", "", "folder that keeps what it issues")
	flags.StringVar(&f.otlpEndpoint, "otlp-endpoint", "", "OTLP/HTTP collector for traces and metrics [OTEL_EXPORTER_OTLP_ENDPOINT]")
	f.logFlags.register(command)
	metricsFlag(command, &f.metrics)
}

// A breakerFlag is a flag such as 5:1m: failures, and how long the circuit is then open.
type breakerFlag struct {
	Failures int
	Open     time.Duration
}

// String returns what Set reads.
func (b *breakerFlag) String() string {
	if b.Failures == 0 {
		return ""
	}
	return fmt.Sprintf("%d:%s", b.Failures, b.Open)
}

// Set reads failures and time.
func (b *breakerFlag) Set(text string) error {
	failures, open, _ := strings.Cut(text, ":")
	n, err := strconv.Atoi(failures)
	d, err2 := time.ParseDuration(open)
	if err != nil || err2 != nil || n < 1 || d <= 0 {
		return errors.New("give failures and a time, such as 5:60s")
	}
	*b = breakerFlag{Failures: n, Open: d}
	return nil
}

// Type names the flag's value in help.
func (b *breakerFlag) Type() string { return "failures:time" }

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
	fmt.Fprintf(c.OutOrStdout(), "The edge listens on %s for %s.\n", listener.Addr(), f.where())
	err = edge.Serve(c.Context(), listener)
	last, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), lastTelemetry)
	defer cancel()
	return errors.Join(err, stopMetrics(), reporting.Shutdown(last))
}

// where says in words where the pods are.
func (f edgeFlags) where() string {
	if f.consul {
		return "what Consul knows as " + f.service
	}
	return strings.Join(f.targets, ", ")
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
	directory, err := f.directory(set, log)
	if err != nil {
		return geo.EdgeConfig{}, usageError{err}
	}
	f.certificate.Log = log
	encrypted, err := f.certificate.Config()
	if err != nil {
		return geo.EdgeConfig{}, usageError{err}
	}
	where := geo.LocatorConfig{TrustedProxies: trusted, CountryHeaders: f.headers, DefaultCountry: f.defaultCountry}
	own, err := measurements(set, where)
	if err != nil {
		return geo.EdgeConfig{}, usageError{err}
	}
	return geo.EdgeConfig{
		Regions: set, Directory: directory, Own: own, Locator: where, Log: log, LongCalls: api.LongCalls(), TLS: encrypted,
		BreakerFailures: f.breaker.Failures, BreakerOpen: f.breaker.Open,
		Breakers:     []geo.Breaker{{Path: "/recommendations", Failures: f.recommendations.Failures, Open: f.recommendations.Open}},
		HedgePercent: f.hedgePercent, SlowStart: f.slowStart, MaxInFlight: f.maxInFlight, MaxPerRegion: f.maxPerRegion,
	}, nil
}

// measurements returns the handler that takes the round trips that shoppers measured, which DNS servers read from it.
func measurements(set *regions.Set, where geo.LocatorConfig) (map[string]http.Handler, error) {
	locator, err := geo.NewLocator(where, set)
	if err != nil {
		return nil, err
	}
	return map[string]http.Handler{
		rum.Path: &rum.Handler{Collector: rum.NewCollector(rum.Config{}), Regions: set, Locate: locator.Locate},
	}, nil
}

// directory returns where the pods are found.
func (f edgeFlags) directory(set *regions.Set, log *slog.Logger) (discovery.Directory, error) {
	switch {
	case f.consul && len(f.targets) > 0:
		return nil, errors.New("give --consul or --target, not both")
	case f.consul:
		return openConsul(set, f.service, log)
	case len(f.targets) == 0:
		return nil, errors.New("no pods: give --consul, or targets with --target region=URL")
	}
	instances, err := parseTargets(set, f.targets)
	if err != nil {
		return nil, err
	}
	return discovery.NewStatic(discovery.StaticConfig{Instances: instances, Log: log})
}

// report sets up the edge's metrics and traces. Without a collector it begins no traces, because the regions, which
// may have one, would not record them.
func (f edgeFlags) report(ctx context.Context, config *geo.EdgeConfig) (*telemetry.Telemetry, error) {
	t, err := reportAs(ctx, "meridian-edge", f.otlpEndpoint)
	if err != nil {
		return nil, err
	}
	config.Meter = t.Meter
	if collector(f.otlpEndpoint) != "" {
		config.Tracer = t.Tracer
	}
	return t, nil
}

// reportAs sets up the telemetry of a service that is no pod.
func reportAs(ctx context.Context, service, endpoint string) (*telemetry.Telemetry, error) {
	config := telemetry.Config{Service: service, Version: version(), OTLPEndpoint: collector(endpoint)}
	if err := config.Validate(); err != nil {
		return nil, usageError{err}
	}
	return telemetry.Setup(ctx, config)
}

// collector returns the OTLP endpoint that the flag names, else the environment's.
func collector(flag string) string { return cmp.Or(flag, os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT")) }

// parseTargets parses texts of the form region=URL.
func parseTargets(set *regions.Set, texts []string) ([]discovery.Instance, error) {
	var instances []discovery.Instance
	var faults []error
	for n, text := range texts {
		region, address, ok := strings.Cut(text, "=")
		if _, known := set.Get(region); ok && !known {
			faults = append(faults, fmt.Errorf("target %q: there is no region %q; use one of %v", text, region, set.Names()))
			continue
		}
		i := discovery.Instance{
			ID: fmt.Sprintf("%s-%d", region, n+1), Region: region, URL: strings.TrimSuffix(address, "/"), Weight: discovery.DefaultWeight,
		}
		if !ok || i.Validate() != nil {
			faults = append(faults, fmt.Errorf("target %q: write region=URL with scheme and host alone, such as eu-west=http://10.2.1.5:8080", text))
			continue
		}
		instances = append(instances, i)
	}
	return instances, errors.Join(faults...)
}
