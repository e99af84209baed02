package outbox

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// Metrics takes what a courier does: a span of each delivery, and counts by topic and
// result. A nil Metrics takes nothing.
type Metrics struct {
	tracer     trace.Tracer
	deliveries metric.Int64Counter
}

// NewMetrics makes the instruments.
func NewMetrics(tracers trace.TracerProvider, meters metric.MeterProvider) (*Metrics, error) {
	deliveries, err := meters.Meter("meridian/outbox").Int64Counter("meridian.outbox.deliveries",
		metric.WithDescription("Attempts to deliver an event, by topic and result"))
	if err != nil {
		return nil, fmt.Errorf("measure the outbox: %w", err)
	}
	return &Metrics{tracer: tracers.Tracer("meridian/outbox"), deliveries: deliveries}, nil
}

// begin starts the span of a delivery. The context it returns is the receiver's: a call made
// with it carries the span on. Topics are the code's own words, and few.
func (m *Metrics) begin(ctx context.Context, e Event) (context.Context, func(error)) {
	if m == nil {
		return ctx, func(error) {}
	}
	ctx, span := m.tracer.Start(ctx, "send "+e.Topic, trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
		attribute.String("messaging.destination.name", e.Topic), attribute.String("messaging.message.id", e.ID.String())))
	return ctx, func(err error) {
		result := "delivered"
		if err != nil {
			result = "failed"
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
		m.deliveries.Add(ctx, 1, metric.WithAttributes(attribute.String("topic", e.Topic), attribute.String("result", result)))
	}
}
