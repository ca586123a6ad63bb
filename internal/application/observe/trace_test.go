package observe_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"
	"go.uber.org/zap/zapcore"

	"github.com/steward-mcp/steward/internal/application/observe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTrace_AddsTheIdentifiersAlone(t *testing.T) {
	t.Parallel()
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{0xab}, SpanID: trace.SpanID{0xcd},
	}))
	for name, c := range map[string]struct {
		field zapcore.Field
		want  map[string]any
	}{
		"in a trace": {observe.Trace(ctx), map[string]any{
			"trace_id": "ab000000000000000000000000000000", "span_id": "cd00000000000000",
		}},
		"in none": {observe.Trace(t.Context()), map[string]any{}},
	} {
		enc := zapcore.NewMapObjectEncoder()
		c.field.AddTo(enc)
		if diff := cmp.Diff(c.want, enc.Fields); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
