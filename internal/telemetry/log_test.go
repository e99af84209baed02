package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"meridian/internal/testkit"
)

func TestLogger_Context(t *testing.T) {
	var b bytes.Buffer
	log := testkit.Must(NewLogger(&b, LogConfig{}))(t)
	ctx := WithRequest(context.Background(), Request{ID: "r-1", Region: "eu-west"})
	ctx = trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2},
	}))
	log.With("part", "api").InfoContext(ctx, "done")
	log.Debug("not written")
	var line map[string]any
	if err := json.Unmarshal(b.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, &b)
	}
	for key, want := range map[string]any{
		"msg": "done", "part": "api", "request_id": "r-1", "region": "eu-west", "trace_id": "01000000000000000000000000000000",
		"span_id": "0200000000000000",
	} {
		if line[key] != want {
			t.Errorf("%s is %v, want %v", key, line[key], want)
		}
	}
}

// A server's own logger says where it is: the line of a request does not say it twice.
func TestLogger_OneRegion(t *testing.T) {
	var b bytes.Buffer
	log := testkit.Must(NewLogger(&b, LogConfig{}))(t)
	ctx := WithRequest(context.Background(), Request{ID: "r-1", Region: "eu-west"})
	log.With("region", "eu-west").InfoContext(ctx, "done")
	if strings.Count(b.String(), "eu-west") != 1 || !strings.Contains(b.String(), `"request_id":"r-1"`) {
		t.Errorf("wrote %s", &b)
	}
}

func TestLogger_Redacts(t *testing.T) {
	for _, test := range []struct {
		name string
		attr slog.Attr
		// secret must not be written, want must.
		secret, want string
	}{
		{"by name", slog.String("email", "not even an address"), "not even", `"email":"[redacted]"`},
		{"by the end of a name", slog.String("shipping_address", "1 Quay St"), "Quay", `"shipping_address":"[redacted]"`},
		{"in any case", slog.String("Authorization", "Bearer abc"), "abc", `"Authorization":"[redacted]"`},
		{"a number", slog.Int("card_number", 4242), "4242", `"card_number":"[redacted]"`},
		{"in a group", slog.Group("account", slog.String("password", "hunter2")), "hunter2", `"account":{"password":"[redacted]"}`},
		{"an address in a text", slog.String("note", "for ann.o+x@mail.example.com, twice"), "ann", `for [redacted], twice`},
		{"an address in an error", slog.Any("error", errors.New("no box ann@example.com")), "ann@", `no box [redacted]`},
		{"a query in a text", slog.String("note", "GET https://x.example/a?name=ann failed"), "ann", `https://x.example/a?[redacted] failed`},
		{"nothing to take out", slog.String("note", "a @ b? yes"), "redacted", "a @ b? yes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var b bytes.Buffer
			log := testkit.Must(NewLogger(&b, LogConfig{Format: "json"}))(t)
			log.LogAttrs(context.Background(), slog.LevelInfo, "line", test.attr)
			if strings.Contains(b.String(), test.secret) || !strings.Contains(b.String(), test.want) {
				t.Errorf("wrote %s", &b)
			}
		})
	}
	t.Run("in the message", func(t *testing.T) {
		var b bytes.Buffer
		log := testkit.Must(NewLogger(&b, LogConfig{Format: "text"}))(t)
		log.Info("mailed ann@example.com")
		if strings.Contains(b.String(), "ann@") {
			t.Errorf("wrote %s", &b)
		}
	})
}

func TestLogConfig_Validate(t *testing.T) {
	err := LogConfig{Format: "xml", Level: "loud"}.Validate()
	if err == nil || !strings.Contains(err.Error(), "xml") || !strings.Contains(err.Error(), "loud") {
		t.Errorf("got %v, want both faults", err)
	}
	if _, err := NewLogger(nil, LogConfig{Level: "loud"}); err == nil {
		t.Error("a logger was made of a bad configuration")
	}
	if err := (LogConfig{Format: "text", Level: "warn"}).Validate(); err != nil {
		t.Error(err)
	}
}
