package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// instruments are the server's span maker and metrics. Attributes are the route's template, the method and the
// status: bounded in number, and nothing of a person. (otelhttp would add the client's address, path and user agent
// to spans, and the Host header, which anybody can vary, to metrics.)
type instruments struct {
	tracer   trace.Tracer
	active   metric.Int64UpDownCounter
	duration metric.Float64Histogram
	trips    metric.Int64Histogram
}

func newInstruments(tracers trace.TracerProvider, meters metric.MeterProvider) (*instruments, error) {
	const scope = "meridian/api"
	meter := meters.Meter(scope)
	active, err := meter.Int64UpDownCounter("http.server.active_requests",
		metric.WithDescription("Requests being answered"))
	if err != nil {
		return nil, fmt.Errorf("registering a metric: %w", err)
	}
	duration, err := meter.Float64Histogram("http.server.request.duration",
		metric.WithUnit("s"), metric.WithDescription("How long answers took"),
		metric.WithExplicitBucketBoundaries(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10))
	if err != nil {
		return nil, fmt.Errorf("registering a metric: %w", err)
	}
	trips, err := meter.Int64Histogram("meridian.http.round_trips",
		metric.WithDescription("Round trips to the database that answers took"),
		metric.WithExplicitBucketBoundaries(0, 1, 2, 3, 5, 10))
	if err != nil {
		return nil, fmt.Errorf("registering a metric: %w", err)
	}
	return &instruments{tracer: tracers.Tracer(scope), active: active, duration: duration, trips: trips}, nil
}

// begin starts the request's span. Only a proxy of ours may say which trace it belongs to.
func (i *instruments) begin(r *http.Request, call *call) (context.Context, trace.Span) {
	ctx := r.Context()
	if call.trusted {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
	}
	i.active.Add(ctx, 1)
	method := knownMethod(r.Method)
	return i.tracer.Start(ctx, method,
		trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("http.request.method", method)))
}

// end closes the request's span and records its metrics.
func (i *instruments) end(r *http.Request, call *call, span trace.Span, took time.Duration) {
	ctx := r.Context()
	i.active.Add(ctx, -1)
	attributes := metric.WithAttributes(
		attribute.String("http.request.method", knownMethod(r.Method)),
		attribute.String("http.route", routeLabel(call.route)),
		attribute.Int("http.response.status_code", call.status),
	)
	i.duration.Record(ctx, took.Seconds(), attributes)
	i.trips.Record(ctx, call.trips.Count(), attributes)

	span.SetAttributes(
		attribute.Int("http.response.status_code", call.status),
		attribute.Int64("meridian.round_trips", call.trips.Count()),
	)
	if call.status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, http.StatusText(call.status))
	}
	span.End()
}
