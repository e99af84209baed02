package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"meridian/geo"
	"meridian/internal/telemetry"
	"meridian/regions"
)

func newEdgeCommand() *cobra.Command {
	var listen, defaultCountry, logFormat, logLevel string
	var targets, proxies, headers []string
	command := &cobra.Command{
		Use:   "edge",
		Short: "Run the reverse proxy that sends each request to the nearest healthy region",
		Long: `Runs the reverse proxy that sends each request to the nearest healthy region for its
client, writes of signed-in customers to their home region, and to the next region when one
does not answer. A call with an effect is only sent again where its Idempotency-Key makes
that safe.`,
		Example: `  meridian edge --target us-east=http://10.0.1.5:8080 --target eu-west=http://10.2.1.5:8080
  meridian edge --target eu-west=https://eu.internal --country-header CF-IPCountry --trusted-proxies 173.245.48.0/20`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			set, err := regions.Shipped()
			if err != nil {
				return err
			}
			trusted, err := networks(proxies)
			if err != nil {
				return usageError{err}
			}
			log, err := telemetry.NewLogger(c.ErrOrStderr(), telemetry.LogConfig{Format: logFormat, Level: logLevel})
			if err != nil {
				return usageError{err}
			}
			where, err := parseTargets(targets)
			if err != nil {
				return usageError{err}
			}
			edge, err := geo.NewEdge(geo.EdgeConfig{
				Regions: set, Targets: where, Log: log,
				Locator: geo.LocatorConfig{TrustedProxies: trusted, CountryHeaders: headers, DefaultCountry: defaultCountry},
			})
			if err != nil {
				return usageError{err}
			}
			listener, err := net.Listen("tcp", listen)
			if err != nil {
				return fmt.Errorf("listen on %s: %w: choose another address with --listen", listen, err)
			}
			fmt.Fprintf(c.OutOrStdout(), "The edge listens on %s for %s.\n", listener.Addr(), strings.Join(targets, ", "))
			return edge.Serve(c.Context(), listener)
		},
	}
	flags := command.Flags()
	flags.StringVar(&listen, "listen", environment("MERIDIAN_LISTEN", ":8080"), "address to listen on [MERIDIAN_LISTEN]")
	flags.StringArrayVar(&targets, "target", list("MERIDIAN_EDGE_TARGETS"), "region=URL, once for each region [MERIDIAN_EDGE_TARGETS, separated by commas]")
	flags.StringSliceVar(&proxies, "trusted-proxies", list("MERIDIAN_TRUSTED_PROXIES"), "networks of the CDN in front [MERIDIAN_TRUSTED_PROXIES]")
	flags.StringSliceVar(&headers, "country-header", list("MERIDIAN_COUNTRY_HEADERS"), "headers in which the CDN names the client's country [MERIDIAN_COUNTRY_HEADERS]")
	flags.StringVar(&defaultCountry, "default-country", "", "country of clients that nothing locates")
	flags.StringVar(&logFormat, "log-format", environment("MERIDIAN_LOG_FORMAT", "json"), "json or text [MERIDIAN_LOG_FORMAT]")
	flags.StringVar(&logLevel, "log-level", environment("MERIDIAN_LOG_LEVEL", "info"), "debug, info, warn or error [MERIDIAN_LOG_LEVEL]")
	return command
}

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
