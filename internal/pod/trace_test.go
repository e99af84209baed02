package pod

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// A sentSpan is a span as the collector got it.
type sentSpan struct {
	*tracepb.Span
	service string
}

func (s sentSpan) trace() string  { return hex.EncodeToString(s.TraceId) }
func (s sentSpan) id() string     { return hex.EncodeToString(s.SpanId) }
func (s sentSpan) parent() string { return hex.EncodeToString(s.ParentSpanId) }

// spanBook keeps the spans that were sent.
type spanBook struct {
	mu   sync.Mutex
	sent []sentSpan
}

// add reads a body as OTLP/HTTP has it.
func (b *spanBook) add(body []byte) error {
	var data tracepb.TracesData // the same on the wire as the export's request
	if err := proto.Unmarshal(body, &data); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, resource := range data.ResourceSpans {
		service := ""
		for _, a := range resource.Resource.Attributes {
			if a.Key == "service.name" {
				service = a.Value.GetStringValue()
			}
		}
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				b.sent = append(b.sent, sentSpan{span, service})
			}
		}
	}
	return nil
}

// named returns the spans with a name.
func (b *spanBook) named(name string) []sentSpan {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(b.sent), func(s sentSpan) bool { return s.Name != name })
}

// in returns the spans of a trace, by id.
func (b *spanBook) in(trace string) map[string]sentSpan {
	b.mu.Lock()
	defer b.mu.Unlock()
	spans := make(map[string]sentSpan)
	for _, s := range b.sent {
		if s.trace() == trace {
			spans[s.id()] = s
		}
	}
	return spans
}

// path is the names from a trace's root to one of its spans.
func path(spans map[string]sentSpan, s sentSpan) string {
	names := []string{s.Name}
	for s.parent() != "" {
		parent, ok := spans[s.parent()]
		if !ok {
			return "(lost) > " + strings.Join(names, " > ")
		}
		names = append([]string{parent.Name}, names...)
		s = parent
	}
	return strings.Join(names, " > ")
}

// paths are those of all spans of a trace, each once.
func paths(spans map[string]sentSpan) []string {
	all := make(map[string]bool)
	for _, s := range spans {
		all[path(spans, s)] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// TestTrace follows an order through the whole shop: one trace from the edge to the region, its statements and the
// payment provider, and one from a worker's pass to the receiver of an event.
func TestTrace(t *testing.T) {
	s := newWatchedShop(t)
	guest := caller{shop: s, region: "us-east"}
	cart := guest.ask("POST", "/v1/carts", `{"country":"US","currency":"USD","lines":[{"sku":"MUG","quantity":1}]}`, 201)
	guest.key = cart["guest_token"].(string)
	guest.ask("POST", "/v1/orders", fmt.Sprintf(
		`{"cart_id":%q,"email":"wriggle@example.org","ship_to":%s,"payment":{"method":"card_success"}}`, cart["id"], guestPostal), 201)
	s.work()
	s.close()

	t.Run("a checkout is one trace", func(t *testing.T) {
		orders := s.spans.named("POST /v1/orders")
		if len(orders) != 1 || orders[0].service != "meridian" {
			t.Fatalf("%d spans of the order", len(orders))
		}
		spans := s.spans.in(orders[0].trace())
		got := paths(spans)
		for _, want := range []string{
			"POST edge", "POST edge > POST us-east", "POST edge > POST us-east > POST /v1/orders",
			"POST edge > POST us-east > POST /v1/orders > POST sandbox",
		} {
			if !slices.Contains(got, want) {
				t.Errorf("no span %q", want)
			}
		}
		if !slices.ContainsFunc(got, func(p string) bool { return strings.HasPrefix(p, "POST edge > POST us-east > POST /v1/orders > batch") }) {
			t.Error("no statement is in the trace")
		}
		for _, p := range got {
			if !strings.HasPrefix(p, "POST edge") {
				t.Errorf("%q is not below the edge's span", p)
			}
		}
		if t.Failed() {
			t.Logf("the trace:\n%s", strings.Join(got, "\n"))
		}
	})
	t.Run("an event is delivered in its pass's trace", func(t *testing.T) {
		sent := s.spans.named("send order.placed")
		if len(sent) != 1 {
			t.Fatalf("%d spans of the event", len(sent))
		}
		spans := s.spans.in(sent[0].trace())
		posted := slices.DeleteFunc(slices.Collect(maps.Values(spans)), func(p sentSpan) bool { return p.parent() != sent[0].id() })
		if len(posted) != 1 || path(spans, posted[0]) != "work events > send order.placed > POST events" {
			t.Fatalf("the trace is %q", paths(spans))
		}
		if header := fmt.Sprintf("Traceparent: 00-%s-%s-01", sent[0].trace(), posted[0].id()); !strings.Contains(s.events.String(), header) {
			t.Errorf("the receiver was not sent %s", header)
		}
	})
	t.Run("idle passes are not sent", func(t *testing.T) {
		if n := len(s.spans.named("work carts")); n != 0 {
			t.Errorf("%d spans of passes that had nothing to do", n)
		}
	})
}
