package search

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"meridian/internal/telemetry"
)

// instruments are what searches tell. Labels are the names of sources and the code's own words, never what was typed.
type instruments struct {
	duration metric.Float64Histogram
	degraded metric.Int64Counter
	failures metric.Int64Counter
	open     metric.Int64Gauge
}

func newInstruments(meters metric.MeterProvider) (*instruments, error) {
	meter := meters.Meter("meridian/search")
	var i instruments
	var faults [4]error
	i.duration, faults[0] = meter.Float64Histogram("meridian.search.duration", metric.WithUnit("s"),
		metric.WithDescription("Searches, by engine (what answered) and result"), metric.WithExplicitBucketBoundaries(telemetry.Buckets...))
	i.degraded, faults[1] = meter.Int64Counter("meridian.search.degraded",
		metric.WithDescription("Searches that the region's own index did not answer, by what did"))
	i.failures, faults[2] = meter.Int64Counter("meridian.search.source.failures",
		metric.WithDescription("Queries that a source of answers failed at or was not asked for, by source"))
	i.open, faults[3] = meter.Int64Gauge("meridian.search.circuit.open",
		metric.WithDescription("1 while the circuit breaker of a source of answers is open"))
	if err := errors.Join(faults[:]...); err != nil {
		return nil, fmt.Errorf("measure searches: %w", err)
	}
	for _, how := range []Degraded{RemoteRegion, FromDatabase} {
		i.degraded.Add(context.Background(), 0, metric.WithAttributes(attribute.String("engine", string(how))))
	}
	return &i, nil
}

// searched records a search and how it went.
func (i *instruments) searched(ctx context.Context, took time.Duration, a Answer, err error) {
	engine, result := "own", "found"
	switch {
	case err != nil:
		engine, result = "none", "failed"
	case a.Loosened != NotLoosened:
		result = "loosened"
	case a.Total == 0:
		result = "empty"
	}
	if a.Degraded != NotDegraded {
		engine = string(a.Degraded)
		i.degraded.Add(ctx, 1, metric.WithAttributes(attribute.String("engine", engine)))
	}
	i.duration.Record(ctx, took.Seconds(), metric.WithAttributes(attribute.String("engine", engine), attribute.String("result", result)))
}

func (i *instruments) failed(ctx context.Context, source string) {
	i.failures.Add(ctx, 1, metric.WithAttributes(attribute.String("source", source)))
}

func (i *instruments) circuit(source string, open bool) {
	value := int64(0)
	if open {
		value = 1
	}
	i.open.Record(context.Background(), value, metric.WithAttributes(attribute.String("source", source)))
}
