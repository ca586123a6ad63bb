package claude

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/steward-mcp/steward/internal/domain/conversation"
)

// Names of OpenTelemetry's GenAI conventions. The SDK makes the spans; it makes no metrics.
const (
	scope            = "github.com/steward-mcp/steward/internal/infrastructure/claude"
	metricDuration   = "gen_ai.client.operation.duration"
	metricTokens     = "gen_ai.client.token.usage"
	keyOperation     = attribute.Key("gen_ai.operation.name")
	keyProvider      = attribute.Key("gen_ai.provider.name")
	keyRequestModel  = attribute.Key("gen_ai.request.model")
	keyResponseModel = attribute.Key("gen_ai.response.model")
	keyTokenType     = attribute.Key("gen_ai.token.type")
	keyErrorType     = attribute.Key("error.type")
)

type meter struct {
	duration metric.Float64Histogram
	tokens   metric.Int64Histogram
}

// newMeter uses the registered provider, also one that is registered later.
func newMeter() (*meter, error) {
	m := otel.Meter(scope)
	duration, durationErr := m.Float64Histogram(metricDuration, metric.WithUnit("s"),
		metric.WithDescription("Duration of one reply of a model, attempts included."),
		metric.WithExplicitBucketBoundaries(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92))
	tokens, tokensErr := m.Int64Histogram(metricTokens, metric.WithUnit("{token}"),
		metric.WithDescription("Tokens of one reply of a model, by type."),
		metric.WithExplicitBucketBoundaries(1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864))
	return &meter{duration: duration, tokens: tokens}, errors.Join(durationErr, tokensErr)
}

func (m *meter) answered(ctx context.Context, model string, r conversation.Reply, took time.Duration) {
	attributes := append(common(model), keyResponseModel.String(r.Model))
	m.duration.Record(ctx, took.Seconds(), metric.WithAttributes(attributes...))
	m.tokens.Record(ctx, r.Usage.Input, metric.WithAttributes(attributes...), metric.WithAttributes(keyTokenType.String("input")))
	m.tokens.Record(ctx, r.Usage.Output, metric.WithAttributes(attributes...), metric.WithAttributes(keyTokenType.String("output")))
}

func (m *meter) failed(ctx context.Context, model, code string, took time.Duration) {
	m.duration.Record(ctx, took.Seconds(), metric.WithAttributes(append(common(model), keyErrorType.String(code))...))
}

func common(model string) []attribute.KeyValue {
	return []attribute.KeyValue{
		keyOperation.String("chat"), keyProvider.String("anthropic"), keyRequestModel.String(model),
	}
}
