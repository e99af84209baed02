package telemetry

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Attributes of the span around a pass of background work.
const (
	// TaskKey names the job. A span with it that has no parent is a pass.
	TaskKey = attribute.Key("meridian.work.task")
	// ItemsKey is how many items the pass found to do; it is set before the span ends.
	ItemsKey = attribute.Key("meridian.work.items")
)

// passFilter drops the traces of passes that found nothing to do, which are nearly all: each job runs about once a
// second. It holds the spans of a pass until the pass ends, and passes them on if it had items or failed. It passes
// all other spans on at once.
type passFilter struct {
	sdktrace.SpanProcessor
	mu   sync.Mutex
	held map[trace.TraceID][]sdktrace.ReadOnlySpan
}

// maxHeld bounds the spans held for one pass. A pass with more has found something to do.
const maxHeld = 64

func newPassFilter(next sdktrace.SpanProcessor) *passFilter {
	return &passFilter{SpanProcessor: next, held: make(map[trace.TraceID][]sdktrace.ReadOnlySpan)}
}

// OnStart begins to hold the spans of a pass.
func (f *passFilter) OnStart(ctx context.Context, span sdktrace.ReadWriteSpan) {
	f.SpanProcessor.OnStart(ctx, span)
	if isPass(span) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.held[span.SpanContext().TraceID()] = nil
	}
}

// OnEnd passes a span on, holds it or, at the end of its pass, decides about all held spans.
func (f *passFilter) OnEnd(span sdktrace.ReadOnlySpan) {
	for _, decided := range f.decide(span) {
		f.SpanProcessor.OnEnd(decided)
	}
}

// decide returns the spans to pass on now.
func (f *passFilter) decide(span sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := span.SpanContext().TraceID()
	held, ok := f.held[id]
	switch {
	case !ok:
		return []sdktrace.ReadOnlySpan{span}
	case isPass(span) && idle(span):
		delete(f.held, id)
		return nil
	case isPass(span) || len(held) == maxHeld:
		delete(f.held, id) // what comes after is passed on at once
		return append(held, span)
	}
	f.held[id] = append(held, span)
	return nil
}

func isPass(span sdktrace.ReadOnlySpan) bool {
	if span.Parent().IsValid() {
		return false
	}
	_, ok := attributeOf(span, TaskKey)
	return ok
}

func idle(span sdktrace.ReadOnlySpan) bool {
	items, _ := attributeOf(span, ItemsKey)
	return items.AsInt64() == 0 && span.Status().Code != codes.Error
}

func attributeOf(span sdktrace.ReadOnlySpan, key attribute.Key) (attribute.Value, bool) {
	for _, a := range span.Attributes() {
		if a.Key == key {
			return a.Value, true
		}
	}
	return attribute.Value{}, false
}
