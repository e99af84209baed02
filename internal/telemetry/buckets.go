package telemetry

import (
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// Buckets are the bounds, in seconds, of histograms of short durations. They include the targets and thresholds of
// the alerts (50, 100, 200, 300 and 500 ms), so that a quantile is compared with a counted number and not an
// interpolated one.
var Buckets = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10}

// views shape the metrics that libraries record: they use the shop's buckets, drop hosts and ports, which anybody
// could choose, and drop the sizes of bodies.
func views() []sdkmetric.Option {
	buckets := sdkmetric.AggregationExplicitBucketHistogram{Boundaries: Buckets}
	return []sdkmetric.Option{sdkmetric.WithView(
		sdkmetric.NewView(sdkmetric.Instrument{Name: "db.client.operation.duration"}, sdkmetric.Stream{Aggregation: buckets}),
		sdkmetric.NewView(sdkmetric.Instrument{Name: "http.client.request.duration"}, sdkmetric.Stream{
			Aggregation:     buckets,
			AttributeFilter: attribute.NewAllowKeysFilter(peerKey, "http.request.method", "http.response.status_code", "error.type"),
		}),
		sdkmetric.NewView(sdkmetric.Instrument{Name: "http.client.request.body.size"},
			sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}}),
	)}
}
