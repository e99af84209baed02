package pod

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"meridian/internal/telemetry"
)

// instruments are the metrics of background work, and of what it measures. The labels are names of jobs, queues and
// checks, which the code defines.
type instruments struct {
	tracer   trace.Tracer
	passes   metric.Float64Histogram
	items    metric.Int64Counter
	waiting  metric.Int64Gauge
	age      metric.Float64Gauge
	broken   metric.Int64Gauge
	accuracy metric.Float64Gauge
	audited  metric.Float64Gauge
}

func newInstruments(t *telemetry.Telemetry) (*instruments, error) {
	meter := t.Meter.Meter("meridian/pod")
	i := &instruments{tracer: t.Tracer.Tracer("meridian/pod")}
	var faults [7]error
	i.passes, faults[0] = meter.Float64Histogram("meridian.work.pass.duration",
		metric.WithUnit("s"), metric.WithDescription("Passes of background work, by task and result"),
		metric.WithExplicitBucketBoundaries(0.01, 0.1, 1, 10, 60, passTimeout.Seconds()))
	i.items, faults[1] = meter.Int64Counter("meridian.work.items",
		metric.WithDescription("What passes of background work found to do, by task"))
	i.waiting, faults[2] = meter.Int64Gauge("meridian.backlog.waiting",
		metric.WithDescription("Rows of the region that wait in a queue, counted up to 10000"))
	i.age, faults[3] = meter.Float64Gauge("meridian.backlog.age",
		metric.WithUnit("s"), metric.WithDescription("How long the oldest row of the region waits in a queue; 0 when none does"))
	i.broken, faults[4] = meter.Int64Gauge("meridian.verify.broken_rows",
		metric.WithDescription("Rows that an invariant does not hold for, by check"))
	i.accuracy, faults[5] = meter.Float64Gauge("meridian.inventory.accuracy",
		metric.WithUnit("1"), metric.WithDescription("The share of stock rows that agree with their ledger, their reservations and their "+
			"warehouse"))
	i.audited, faults[6] = meter.Float64Gauge("meridian.verify.last_run",
		metric.WithUnit("s"), metric.WithDescription("When the stock was last audited, in seconds since 1970"))
	if err := errors.Join(faults[:]...); err != nil {
		return nil, fmt.Errorf("measure background work: %w", err)
	}
	return i, nil
}

// taskLabel names the job in metrics. The label "job" is Prometheus' own.
const taskLabel = "task"

// beginPass starts the span of a pass, in a trace of its own. The function it returns ends the span and records the
// result.
func (i *instruments) beginPass(ctx context.Context, job string) (context.Context, func(n int, err error)) {
	started := time.Now()
	ctx, span := i.tracer.Start(ctx, "work "+job, trace.WithNewRoot(), trace.WithAttributes(telemetry.TaskKey.String(job)))
	return ctx, func(n int, err error) {
		result := "idle"
		switch {
		case err != nil:
			result = "failed"
			span.SetStatus(codes.Error, err.Error())
		case n > 0:
			result = "done"
		}
		span.SetAttributes(telemetry.ItemsKey.Int(n))
		span.End()
		i.items.Add(ctx, int64(n), metric.WithAttributes(attribute.String(taskLabel, job)))
		i.passes.Record(ctx, time.Since(started).Seconds(), metric.WithAttributes(
			attribute.String(taskLabel, job), attribute.String("result", result)))
	}
}

// transport returns the transport to a peer, which traces and measures each call and opens at most 256 connections.
func (p *Pod) transport(peer telemetry.Peer) http.RoundTripper {
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.MaxIdleConnsPerHost, base.MaxConnsPerHost = 64, 256
	return p.telemetry.Transport(base, peer)
}

// ServeMetrics answers Prometheus at /metrics until ctx ends, for a pod that serves nothing else.
func (p *Pod) ServeMetrics(ctx context.Context, listener net.Listener) error {
	return p.telemetry.Serve(ctx, listener)
}
