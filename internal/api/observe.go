package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"meridian/internal/telemetry"
)

// instruments are the server's span maker and metrics. Attributes are the route's template, the method and the
// class of the status: bounded in number, and nothing of a person. (otelhttp would add the client's address, path and user agent
// to spans, and the Host header, which anybody can vary, to metrics.)
type instruments struct {
	tracer   trace.Tracer
	active   metric.Int64UpDownCounter
	current  atomic.Int64 // the same, to be read
	duration metric.Float64Histogram
	trips    metric.Int64Histogram
	problems metric.Int64Counter
	// labels are the attributes of each kind of answer, made once: there are only so many.
	labels sync.Map // answerKind to []metric.RecordOption
}

// An answerKind is what metrics tell apart.
type answerKind struct {
	method, route string
	// class is the status's, such as 4xx: single statuses would make several times as many series of each route.
	class string
}

// Answers that refuse a call, by route, would be most series of a pod that is attacked, and tell little: which calls are
// refused, and why, is counted by meridian.http.problems.
const (
	refusedClass = "4xx"
	refusedRoute = "refused"
)

// classOf returns the class of a status, such as 4xx.
func classOf(status int) string { return fmt.Sprintf("%dxx", status/100) }

func newInstruments(tracers trace.TracerProvider, meters metric.MeterProvider) (*instruments, error) {
	const scope = "meridian/api"
	meter := meters.Meter(scope)
	i := &instruments{tracer: tracers.Tracer(scope)}
	var faults [4]error
	i.active, faults[0] = meter.Int64UpDownCounter("http.server.active_requests",
		metric.WithDescription("Requests being answered"))
	i.duration, faults[1] = meter.Float64Histogram("http.server.request.duration",
		metric.WithUnit("s"), metric.WithDescription("How long answers took"),
		metric.WithExplicitBucketBoundaries(telemetry.Buckets...))
	i.trips, faults[2] = meter.Int64Histogram("meridian.http.round_trips",
		metric.WithDescription("Round trips to the database that answers below 400 took"),
		metric.WithExplicitBucketBoundaries(0, 1, 2, 3, 5, 10))
	i.problems, faults[3] = meter.Int64Counter("meridian.http.problems",
		metric.WithDescription("Answers that are problems, by their code"))
	if err := errors.Join(faults[:]...); err != nil {
		return nil, fmt.Errorf("registering a metric: %w", err)
	}
	return i, nil
}

// begin starts the request's span. Only a proxy of ours may say which trace it belongs to.
func (i *instruments) begin(r *http.Request, call *call) (context.Context, trace.Span) {
	ctx := r.Context()
	if call.trusted {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
	}
	i.active.Add(ctx, 1)
	i.current.Add(1)
	method := knownMethod(r.Method)
	return i.tracer.Start(ctx, method,
		trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("http.request.method", method)))
}

// end closes the request's span and records its metrics.
func (i *instruments) end(r *http.Request, call *call, span trace.Span, took time.Duration) {
	ctx := r.Context()
	i.active.Add(ctx, -1)
	i.current.Add(-1)
	kind := answerKind{method: knownMethod(r.Method), route: routeLabel(call.route), class: classOf(call.status)}
	if kind.class == refusedClass {
		kind.route = refusedRoute
	}
	i.duration.Record(ctx, took.Seconds(), i.labelsOf(kind)...)
	if call.status < http.StatusBadRequest { // what is refused costs less, or nothing
		i.trips.Record(ctx, call.trips.Count(), i.labelsOf(kind)...)
	}

	span.SetAttributes(
		attribute.Int("http.response.status_code", call.status),
		attribute.Int64("meridian.round_trips", call.trips.Count()),
	)
	if call.status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, http.StatusText(call.status))
	}
	span.End()
}

// labelsOf returns the attributes of a kind of answer.
func (i *instruments) labelsOf(kind answerKind) []metric.RecordOption {
	if known, ok := i.labels.Load(kind); ok {
		return known.([]metric.RecordOption)
	}
	set := attribute.NewSet(
		attribute.String("http.request.method", kind.method),
		attribute.String("http.route", kind.route),
		attribute.String("http.response.status_code", kind.class),
	)
	labels := []metric.RecordOption{metric.WithAttributeSet(set)}
	i.labels.Store(kind, labels)
	return labels
}

// problem counts an answer that is a problem. The codes are those of problemTypes.
func (i *instruments) problem(ctx context.Context, route, code string) {
	i.problems.Add(ctx, 1, metric.WithAttributes(
		attribute.String("http.route", routeLabel(route)), attribute.String("code", code)))
}
