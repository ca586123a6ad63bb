package telemetry

import (
	"os"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/propagation"
)

// signal is one kind of telemetry, by the variables that say where it goes.
type signal struct {
	exporter  string
	endpoints []string
	pulled    []string // exporters that need no pushing, because the admin listener answers for them
}

var (
	signalTraces = signal{
		exporter:  "OTEL_TRACES_EXPORTER",
		endpoints: []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"},
	}
	signalMetrics = signal{
		exporter:  "OTEL_METRICS_EXPORTER",
		endpoints: []string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"},
		pulled:    []string{"prometheus"},
	}
)

type route uint8

const (
	routeNone route = iota + 1
	routeExport
)

// route decides whether a signal is exported. The SDK's own default is OTLP to this machine, which fails once a
// second on every machine without a collector, so silence means none here: an exporter must be named, or an
// endpoint set.
func (s signal) route(stdio bool) (route, error) {
	name := os.Getenv(s.exporter)
	endpoint := slices.ContainsFunc(s.endpoints, func(e string) bool { return os.Getenv(e) != "" })
	switch {
	case disabled(), name == "none", name == "" && !endpoint, slices.Contains(s.pulled, name):
		return routeNone, nil
	case name == "console" && stdio:
		return 0, ErrConsoleOnStdio
	}
	return routeExport, nil
}

// disabled is the switch that the specification defines and the Go SDK leaves to its users.
func disabled() bool { return strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") }

// newPropagator reads OTEL_PROPAGATORS, whose default is tracecontext,baggage.
func newPropagator(allowed []string) (propagation.TextMapPropagator, error) {
	const variable, standard = "OTEL_PROPAGATORS", "tracecontext,baggage"
	names := os.Getenv(variable)
	if names == "" {
		names = standard
	}
	var propagators []propagation.TextMapPropagator
	for name := range strings.SplitSeq(names, ",") {
		switch strings.TrimSpace(name) {
		case "tracecontext":
			propagators = append(propagators, propagation.TraceContext{})
		case "baggage":
			propagators = append(propagators, permittedBaggage{keys: allowed})
		case "none":
			return propagation.NewCompositeTextMapPropagator(), nil
		default:
			return nil, ErrPropagator
		}
	}
	return propagation.NewCompositeTextMapPropagator(propagators...), nil
}
