package recommend

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// instruments are the metrics: what shoppers did, what of it was lost, and how often recommendations fell back.
type instruments struct {
	events, dropped, fallbacks metric.Int64Counter
}

// newInstruments makes the counters, which begin at 0 so that the first increase shows.
func newInstruments(meters metric.MeterProvider) (*instruments, error) {
	meter := meters.Meter("meridian/recommend")
	var i instruments
	var faults [3]error
	i.events, faults[0] = meter.Int64Counter("meridian.recommend.events",
		metric.WithDescription("What shoppers did with products, by action"))
	i.dropped, faults[1] = meter.Int64Counter("meridian.recommend.events_dropped",
		metric.WithDescription("What shoppers did and nobody counts: there was no room, or it could not be written"))
	i.fallbacks, faults[2] = meter.Int64Counter("meridian.recommend.fallbacks",
		metric.WithDescription("Recommendations that were not what they should be, by place and by what was answered"))
	if err := errors.Join(faults[:]...); err != nil {
		return nil, fmt.Errorf("measure recommendations: %w", err)
	}
	ctx := context.Background()
	for _, name := range actionNames {
		i.events.Add(ctx, 0, metric.WithAttributes(attribute.String("action", name)))
	}
	i.dropped.Add(ctx, 0)
	for _, at := range []place{placeProduct, placeHome} {
		for _, to := range []Degraded{BestSellers, None} {
			i.fallbacks.Add(ctx, 0, fallbackLabels(at, to))
		}
	}
	return &i, nil
}

func fallbackLabels(at place, to Degraded) metric.AddOption {
	return metric.WithAttributes(attribute.String("place", string(at)), attribute.String("answer", string(to)))
}

// fellBack counts a fallback.
func (i *instruments) fellBack(ctx context.Context, at place, to Degraded) {
	i.fallbacks.Add(ctx, 1, fallbackLabels(at, to))
}

// counted counts what was done with products, once it is written.
func (i *instruments) counted(ctx context.Context, products []uuid.UUID, of map[uuid.UUID]did) {
	var sums did
	for _, product := range products {
		for what, times := range of[product] {
			sums[what] += times
		}
	}
	for what, times := range sums {
		i.events.Add(ctx, times, metric.WithAttributes(attribute.String("action", actionNames[what])))
	}
}
