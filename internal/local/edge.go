package local

import (
	"context"
	"time"

	"meridian/geo"
	"meridian/internal/api"
	"meridian/internal/discovery"
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
		config, err := s.edgeConfig(region)
		if err != nil {
			return err
		}
		config.Meter, config.Tracer = e.reporting.Meter, e.reporting.Tracer
		if e.Edge, err = geo.NewEdge(config); err != nil {
			return err
		}
	}
	return nil
}

// edgeConfig returns the configuration of a region's edge. It is a shop for people to try, so that what comes back is used again
// sooner than in production.
func (s *Shop) edgeConfig(at string) (geo.EdgeConfig, error) {
	listed := discovery.StaticConfig{Log: s.config.Log}
	for _, region := range s.config.Regions.Names() {
		listed.Instances = append(listed.Instances, discovery.Instance{
			ID: region, Region: region, URL: s.paths.pods[at][region], Weight: discovery.DefaultWeight,
		})
	}
	directory, err := discovery.NewStatic(listed)
	return geo.EdgeConfig{
		Regions: s.config.Regions, Directory: directory, Log: s.config.Log, LongCalls: api.LongCalls(),
		BreakerOpen: 5 * time.Second, SlowStart: 5 * time.Second,
		Locator: geo.LocatorConfig{
			CountryHeaders: []string{"CF-IPCountry", "CloudFront-Viewer-Country"},
			StateHeaders:   []string{"CF-Region-Code", "CloudFront-Viewer-Country-Region"},
			TrustedProxies: thisMachine,
		},
	}, err
}
