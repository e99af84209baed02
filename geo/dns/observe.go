package dns

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Metrics are read from the responders' counters when they are collected, so that answering costs no more than an addition.
// Labels are codes, transports and regions: few, and never personal.

// register creates the server's metrics.
func (s *Server) register() error {
	meter := s.cfg.Meter.Meter("meridian/geo/dns")
	var faults [8]error
	counter := func(at int, name, description string, observe metric.Int64Callback) {
		_, faults[at] = meter.Int64ObservableCounter(name, metric.WithDescription(description), metric.WithInt64Callback(observe))
	}
	gauge := func(at int, name, description string, observe metric.Int64Callback) {
		_, faults[at] = meter.Int64ObservableGauge(name, metric.WithDescription(description), metric.WithInt64Callback(observe))
	}
	counter(0, "meridian.dns.answers", "Responses sent, by transport and code", s.observeAnswers)
	counter(1, "meridian.dns.dropped", "Requests without a whole response, by reason", s.observeDropped)
	counter(2, "meridian.dns.nearest", "Answers that depend on the client, by the region named first", s.observeNearest)
	counter(3, "meridian.dns.located", "The same, by what the client was located by", s.observeLocated)
	counter(4, "meridian.dns.reloads", "Times that the zone's file was read again, by result", s.observeReloads)
	gauge(5, "meridian.dns.region.usable", "1 for a region that is healthy and to get clients, else 0", s.observeUsable)
	gauge(6, "meridian.dns.region.cached",
		"Seconds for which caches may still name a region that is no longer answered", s.observeCached)
	gauge(7, "meridian.dns.zone.serial", "The serial of the zone", s.observeSerial)
	if err := errors.Join(faults[:]...); err != nil {
		return fmt.Errorf("registering a metric: %w", err)
	}
	return nil
}

// total adds up one counter of all responders.
func (s *Server) total(of func(*counts) *atomic.Uint64) int64 {
	s.countsMu.Lock()
	defer s.countsMu.Unlock()
	var sum uint64
	for _, c := range s.counts {
		sum += of(c).Load()
	}
	return int64(sum)
}

func (s *Server) observeAnswers(_ context.Context, o metric.Int64Observer) error {
	for transport, name := range []string{"udp", "tcp"} {
		for code := range len(counts{}.answers[0]) {
			if n := s.total(func(c *counts) *atomic.Uint64 { return &c.answers[transport][code] }); n > 0 {
				o.Observe(n, metric.WithAttributes(attribute.String("transport", name), attribute.String("code", dns.RcodeToString[code])))
			}
		}
	}
	return nil
}

func (s *Server) observeDropped(_ context.Context, o metric.Int64Observer) error {
	for at, reason := range []string{"no_request", "rate_limit", "rate_limit_truncated"} {
		o.Observe(s.total(func(c *counts) *atomic.Uint64 { return &c.dropped[at] }), metric.WithAttributes(attribute.String("reason", reason)))
	}
	return nil
}

const upstreamRegion = attribute.Key("upstream_region")

func (s *Server) observeNearest(_ context.Context, o metric.Int64Observer) error {
	for _, region := range s.cfg.Set.Names() {
		at := slot(s.cfg.Set, region)
		o.Observe(s.total(func(c *counts) *atomic.Uint64 { return &c.first[at] }), metric.WithAttributes(upstreamRegion.String(region)))
	}
	return nil
}

func (s *Server) observeLocated(_ context.Context, o metric.Int64Observer) error {
	for by, basis := range []string{"resolver", "subnet"} {
		for is, known := range []bool{false, true} {
			o.Observe(s.total(func(c *counts) *atomic.Uint64 { return &c.bases[by][is] }),
				metric.WithAttributes(attribute.String("by", basis), attribute.Bool("known", known)))
		}
	}
	return nil
}

func (s *Server) observeReloads(_ context.Context, o metric.Int64Observer) error {
	for at, result := range []string{"faulty", "done"} {
		o.Observe(int64(s.reloads[at].Load()), metric.WithAttributes(attribute.String("result", result)))
	}
	return nil
}

func (s *Server) observeUsable(_ context.Context, o metric.Int64Observer) error {
	for _, state := range s.view.Load().states {
		var usable int64
		if state.Healthy && !state.Drained && state.Weight > 0 {
			usable = 1
		}
		o.Observe(usable, metric.WithAttributes(upstreamRegion.String(state.Region)))
	}
	return nil
}

func (s *Server) observeCached(_ context.Context, o metric.Int64Observer) error {
	for _, state := range s.view.Load().states {
		left := s.lingers.left(state.Region, time.Now())
		o.Observe(int64((left+time.Second-1)/time.Second), metric.WithAttributes(upstreamRegion.String(state.Region)))
	}
	return nil
}

func (s *Server) observeSerial(_ context.Context, o metric.Int64Observer) error {
	o.Observe(int64(s.view.Load().zone.soa.Serial))
	return nil
}
