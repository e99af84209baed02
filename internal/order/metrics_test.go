package order

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"meridian/internal/payment"
	"meridian/internal/testkit"
)

func TestMetrics(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	m := testkit.Must(NewMetrics(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))))(t)
	ctx, placed := t.Context(), time.Now()
	m.recordPlaced(ctx)
	m.recordSettled(ctx, placed, placed.Add(30*time.Second), "")
	m.recordSettled(ctx, placed, placed.Add(-time.Second), "") // two pods' clocks
	m.recordSettled(ctx, placed, placed.Add(time.Hour), "expired")
	m.recordSettled(ctx, placed, placed, "somebody's own words")
	m.recordPayment(ctx, "sandbox", payment.StatusSucceeded)
	m.recordNotice(ctx, "sandbox", nil)
	m.recordNotice(ctx, "sandbox", fmt.Errorf("settle: %w", payment.ErrUnknownPayment))
	m.recordNotice(ctx, "sandbox", errors.New("the database is away"))

	want := map[string]float64{
		"meridian.order.placed":                                                            1,
		"meridian.order.settled reason= status=paid":                                       2,
		"meridian.order.settled reason=payment_failed status=cancelled":                    0,
		"meridian.order.settled reason=expired status=cancelled":                           1,
		"meridian.order.settled reason=by_customer status=cancelled":                       0,
		"meridian.order.settled reason=by_operator status=cancelled":                       0,
		"meridian.order.processing.duration reason= status=paid sum":                       30,
		"meridian.order.processing.duration reason= status=paid within target":             2,
		"meridian.order.processing.duration reason=expired status=cancelled sum":           3600,
		"meridian.order.processing.duration reason=expired status=cancelled within target": 0,
		"meridian.payment.outcomes provider=sandbox status=succeeded":                      1,
		"meridian.payment.webhooks provider=sandbox result=done":                           1,
		"meridian.payment.webhooks provider=sandbox result=early":                          1,
		"meridian.payment.webhooks provider=sandbox result=failed":                         1,
	}
	if diff := cmp.Diff(want, collect(t, reader)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// collect reads every point: a counter's value, and of a histogram the sum and how many
// took at most 30 s.
func collect(t *testing.T, reader sdkmetric.Reader) map[string]float64 {
	t.Helper()
	var collected metricdata.ResourceMetrics
	testkit.NoError(t, reader.Collect(context.Background(), &collected))
	got := make(map[string]float64)
	for _, m := range collected.ScopeMetrics[0].Metrics {
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			for _, point := range data.DataPoints {
				got[m.Name+labelsOf(point.Attributes)] = float64(point.Value)
			}
		case metricdata.Histogram[float64]:
			for _, point := range data.DataPoints {
				name := m.Name + labelsOf(point.Attributes)
				got[name+" sum"] = point.Sum
				got[name+" within target"] = 0
				for i, bound := range point.Bounds {
					if bound <= 30 {
						got[name+" within target"] += float64(point.BucketCounts[i])
					}
				}
			}
		}
	}
	return got
}

func labelsOf(set attribute.Set) string {
	text := ""
	for _, a := range set.ToSlice() {
		text += fmt.Sprintf(" %s=%s", a.Key, a.Value.AsString())
	}
	return text
}

func TestMetrics_Nil(t *testing.T) {
	var none *Metrics
	none.recordPlaced(t.Context())
	none.recordSettled(t.Context(), time.Now(), time.Now(), "")
	none.recordPayment(t.Context(), "sandbox", payment.StatusFailed)
	none.recordNotice(t.Context(), "sandbox", nil)
}
