package telemetry

import (
	"context"
	"log/slog"
	"regexp"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// redacted replaces a value that was removed.
const redacted = "[redacted]"

// personalKeys are the names of attributes whose value is never written. A name matches as a whole or as the last
// part of another, so that "card_number" and "shipping_address" are caught as well.
var personalKeys = []string{
	"address", "authorization", "body", "card_number", "city", "cookie", "email", "line1", "line2", "password",
	"phone", "postcode", "query", "refresh_token", "secret", "ship_to", "token",
}

var emailPattern = regexp.MustCompile(`[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+(\.[A-Za-z0-9\-]+)*\.[A-Za-z]{2,}`)

// Redact implements slog's ReplaceAttr. It removes the values of attributes with personal names, and e-mail addresses
// and query strings in any text, errors included.
func Redact(_ []string, a slog.Attr) slog.Attr {
	if isPersonal(a.Key) {
		return slog.String(a.Key, redacted)
	}
	switch v := a.Value.Resolve(); v.Kind() {
	case slog.KindString:
		return slog.String(a.Key, scrub(v.String()))
	case slog.KindAny:
		if err, ok := v.Any().(error); ok {
			return slog.String(a.Key, scrub(err.Error()))
		}
	}
	return a
}

func isPersonal(key string) bool {
	key = strings.ToLower(key)
	return slices.ContainsFunc(personalKeys, func(name string) bool {
		return key == name || strings.HasSuffix(key, "_"+name)
	})
}

var queryPattern = regexp.MustCompile(`(https?://[^\s?"]*)\?[^\s"]*`)

// scrub removes e-mail addresses and the query strings of URLs from a text.
func scrub(text string) string {
	if strings.Contains(text, "@") {
		text = emailPattern.ReplaceAllString(text, redacted)
	}
	if strings.Contains(text, "?") {
		text = queryPattern.ReplaceAllString(text, "$1?"+redacted)
	}
	return text
}

// personalAttributes are span attributes that libraries set by themselves and that identify a person.
var personalAttributes = []attribute.Key{
	"client.address", "client.port", "enduser.id", "network.peer.address", "network.peer.port", "url.full",
	"url.path", "url.query", "user_agent.original",
}

// redactingExporter removes personal attributes from the spans it passes on, and scrubs their other texts.
type redactingExporter struct {
	sdktrace.SpanExporter
}

func (e redactingExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	clean := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, span := range spans {
		clean[i] = redactedSpan{span}
	}
	return e.SpanExporter.ExportSpans(ctx, clean)
}

// redactedSpan is a span without attributes that may be personal.
type redactedSpan struct {
	sdktrace.ReadOnlySpan
}

func (s redactedSpan) Attributes() []attribute.KeyValue {
	return cleanAttributes(s.ReadOnlySpan.Attributes())
}

func (s redactedSpan) Events() []sdktrace.Event {
	events := slices.Clone(s.ReadOnlySpan.Events())
	for i := range events {
		events[i].Attributes = cleanAttributes(events[i].Attributes)
	}
	return events
}

func (s redactedSpan) Status() sdktrace.Status {
	status := s.ReadOnlySpan.Status()
	status.Description = scrub(status.Description)
	return status
}

func cleanAttributes(attrs []attribute.KeyValue) []attribute.KeyValue {
	clean := make([]attribute.KeyValue, 0, len(attrs))
	for _, a := range attrs {
		switch {
		case slices.Contains(personalAttributes, a.Key):
			continue
		case a.Value.Type() == attribute.STRING:
			a.Value = attribute.StringValue(scrub(a.Value.AsString()))
		}
		clean = append(clean, a)
	}
	return clean
}
