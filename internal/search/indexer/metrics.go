package indexer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// metrics are the metrics of a feed.
type metrics struct {
	applied  metric.Int64Counter
	duration metric.Float64Histogram
}

func (x *Indexer) newMetrics() (*metrics, error) {
	meter := x.Meter.Meter("meridian/search/indexer")
	m := new(metrics)
	var errs [6]error
	m.applied, errs[0] = meter.Int64Counter("meridian.search.index.applied",
		metric.WithDescription("Documents written into the search index and deleted from it, by kind"))
	m.duration, errs[1] = meter.Float64Histogram("meridian.search.index.batch.duration",
		metric.WithUnit("s"), metric.WithDescription("How long the search index takes for a batch, until all of it is searchable"),
		metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30))
	_, errs[2] = meter.Float64ObservableGauge("meridian.search.index.lag",
		metric.WithUnit("s"), metric.WithDescription("How far the search index is behind the database"),
		metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
			if s := x.Status(); !s.UpTo.IsZero() {
				o.Observe(s.Lag().Seconds())
			}
			return nil
		}))
	_, errs[3] = meter.Int64ObservableGauge("meridian.search.index.documents",
		metric.WithDescription("Documents in the search index"), x.observe(func(s Status) int { return s.Documents }))
	_, errs[4] = meter.Int64ObservableGauge("meridian.search.index.set_aside",
		metric.WithDescription("Products that the search index cannot take"), x.observe(func(s Status) int { return s.SetAside }))
	_, errs[5] = meter.Int64ObservableGauge("meridian.search.index.filled",
		metric.WithDescription("1 while the search index is fed and holds every product"), x.observe(func(s Status) int {
			if s.State == StateStarting || s.State == StateFilling || s.State == StateUnavailable {
				return 0
			}
			return 1
		}))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("measure the search index: %w", err)
	}
	for _, kind := range []string{"put", "delete"} {
		m.applied.Add(context.Background(), 0, metric.WithAttributes(attribute.String("kind", kind)))
	}
	return m, nil
}

func (x *Indexer) observe(what func(s Status) int) metric.Int64ObservableGaugeOption {
	return metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(int64(what(x.Status())))
		return nil
	})
}

// wrote records a batch that the index has taken.
func (m *metrics) wrote(ctx context.Context, put, deleted int, took time.Duration) {
	m.applied.Add(ctx, int64(put), metric.WithAttributes(attribute.String("kind", "put")))
	m.applied.Add(ctx, int64(deleted), metric.WithAttributes(attribute.String("kind", "delete")))
	m.duration.Record(ctx, took.Seconds())
}
