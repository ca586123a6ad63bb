package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/observe"
	"github.com/steward-mcp/steward/internal/infrastructure/telemetry"
)

func inTrace(ctx context.Context) context.Context {
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1, 2, 3}, SpanID: trace.SpanID{4, 5},
	}))
}

func TestNewLogger_WritesOneObjectALineWithTheTrace(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log, err := telemetry.NewLogger(telemetry.LogConfig{}, &out)
	if err != nil {
		t.Fatal(err)
	}
	log.Debug("not this one")
	log.Error("it broke", observe.Trace(inTrace(t.Context())), zap.Duration("after", 1500*time.Millisecond))

	var line map[string]string
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%q is not one JSON object of texts: %v", out.String(), err)
	}
	if _, err := time.Parse("2006-01-02T15:04:05.000Z", line["time"]); err != nil {
		t.Errorf("time is not UTC to the millisecond: %v", err)
	}
	for key, want := range map[string]string{
		"level": "error", "msg": "it broke", "after": "1.5s",
		"trace_id": "01020300000000000000000000000000", "span_id": "0405000000000000",
	} {
		if line[key] != want {
			t.Errorf("%s = %q, want %q", key, line[key], want)
		}
	}
}

func TestNewLogger_ConsoleIsForPeople(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log, err := telemetry.NewLogger(telemetry.LogConfig{Level: "debug", Format: "console"}, &out)
	if err != nil {
		t.Fatal(err)
	}
	log.Debug("starting", observe.Trace(t.Context()))
	if got := out.String(); !strings.Contains(got, "DEBUG\tstarting\n") {
		t.Errorf("wrote %q, want a line that ends in level and message, without fields", got)
	}
}

func TestNewLogger_HoldsTheLevel(t *testing.T) {
	t.Parallel()
	for level, want := range map[string]int{"debug": 4, "info": 3, "": 3, "warn": 2, "error": 1} {
		var out bytes.Buffer
		log, err := telemetry.NewLogger(telemetry.LogConfig{Level: level}, &out)
		if err != nil {
			t.Fatal(err)
		}
		log.Debug("x")
		log.Info("x")
		log.Warn("x")
		log.Error("x")
		if got := strings.Count(out.String(), "\n"); got != want {
			t.Errorf("level %q: %d lines, want %d", level, got, want)
		}
	}
}

func TestNewLogger_RefusesWordsItDoesNotKnow(t *testing.T) {
	t.Parallel()
	if _, err := telemetry.NewLogger(telemetry.LogConfig{Level: "loud"}, nil); !errors.Is(err, telemetry.ErrLogLevel) {
		t.Errorf("NewLogger = %v, want ErrLogLevel", err)
	}
	if _, err := telemetry.NewLogger(telemetry.LogConfig{Format: "xml"}, nil); !errors.Is(err, telemetry.ErrLogFormat) {
		t.Errorf("NewLogger = %v, want ErrLogFormat", err)
	}
}
