package main

import (
	"testing"

	"meridian/geo/dns"
	"meridian/internal/discovery"
)

func TestDecide(t *testing.T) {
	pod := discovery.Instance{ID: "pod"}
	healthy := dns.RegionState{Region: "eu-west", Healthy: true, Weight: 50}
	for name, test := range map[string]struct {
		state dns.RegionState
		says  discovery.Region
		want  dns.RegionState
	}{
		"no news": {healthy, discovery.Region{}, healthy},
		"well":    {healthy, discovery.Region{Known: 1, Instances: []discovery.Instance{pod}}, healthy},
		"no pod":  {healthy, discovery.Region{Known: 1}, dns.RegionState{Region: "eu-west", Weight: 50}},
		"drained": {
			healthy, discovery.Region{Control: discovery.Control{Version: 1, Drained: true, WeightPercent: 100}},
			dns.RegionState{Healthy: true, Drained: true, Weight: 50},
		},
		"weighted": {
			healthy, discovery.Region{Control: discovery.Control{Version: 1, WeightPercent: 20}}, dns.RegionState{Healthy: true, Weight: 10},
		},
		"probes say not": {
			dns.RegionState{Weight: 100}, discovery.Region{Known: 1, Instances: []discovery.Instance{pod}}, dns.RegionState{Weight: 100},
		},
	} {
		got := decide(test.state, test.says)
		if got.Healthy != test.want.Healthy || got.Drained != test.want.Drained || got.Weight != test.want.Weight {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}
