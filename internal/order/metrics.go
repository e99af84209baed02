package order

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"meridian/internal/payment"
)

// Metrics takes what becomes of orders and their payments. A nil Metrics takes nothing. The
// labels are states, reasons and names of the code's own: nothing of an order.
type Metrics struct {
	placed     metric.Int64Counter
	settled    metric.Int64Counter
	processing metric.Float64Histogram
	payments   metric.Int64Counter
	notices    metric.Int64Counter
}

// processingBuckets are the bounds, in seconds, of how long orders took to settle. 30 and
// 60 s, the target and the alert's threshold, are among them; an order nobody pays is given
// up after half an hour.
var processingBuckets = []float64{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 45, 60, 120, 300, 900, 1800, 3600}

// settledLabels are the ways in which an order stops waiting for its payment.
var settledLabels = map[string]metric.MeasurementOption{
	"": settledLabel(Paid, ""), "payment_failed": settledLabel(Cancelled, "payment_failed"), "expired": settledLabel(Cancelled, "expired"),
	"by_customer": settledLabel(Cancelled, "by_customer"), "by_operator": settledLabel(Cancelled, "by_operator"),
}

func settledLabel(s Status, reason string) metric.MeasurementOption {
	return metric.WithAttributes(attribute.String("status", string(s)), attribute.String("reason", reason))
}

// NewMetrics makes the instruments. The counters begin at 0, so that the first of each kind
// shows as an increase.
func NewMetrics(meters metric.MeterProvider) (*Metrics, error) {
	meter := meters.Meter("meridian/order")
	m := new(Metrics)
	var faults [5]error
	m.placed, faults[0] = meter.Int64Counter("meridian.order.placed",
		metric.WithDescription("Orders placed"))
	m.settled, faults[1] = meter.Int64Counter("meridian.order.settled",
		metric.WithDescription("Orders that stopped waiting for their payment: paid, or cancelled for a reason"))
	m.processing, faults[2] = meter.Float64Histogram("meridian.order.processing.duration",
		metric.WithUnit("s"), metric.WithDescription("From placing an order until it was paid or cancelled"),
		metric.WithExplicitBucketBoundaries(processingBuckets...))
	m.payments, faults[3] = meter.Int64Counter("meridian.payment.outcomes",
		metric.WithDescription("What providers said of payments, by provider and status"))
	m.notices, faults[4] = meter.Int64Counter("meridian.payment.webhooks",
		metric.WithDescription("Webhooks acted on, by provider and result"))
	if err := errors.Join(faults[:]...); err != nil {
		return nil, fmt.Errorf("measure orders: %w", err)
	}
	ctx := context.Background()
	m.placed.Add(ctx, 0)
	for _, labels := range settledLabels {
		m.settled.Add(ctx, 0, labels)
	}
	return m, nil
}

// recordPlaced counts an order that was placed: not one that was answered again.
func (m *Metrics) recordPlaced(ctx context.Context) {
	if m != nil {
		m.placed.Add(ctx, 1)
	}
}

// recordSettled counts the transition by which an order stopped waiting for its payment:
// paid with cancelReason "", else cancelled. It is for the one caller whose transition
// happened.
func (m *Metrics) recordSettled(ctx context.Context, placedAt, now time.Time, cancelReason string) {
	labels, ok := settledLabels[cancelReason]
	if m == nil || !ok {
		return
	}
	m.settled.Add(ctx, 1, labels)
	m.processing.Record(ctx, max(now.Sub(placedAt), 0).Seconds(), labels)
}

// recordPayment counts what a provider said of a payment.
func (m *Metrics) recordPayment(ctx context.Context, provider string, status payment.Status) {
	if m != nil {
		m.payments.Add(ctx, 1, metric.WithAttributes(attribute.String("provider", provider), attribute.String("status", string(status))))
	}
}

// recordNotice counts a webhook's try: "done" with no error, "early" for one about a payment
// that is not known yet, else "failed". The last two are tried again.
func (m *Metrics) recordNotice(ctx context.Context, provider string, err error) {
	if m == nil {
		return
	}
	result := "done"
	switch {
	case errors.Is(err, payment.ErrUnknownPayment):
		result = "early"
	case err != nil:
		result = "failed"
	}
	m.notices.Add(ctx, 1, metric.WithAttributes(attribute.String("provider", provider), attribute.String("result", result)))
}
