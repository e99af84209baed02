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

// metrics are the metrics of searches. Labels are source names and constants of this package, never search texts.
type metrics struct {
	duration metric.Float64Histogram
	degraded metric.Int64Counter
	failures metric.Int64Counter
	open     metric.Int64Gauge
}

func newMetrics(meters metric.MeterProvider) (*metrics, error) {
	meter := meters.Meter("meridian/search")
	var m metrics
	var errs [4]error
	m.duration, errs[0] = meter.Float64Histogram("meridian.search.duration", metric.WithUnit("s"),
		metric.WithDescription("Searches, by engine (what answered) and result"), metric.WithExplicitBucketBoundaries(telemetry.Buckets...))
	m.degraded, errs[1] = meter.Int64Counter("meridian.search.degraded",
		metric.WithDescription("Searches that the region's own index did not answer, by what did"))
	m.failures, errs[2] = meter.Int64Counter("meridian.search.source.failures",
		metric.WithDescription("Queries that a source of answers failed at or was not asked for, by source"))
	m.open, errs[3] = meter.Int64Gauge("meridian.search.circuit.open",
		metric.WithDescription("1 while the circuit breaker of a source of answers is open"))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("measure searches: %w", err)
	}
	for _, how := range []Degraded{RemoteRegion, FromDatabase} {
		m.degraded.Add(context.Background(), 0, metric.WithAttributes(attribute.String("engine", string(how))))
	}
	return &m, nil
}

// searched records a search and its outcome.
func (m *metrics) searched(ctx context.Context, took time.Duration, a Answer, err error) {
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
		m.degraded.Add(ctx, 1, metric.WithAttributes(attribute.String("engine", engine)))
	}
	m.duration.Record(ctx, took.Seconds(), metric.WithAttributes(attribute.String("engine", engine), attribute.String("result", result)))
}

func (m *metrics) failed(ctx context.Context, source string) {
	m.failures.Add(ctx, 1, metric.WithAttributes(attribute.String("source", source)))
}

func (m *metrics) circuit(source string, open bool) {
	value := int64(0)
	if open {
		value = 1
	}
	m.open.Record(context.Background(), value, metric.WithAttributes(attribute.String("source", source)))
}
