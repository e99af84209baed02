package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"go.opentelemetry.io/otel/trace"
)

// LogConfig configures log lines. The zero value writes JSON from level info on.
type LogConfig struct {
	// Format is "json" (also when empty) or "text".
	Format string
	// Level is the least level written: "debug", "info" (also when empty), "warn" or "error".
	Level string
}

// Validate reports every fault of the configuration at once.
func (c LogConfig) Validate() error {
	var faults []error
	if c.Format != "" && c.Format != "json" && c.Format != "text" {
		faults = append(faults, fmt.Errorf("log format %q: use json or text", c.Format))
	}
	if _, err := c.level(); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// level parses the level.
func (c LogConfig) level() (slog.Level, error) {
	var level slog.Level
	if c.Level == "" {
		return level, nil
	}
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return 0, fmt.Errorf("log level %q: use debug, info, warn or error", c.Level)
	}
	return level, nil
}

// NewLogger returns a logger that adds the context's request id, region, trace and span to every line, and redacts
// (see Redact).
func NewLogger(w io.Writer, cfg LogConfig) (*slog.Logger, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	level, err := cfg.level()
	if err != nil {
		return nil, err
	}
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: Redact}
	if cfg.Format == "text" {
		return slog.New(contextHandler{next: slog.NewTextHandler(w, options)}), nil
	}
	return slog.New(contextHandler{next: slog.NewJSONHandler(w, options)}), nil
}

// A Request identifies the request that a context belongs to.
type Request struct {
	// ID is the request id, as answered in X-Request-Id.
	ID string
	// Region is the name of the region whose server answers.
	Region string
}

type requestKey struct{}

// WithRequest returns a context whose log lines carry the request's id and region.
func WithRequest(ctx context.Context, r Request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// RequestFrom returns the Request that WithRequest put into the context, or the zero Request.
func RequestFrom(ctx context.Context) Request {
	r, _ := ctx.Value(requestKey{}).(Request)
	return r
}

// contextHandler adds the context's request and span to each line.
type contextHandler struct {
	next slog.Handler
	// placed says that the logger has a region of its own, so that a line does not have two.
	placed bool
}

func (h contextHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

func (h contextHandler) Handle(ctx context.Context, record slog.Record) error {
	if r := RequestFrom(ctx); r.ID != "" {
		record.AddAttrs(slog.String("request_id", r.ID))
		if !h.placed {
			record.AddAttrs(slog.String(regionKey, r.Region))
		}
	}
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		record.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	return h.next.Handle(ctx, record)
}

const regionKey = "region"

func (h contextHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	placed := h.placed || slices.ContainsFunc(attrs, func(a slog.Attr) bool { return a.Key == regionKey })
	return contextHandler{next: h.next.WithAttrs(attrs), placed: placed}
}

func (h contextHandler) WithGroup(name string) slog.Handler {
	return contextHandler{next: h.next.WithGroup(name), placed: h.placed}
}
