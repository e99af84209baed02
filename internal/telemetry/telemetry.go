package telemetry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Config says who reports, and to whom. The zero value reports metrics only, to Prometheus.
type Config struct {
	// Service is the name spans and OTLP metrics carry; "meridian" when empty.
	Service string
	// Region is the region whose server this is; it becomes the label "region" of every metric. The edge, which is
	// of no region, leaves it empty: its metrics have no such label.
	Region string
	// Version of the binary, for spans.
	Version string
	// OTLPEndpoint is the base URL of an OTLP/HTTP collector, for example "http://collector:4318"; spans go to
	// /v1/traces below it and metrics to /v1/metrics, each minute (OTEL_METRIC_EXPORT_INTERVAL changes that). Empty:
	// no spans are recorded or sent; trace ids still exist, so that the log lines of one request can be found
	// together.
	OTLPEndpoint string
	// SampleRatio is the share of traces begun here that are recorded, above 0 and at most 1; 0 means 1. Traces
	// begun by a trusted caller keep the caller's decision.
	SampleRatio float64
	// Registry collects the metrics; nil means a new one. Servers of one process share one.
	Registry *prometheus.Registry
}

// Validate reports every fault of the configuration at once.
func (c Config) Validate() error {
	var faults []error
	if c.OTLPEndpoint != "" {
		u, err := url.Parse(c.OTLPEndpoint)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			faults = append(faults, errors.New("otlp endpoint: give a URL such as http://collector:4318"))
		}
	}
	if !(c.SampleRatio >= 0 && c.SampleRatio <= 1) { // written so that NaN fails too
		faults = append(faults, errors.New("sample ratio: give a number above 0 and at most 1"))
	}
	return errors.Join(faults...)
}

// A Telemetry holds the providers of one region's server. Setup makes it and Shutdown ends it.
type Telemetry struct {
	// Tracer makes the tracers of this server.
	Tracer *sdktrace.TracerProvider
	// Meter makes the meters of this server; their metrics appear in Registry with the region's label.
	Meter *sdkmetric.MeterProvider
	// Registry is where all metrics of the process are collected.
	Registry *prometheus.Registry
}

// NewRegistry returns a registry that reports on the process itself: memory, goroutines, file descriptors.
func NewRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return registry
}

// Setup makes the providers of one region's server. A process may call it once for every region, with the same
// Registry; the same region twice is an error at the first collection.
func Setup(ctx context.Context, cfg Config) (*Telemetry, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("telemetry: %w", err)
	}
	if cfg.Service == "" {
		cfg.Service = "meridian"
	}
	if cfg.Registry == nil {
		cfg.Registry = NewRegistry()
	}
	res := resource.NewSchemaless(
		attribute.String("service.name", cfg.Service),
		attribute.String("service.version", cfg.Version),
		attribute.String("cloud.region", cfg.Region),
	)
	tracer, err := newTracerProvider(ctx, cfg, res)
	if err != nil {
		return nil, err
	}
	meter, err := newMeterProvider(ctx, cfg, res)
	if err != nil {
		return nil, errors.Join(err, tracer.Shutdown(ctx))
	}
	return &Telemetry{Tracer: tracer, Meter: meter, Registry: cfg.Registry}, nil
}

// maxSeries bounds the series of one metric, whatever attributes somebody finds to vary: what is beyond goes into one series.
const maxSeries = 2000

// newMeterProvider returns a provider that reports to the registry, and to the collector if there is one.
func newMeterProvider(ctx context.Context, cfg Config, res *resource.Resource) (*sdkmetric.MeterProvider, error) {
	page, err := newPrometheusReader(cfg)
	if err != nil {
		return nil, err
	}
	options := append(views(), sdkmetric.WithResource(res), sdkmetric.WithReader(page),
		// Examples of measurements would carry the attributes that views leave out.
		sdkmetric.WithExemplarFilter(exemplar.AlwaysOffFilter),
		sdkmetric.WithCardinalityLimit(maxSeries))
	if cfg.OTLPEndpoint != "" {
		endpoint, err := url.JoinPath(cfg.OTLPEndpoint, "v1", "metrics")
		if err != nil {
			return nil, fmt.Errorf("reading the OTLP endpoint: %w", err)
		}
		exporter, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(endpoint))
		if err != nil {
			return nil, fmt.Errorf("starting the metrics exporter: %w", err)
		}
		options = append(options, sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exporter)))
	}
	return sdkmetric.NewMeterProvider(options...), nil
}

func newPrometheusReader(cfg Config) (sdkmetric.Reader, error) {
	var registerer prometheus.Registerer = cfg.Registry
	if cfg.Region != "" {
		registerer = prometheus.WrapRegistererWith(prometheus.Labels{"region": cfg.Region}, cfg.Registry)
	}
	reader, err := otelprometheus.New(
		otelprometheus.WithRegisterer(registerer),
		otelprometheus.WithoutScopeInfo(),
		otelprometheus.WithoutTargetInfo(),
	)
	if err != nil {
		return nil, fmt.Errorf("starting the metrics reader: %w", err)
	}
	return reader, nil
}

func newTracerProvider(ctx context.Context, cfg Config, res *resource.Resource) (*sdktrace.TracerProvider, error) {
	if cfg.OTLPEndpoint == "" {
		return sdktrace.NewTracerProvider(
			sdktrace.WithResource(res),
			sdktrace.WithSampler(sdktrace.NeverSample()),
		), nil
	}
	endpoint, err := url.JoinPath(cfg.OTLPEndpoint, "v1", "traces")
	if err != nil {
		return nil, fmt.Errorf("reading the OTLP endpoint: %w", err)
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint))
	if err != nil {
		return nil, fmt.Errorf("starting the trace exporter: %w", err)
	}
	sending := sdktrace.NewBatchSpanProcessor(redactingExporter{exporter})
	return sdktrace.NewTracerProvider(
		sdktrace.WithResource(res),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(cmp.Or(cfg.SampleRatio, 1)))),
		sdktrace.WithSpanProcessor(newPassFilter(sending)),
	), nil
}

// Metrics serves everything in the registry in Prometheus' text format.
func (t *Telemetry) Metrics() http.Handler {
	return promhttp.HandlerFor(t.Registry, promhttp.HandlerOpts{
		Registry:            t.Registry,
		MaxRequestsInFlight: 4,
	})
}

// Shutdown sends what is buffered and ends the providers. It may be called more than once.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	return errors.Join(t.Tracer.Shutdown(ctx), ignoreShutdown(t.Meter.Shutdown(ctx)))
}

// ignoreShutdown drops the error of a reader that was shut down before.
func ignoreShutdown(err error) error {
	if errors.Is(err, sdkmetric.ErrReaderShutdown) {
		return nil
	}
	return err
}
