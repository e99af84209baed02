package pod

import (
	"bytes"
	"context"
	"net/http/httptest"
	"testing"

	"meridian/internal/database"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

// TestPod_CloseAfterStop: a pod that was told to stop is closed with a context that has ended. Its last traces are
// sent all the same, and that is no failure.
func TestPod_CloseAfterStop(t *testing.T) {
	traces := new(tap)
	collector := httptest.NewServer(traces)
	t.Cleanup(collector.Close)
	set := testkit.Must(regions.Shipped())(t)
	ctx, stop := context.WithCancel(t.Context())
	p := testkit.Must(New(ctx, Config{
		Regions: set, Region: "eu-west", Secret: bytes.Repeat([]byte{7}, 32),
		Database: database.Config{URL: databasetest.URL(t)}, OTLPEndpoint: collector.URL,
	}))(t)
	_, span := p.telemetry.Tracer.Tracer("test").Start(ctx, "the last one")
	span.End()
	stop()
	if err := p.Close(ctx); err != nil {
		t.Errorf("closing: %v", err)
	}
	if traces.String() == "" {
		t.Error("no trace was sent")
	}
}
