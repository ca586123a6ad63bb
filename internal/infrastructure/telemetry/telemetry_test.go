package telemetry_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/infrastructure/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// silence makes sure that no variable of the machine decides a test.
func silence(t *testing.T) {
	t.Helper()
	for _, v := range []string{
		"OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_PROPAGATORS", "OTEL_SERVICE_NAME",
		"OTEL_RESOURCE_ATTRIBUTES", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
		"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_TRACES_SAMPLER",
	} {
		t.Setenv(v, "")
	}
}

// collector is an OTLP endpoint that counts what arrives.
type collector struct {
	*httptest.Server
	mu   sync.Mutex
	seen map[string]int
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{seen: map[string]int{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.seen[r.URL.Path]++
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *collector) count(path string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen[path]
}

// use makes telemetry, records one span and one measurement in it, and shuts it down.
func use(t *testing.T, c telemetry.Config) (span trace.SpanContext, tel *telemetry.Telemetry) {
	t.Helper()
	tel, err := telemetry.New(t.Context(), c)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	ctx, s := tel.TracerProvider().Tracer("test").Start(t.Context(), "work")
	counter, err := tel.MeterProvider().Meter("test").Int64Counter("work.done")
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(ctx, 1)
	s.End()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
	defer cancel()
	if err := tel.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	return s.SpanContext(), tel
}

func TestNew_SendsNothingUnlessTold(t *testing.T) {
	silence(t)
	span, _ := use(t, telemetry.Config{Stdio: true})
	if !span.IsValid() {
		t.Error("the span has no valid ids; logs and records need them")
	}
	if span.IsSampled() {
		t.Error("the span is sampled although nothing takes it")
	}
}

func TestNew_SendsWhereTheEnvironmentSays(t *testing.T) {
	const traces, metrics = "/v1/traces", "/v1/metrics"
	for name, c := range map[string]struct {
		set             func(endpoint string) map[string]string
		traces, metrics bool
	}{
		"an endpoint is enough": {
			set:    func(e string) map[string]string { return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": e} },
			traces: true, metrics: true,
		},
		"an endpoint for one signal": {
			set: func(e string) map[string]string {
				return map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": e + traces}
			},
			traces: true,
		},
		"none beats an endpoint": {
			set: func(e string) map[string]string {
				return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": e, "OTEL_TRACES_EXPORTER": "none"}
			},
			metrics: true,
		},
		"prometheus is scraped, not pushed": {
			set: func(e string) map[string]string {
				return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": e, "OTEL_METRICS_EXPORTER": "prometheus"}
			},
			traces: true,
		},
		"disabled beats everything": {
			set: func(e string) map[string]string {
				return map[string]string{
					"OTEL_EXPORTER_OTLP_ENDPOINT": e, "OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "TRUE",
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			silence(t)
			endpoint := newCollector(t)
			for k, v := range c.set(endpoint.URL) {
				t.Setenv(k, v)
			}
			span, _ := use(t, telemetry.Config{Version: "1.2.3"})
			if !span.IsValid() {
				t.Error("the span has no valid ids")
			}
			if got := endpoint.count(traces) > 0; got != c.traces {
				t.Errorf("traces sent: %v, want %v", got, c.traces)
			}
			if got := endpoint.count(metrics) > 0; got != c.metrics {
				t.Errorf("metrics sent: %v, want %v", got, c.metrics)
			}
		})
	}
}

func TestNew_RefusesWhatItCannotHonour(t *testing.T) {
	for name, c := range map[string]struct {
		variable, value string
		want            *fault.Fault
	}{
		"spans on the protocol's output":        {"OTEL_TRACES_EXPORTER", "console", telemetry.ErrConsoleOnStdio},
		"measurements on the protocol's output": {"OTEL_METRICS_EXPORTER", "console", telemetry.ErrConsoleOnStdio},
		"an exporter nobody made":               {"OTEL_TRACES_EXPORTER", "carrier-pigeon", telemetry.ErrExporter},
		"a list of exporters":                   {"OTEL_METRICS_EXPORTER", "otlp,console", telemetry.ErrExporter},
		"an unknown propagator":                 {"OTEL_PROPAGATORS", "tracecontext,b3", telemetry.ErrPropagator},
		"a resource that does not parse":        {"OTEL_RESOURCE_ATTRIBUTES", "no-equals-sign", telemetry.ErrResource},
	} {
		t.Run(name, func(t *testing.T) {
			silence(t)
			t.Setenv(c.variable, c.value)
			_, err := telemetry.New(t.Context(), telemetry.Config{Stdio: true})
			if !errors.Is(err, c.want) {
				t.Errorf("New = %v, want %v", err, c.want)
			}
		})
	}
}

func scrape(t *testing.T, tel *telemetry.Telemetry) string {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	w := httptest.NewRecorder()
	tel.MetricsHandler().ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil || w.Code != http.StatusOK {
		t.Fatalf("scraping answers %d, %v", w.Code, err)
	}
	return string(body)
}

func TestMetricsHandler_ShowsExemplarsAndWhoWeAre(t *testing.T) {
	silence(t)
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", newCollector(t).URL+"/v1/traces")
	t.Setenv("OTEL_SERVICE_NAME", "steward-west")
	tel, err := telemetry.New(t.Context(), telemetry.Config{Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := tel.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	}()
	ctx, span := tel.TracerProvider().Tracer("test").Start(t.Context(), "work")
	histogram, err := tel.MeterProvider().Meter("test").Float64Histogram("work.duration")
	if err != nil {
		t.Fatal(err)
	}
	histogram.Record(ctx, 0.2)
	span.End()

	body := scrape(t, tel)
	for _, want := range []string{
		`trace_id="` + span.SpanContext().TraceID().String() + `"`,
		`service_name="steward-west"`, `service_version="1.2.3"`, "go_goroutines", "work_duration_bucket",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the scrape lacks %s", want)
		}
	}
}

func TestMetricsHandler_StillTellsOfTheProcessWhenDisabled(t *testing.T) {
	silence(t)
	t.Setenv("OTEL_SDK_DISABLED", "true")
	_, tel := use(t, telemetry.Config{})
	body := scrape(t, tel)
	if !strings.Contains(body, "go_goroutines") || strings.Contains(body, "work_done") {
		t.Error("want the process's own numbers and none of OpenTelemetry's")
	}
}

func TestPropagator_DropsBaggageThatNobodyPermitted(t *testing.T) {
	silence(t)
	sent := propagation.MapCarrier{
		"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"baggage":     "tenant=acme,role=admin",
	}
	for name, c := range map[string]struct {
		allowed []string
		want    string
	}{
		"nothing is permitted": {nil, ""},
		"one key is":           {[]string{"tenant"}, "tenant=acme"},
	} {
		t.Run(name, func(t *testing.T) {
			_, tel := use(t, telemetry.Config{Baggage: c.allowed})
			ctx := tel.Propagator().Extract(t.Context(), sent)
			if got := baggage.FromContext(ctx).String(); got != c.want {
				t.Errorf("baggage = %q, want %q", got, c.want)
			}
			if !trace.SpanContextFromContext(ctx).IsRemote() {
				t.Error("the trace context was not taken")
			}
			onward := propagation.MapCarrier{}
			tel.Propagator().Inject(ctx, onward)
			if onward["baggage"] != c.want || onward["traceparent"] == "" {
				t.Errorf("carried on: %v, want the trace and the permitted baggage", onward)
			}
		})
	}
}

func TestPropagator_CarriesNothingWhenToldNone(t *testing.T) {
	silence(t)
	t.Setenv("OTEL_PROPAGATORS", "none")
	_, tel := use(t, telemetry.Config{})
	if fields := tel.Propagator().Fields(); len(fields) != 0 {
		t.Errorf("the propagator carries %v, want nothing", fields)
	}
}

func TestInstall_MakesItTheProcessWideProviderButNotThePropagator(t *testing.T) {
	silence(t)
	_, tel := use(t, telemetry.Config{})
	tel.Install(zap.NewNop())
	if otel.GetTracerProvider() != tel.TracerProvider() || otel.GetMeterProvider() != tel.MeterProvider() {
		t.Error("libraries do not find the providers")
	}
	if fields := otel.GetTextMapPropagator().Fields(); len(fields) != 0 {
		t.Errorf("libraries find a propagator for %v and would send it to vendors", fields)
	}
}

func TestShutdown_SaysWhenTheLastSpansAreLost(t *testing.T) {
	silence(t)
	release := make(chan struct{})
	stuck := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer stuck.Close()
	defer close(release)
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", stuck.URL+"/v1/traces")
	tel, err := telemetry.New(t.Context(), telemetry.Config{})
	if err != nil {
		t.Fatal(err)
	}
	_, span := tel.TracerProvider().Tracer("test").Start(t.Context(), "work")
	span.End()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 50*time.Millisecond)
	defer cancel()
	if err := tel.Shutdown(ctx); !errors.Is(err, telemetry.ErrShutdown) {
		t.Errorf("Shutdown = %v, want ErrShutdown", err)
	}
}
