package telemetry

import (
	"net/http"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// A Peer is a service that the shop calls over HTTP.
type Peer struct {
	// Name identifies the peer in spans and metrics. It is one of a few that the code knows, never a host from data.
	Name string
	// Ours says that the shop's operator runs the peer: it is sent the traceparent header, so that its spans join the
	// trace. Others are not.
	Ours bool
}

const peerKey = attribute.Key("peer")

// Transport wraps base so that each call has a span and is measured.
func (t *Telemetry) Transport(base http.RoundTripper, peer Peer) http.RoundTripper {
	attributes := []attribute.KeyValue{peerKey.String(peer.Name)}
	propagator := propagation.NewCompositeTextMapPropagator()
	if peer.Ours {
		propagator = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{})
	}
	measured := otelhttp.NewTransport(base,
		otelhttp.WithTracerProvider(t.Tracer),
		otelhttp.WithMeterProvider(t.Meter),
		otelhttp.WithPropagators(propagator),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return r.Method + " " + peer.Name }),
		otelhttp.WithSpanOptions(trace.WithAttributes(attributes...)),
	)
	return labelled{next: measured, attributes: attributes}
}

// labelled adds the peer's name to the measurements of calls.
type labelled struct {
	next       http.RoundTripper
	attributes []attribute.KeyValue
}

func (l labelled) RoundTrip(r *http.Request) (*http.Response, error) {
	labeler := new(otelhttp.Labeler)
	labeler.Add(l.attributes...)
	return l.next.RoundTrip(r.WithContext(otelhttp.ContextWithClientLabeler(r.Context(), labeler)))
}
