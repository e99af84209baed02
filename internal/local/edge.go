package local

import (
	"context"
	"net/url"

	"meridian/geo"
	"meridian/internal/api"
	"meridian/internal/telemetry"
)

// edge is an edge of the shop in a region.
type edge struct {
	*geo.Edge
	region    string
	reporting *telemetry.Telemetry
}

// edgeRegions returns the regions that have an edge: with distances between them each, else the primary alone.
func (c Config) edgeRegions() []string {
	if c.WAN {
		return c.Regions.Names()
	}
	return []string{c.Regions.Primary().Name}
}

// makeEdges makes the edges, whose metrics are on every region's page.
func (s *Shop) makeEdges(ctx context.Context) (err error) {
	for _, region := range s.config.edgeRegions() {
		e := &edge{region: region}
		report := telemetry.Config{
			Service: "meridian-edge", Version: s.config.Version, OTLPEndpoint: s.config.OTLPEndpoint, Registry: s.registry,
		}
		if s.config.WAN {
			report.Region = region
		}
		if e.reporting, err = telemetry.Setup(ctx, report); err != nil {
			return err
		}
		s.edges = append(s.edges, e)
		config := s.edgeConfig(region)
		config.Meter, config.Tracer = e.reporting.Meter, e.reporting.Tracer
		if e.Edge, err = geo.NewEdge(config); err != nil {
			return err
		}
	}
	return nil
}

// edgeConfig returns the configuration of a region's edge.
func (s *Shop) edgeConfig(at string) geo.EdgeConfig {
	config := geo.EdgeConfig{Regions: s.config.Regions, Log: s.config.Log, LongCalls: api.LongCalls()}
	for _, region := range s.config.Regions.All() {
		target, _ := url.Parse(s.paths.pods[at][region.Name]) // made by findPaths
		config.Targets = append(config.Targets, geo.Target{Region: region.Name, URL: target})
	}
	config.Locator = geo.LocatorConfig{
		CountryHeaders: []string{"CF-IPCountry", "CloudFront-Viewer-Country"},
		StateHeaders:   []string{"CF-Region-Code", "CloudFront-Viewer-Country-Region"},
		TrustedProxies: thisMachine,
	}
	return config
}
