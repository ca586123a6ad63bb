// Package telemetry makes Steward's traces, metrics and logs leave the process. It alone knows the OpenTelemetry
// SDK; everything else records through the API. The audit journal is no telemetry and never depends on it.
//
// Where traces and metrics go is said by the standard OTEL_* variables. Unless one of them names an exporter or an
// endpoint, nothing is sent anywhere, and every request has a trace id all the same.
package telemetry

import (
	"context"
	"errors"
	"net/http"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// Faults of the set-up.
var (
	ErrConsoleOnStdio = fault.New(fault.Invalid, "telemetry.console_on_stdio",
		"The console exporter writes to standard output, which belongs to the protocol over stdio; set OTEL_TRACES_EXPORTER and OTEL_METRICS_EXPORTER to otlp or none.")
	ErrExporter = fault.New(fault.Invalid, "telemetry.exporter",
		"An exporter of traces or metrics cannot be set up; check the OTEL_* variables.")
	ErrPropagator = fault.New(fault.Invalid, "telemetry.propagator",
		"OTEL_PROPAGATORS may list tracecontext and baggage, or be none.")
	ErrResource = fault.New(fault.Invalid, "telemetry.resource",
		"The description of this process cannot be read; check OTEL_RESOURCE_ATTRIBUTES.")
	ErrShutdown = fault.New(fault.Unavailable, "telemetry.shutdown",
		"Some of the last traces or metrics could not be delivered.")
)

// Config says what the OTEL_* variables do not.
type Config struct {
	Version string   // of Steward, for service.version; empty for unknown
	Stdio   bool     // standard output belongs to the protocol, so nothing may be exported to it
	Baggage []string // the baggage keys that clients may set; all others are dropped where they arrive
}

// Telemetry is where spans and measurements go. Make one a process; it is safe for concurrent use.
type Telemetry struct {
	tracers    trace.TracerProvider
	meters     metric.MeterProvider
	propagator propagation.TextMapPropagator
	scrape     http.Handler
	shutdown   []func(context.Context) error
}

// New sets everything up from c and the OTEL_* variables, and connects to nothing yet: exporters dial when they first
// send. Faults, all of kind Invalid, name the variable that is wrong.
func New(ctx context.Context, c Config) (*Telemetry, error) {
	propagator, err := newPropagator(c.Baggage)
	if err != nil {
		return nil, err
	}
	res, err := describe(ctx, c.Version)
	if err != nil {
		return nil, ErrResource.Because(err)
	}
	t := &Telemetry{propagator: propagator}
	if err := t.traces(ctx, c, res); err != nil {
		return nil, err
	}
	if err := t.metrics(ctx, c, res); err != nil {
		return nil, errors.Join(err, t.Shutdown(ctx))
	}
	return t, nil
}

// TracerProvider makes tracers. Their spans have valid ids even when none is exported.
func (t *Telemetry) TracerProvider() trace.TracerProvider { return t.tracers }

// MeterProvider makes meters.
func (t *Telemetry) MeterProvider() metric.MeterProvider { return t.meters }

// Propagator carries trace context, and the permitted baggage, in and out.
func (t *Telemetry) Propagator() propagation.TextMapPropagator { return t.propagator }

// MetricsHandler answers Prometheus, in OpenMetrics with exemplars when it is asked for that.
func (t *Telemetry) MetricsHandler() http.Handler { return t.scrape }

// Install makes t what libraries find that ask OpenTelemetry for its process-wide providers, and sends the SDK's own
// complaints to log. It leaves the process-wide propagator alone: a library that found one would send trace context
// to vendors.
func (t *Telemetry) Install(log *zap.Logger) {
	otel.SetTracerProvider(t.tracers)
	otel.SetMeterProvider(t.meters)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		log.Warn("telemetry could not be delivered", zap.Error(err))
	}))
}

// Shutdown delivers what is still held back and ends all exporting, within ctx. It is called once, after the last
// request; what is recorded later is lost.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	var failures []error
	for _, stop := range t.shutdown {
		failures = append(failures, stop(ctx))
	}
	if err := errors.Join(failures...); err != nil {
		return ErrShutdown.Because(err)
	}
	return nil
}

func describe(ctx context.Context, version string) (*resource.Resource, error) {
	const service, serviceName, serviceVersion = "steward", "service.name", "service.version"
	attributes := []attribute.KeyValue{attribute.String(serviceName, service)}
	if version != "" {
		attributes = append(attributes, attribute.String(serviceVersion, version))
	}
	// Later ones win, so what the operator says in the environment comes last.
	return resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(attributes...), resource.WithFromEnv())
}
