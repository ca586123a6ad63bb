package observe

import (
	"context"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Trace is the log field that says which trace and span ctx belongs to, as trace_id and span_id in lower-case
// hex; outside any trace it adds nothing. It keeps the identifiers only, never ctx itself.
func Trace(ctx context.Context) zap.Field {
	span := trace.SpanContextFromContext(ctx)
	if !span.IsValid() {
		return zap.Skip()
	}
	return zap.Inline(place{span})
}

type place struct{ span trace.SpanContext }

// MarshalLogObject adds the two identifiers beside the other fields of the line.
func (p place) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	enc.AddString(TraceID, p.span.TraceID().String())
	enc.AddString(SpanID, p.span.SpanID().String())
	return nil
}
