package geo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// instruments are the edge's tracer and metrics. Their labels are regions, outcomes and methods: few, and never
// personal. Other metrics carry the label "region" for the server that reports; here upstream_region is the region
// that was asked.
type instruments struct {
	tracer    trace.Tracer
	duration  metric.Float64Histogram
	tries     metric.Int64Counter
	failovers metric.Int64Counter
	hedges    metric.Int64Counter
	requests  metric.Int64Counter
}

const upstreamRegion = attribute.Key("upstream_region")

// register creates the edge's instruments, with a gauge of the regions it would send requests to.
func (e *Edge) register() error {
	meter := e.cfg.Meter.Meter("meridian/geo")
	e.metrics.tracer = e.cfg.Tracer.Tracer("meridian/geo")
	var faults [8]error
	e.metrics.duration, faults[0] = meter.Float64Histogram("meridian.edge.request.duration",
		metric.WithUnit("s"), metric.WithDescription("How long requests took, by the region that answered and the outcome"),
		// The same bounds as the API's, and the longest a request may take.
		metric.WithExplicitBucketBoundaries(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10, 30))
	e.metrics.tries, faults[1] = meter.Int64Counter("meridian.edge.tries",
		metric.WithDescription("Requests sent to a region, by what came of it"))
	e.metrics.failovers, faults[2] = meter.Int64Counter("meridian.edge.failovers",
		metric.WithDescription("Tries that failed and were followed by another, by the region that failed"))
	e.metrics.hedges, faults[3] = meter.Int64Counter("meridian.edge.hedges",
		metric.WithDescription("Second tries of reads that took long, by the region that they went to"))
	e.metrics.requests, faults[4] = meter.Int64Counter("meridian.edge.requests",
		metric.WithDescription("Requests that a region answered, by why it was that one"))
	usable, err := meter.Int64ObservableGauge("meridian.edge.region.usable",
		metric.WithDescription("1 for a region that is given requests, else 0"))
	faults[5] = err
	age, err := meter.Float64ObservableGauge("meridian.edge.region.age", metric.WithUnit("s"),
		metric.WithDescription("For how long there has been no news of a region; 0 while there is"))
	faults[6] = err
	_, faults[7] = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for _, health := range e.Health() {
			region := metric.WithAttributes(upstreamRegion.String(health.Region))
			is := int64(0)
			if health.Usable {
				is = 1
			}
			o.ObserveInt64(usable, is, region)
			o.ObserveFloat64(age, health.Age.Seconds(), region)
		}
		return nil
	}, usable, age)
	if err := errors.Join(faults[:]...); err != nil {
		return fmt.Errorf("registering a metric: %w", err)
	}
	return nil
}

// begin starts the span of a request, in the trace of a trusted proxy in front or in one of its own.
func (e *Edge) begin(r *http.Request) (*http.Request, trace.Span) {
	ctx := r.Context()
	if e.locator.FromTrusted(r) {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
	}
	method := knownMethod(r.Method)
	ctx, span := e.metrics.tracer.Start(ctx, method+" edge", trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("http.request.method", method)))
	return r.WithContext(ctx), span
}

// end ends the request's span and records its duration and outcome. The region is empty where none answered.
func (j *journey) end(ctx context.Context, span trace.Span) {
	labels := []attribute.KeyValue{upstreamRegion.String(j.answeredBy), attribute.String("outcome", string(j.outcome))}
	j.edge.metrics.duration.Record(ctx, time.Since(j.started).Seconds(), metric.WithAttributes(labels...))
	if j.why != "" {
		j.edge.metrics.requests.Add(ctx, 1, metric.WithAttributes(labels[0], attribute.String("reason", string(j.why))))
	}
	span.SetAttributes(append(labels, attribute.Int("meridian.edge.tries", j.tries))...)
	switch j.outcome {
	case outcomeError, outcomeNoRegion, outcomeShed, outcomeUnknown:
		span.SetStatus(codes.Error, string(j.outcome))
	}
	span.End()
}

// beginTry starts the span of one try.
func (e *Edge) beginTry(ctx context.Context, method, region string) (context.Context, trace.Span) {
	return e.metrics.tracer.Start(ctx, knownMethod(method)+" "+region, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(upstreamRegion.String(region)))
}

// continueTrace writes the trace and span into the headers, so that the region's spans become children.
func continueTrace(ctx context.Context, h http.Header) {
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(h))
}

// endTry ends the try's span and counts it. resp is nil if there was no answer.
func (e *Edge) endTry(ctx context.Context, span trace.Span, region string, resp *http.Response, failed *tryError) {
	result := resultOf(resp, failed)
	if resp != nil {
		span.SetAttributes(attribute.Int("http.response.status_code", resp.StatusCode))
	}
	if result != "answered" {
		span.SetStatus(codes.Error, result)
	}
	span.End()
	e.metrics.tries.Add(ctx, 1, metric.WithAttributes(upstreamRegion.String(region), attribute.String("result", result)))
}

// resultOf returns the result of a try as the metric labels it.
func resultOf(resp *http.Response, failed *tryError) string {
	switch {
	case failed == nil && cannotServe(resp.StatusCode):
		return "cannot_serve"
	case failed == nil:
		return "answered"
	case errors.Is(failed, errTooSlow):
		return "too_slow"
	case errors.Is(failed, context.Canceled), errors.Is(failed, errClientStalled):
		return "client_gone"
	case isLocal(failed):
		return "no_resources"
	}
	return "unreachable"
}

// countHedge counts a second try of a slow read, by the region that it goes to.
func (j *journey) countHedge(ctx context.Context, to *upstream) {
	j.edge.metrics.hedges.Add(ctx, 1, metric.WithAttributes(upstreamRegion.String(to.region)))
}

func (j *journey) countFailover(ctx context.Context, from *upstream) {
	j.edge.metrics.failovers.Add(ctx, 1, metric.WithAttributes(upstreamRegion.String(from.region)))
}

// knownMethod replaces made-up methods, which must not end up in names of spans.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "_OTHER"
}
