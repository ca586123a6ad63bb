package mcptrace_test

import (
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/steward-mcp/steward/internal/presentation/mcptrace"
)

func BenchmarkOperation(b *testing.B) {
	meters := func() metric.MeterProvider {
		return sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	}
	for _, c := range []struct {
		name string
		tp   trace.TracerProvider
		mp   metric.MeterProvider
	}{
		{"nothing", tracenoop.NewTracerProvider(), metricnoop.NewMeterProvider()},
		{"never sampled", sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())), metricnoop.NewMeterProvider()},
		{"never sampled, measured", sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())), meters()},
		{"sampled, measured", sdktrace.NewTracerProvider(), meters()},
	} {
		b.Run(c.name, func(b *testing.B) {
			tracer, err := mcptrace.New(c.tp, c.mp, propagation.TraceContext{}, time.Now)
			if err != nil {
				b.Fatal(err)
			}
			request := overHTTP("tools/call")
			request.Tool = "query"
			b.ReportAllocs()
			for b.Loop() {
				_, op := tracer.Start(b.Context(), request)
				op.End(mcptrace.Outcome{})
			}
		})
	}
}
