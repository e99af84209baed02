package fx

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// The outcomes of an import, as metrics tell them apart.
const (
	importedNew       = "new"
	importedUnchanged = "unchanged"
	importedHeld      = "held" // at least one rate waits for finance
	importFailed      = "failed"
)

// metrics are how old the rates are, and how imports went.
type metrics struct {
	age     metric.Float64Gauge
	imports metric.Int64Counter
}

// newMetrics makes the instruments. The counter begins at 0 for each outcome, so that the first
// shows as an increase.
func newMetrics(meters metric.MeterProvider) (*metrics, error) {
	meter := meters.Meter("meridian/fx")
	m := new(metrics)
	var faults [2]error
	m.age, faults[0] = meter.Float64Gauge("meridian.fx.rate.age",
		metric.WithUnit("s"), metric.WithDescription("How old the oldest exchange rate in use is, since its publication"))
	m.imports, faults[1] = meter.Int64Counter("meridian.fx.imports",
		metric.WithDescription("Imports of exchange rates, by outcome"))
	if err := errors.Join(faults[:]...); err != nil {
		return nil, fmt.Errorf("measure exchange rates: %w", err)
	}
	for _, outcome := range []string{importedNew, importedUnchanged, importedHeld, importFailed} {
		m.countImports(context.Background(), 0, outcome)
	}
	return m, nil
}

func (m *metrics) countImports(ctx context.Context, n int64, outcome string) {
	m.imports.Add(ctx, n, metric.WithAttributes(attribute.String("outcome", outcome)))
}
