package telemetry

import (
	"io"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/redact"
)

// Faults of the log's configuration.
var (
	ErrLogLevel  = fault.New(fault.Invalid, "telemetry.log_level", "The log level must be debug, info, warn or error.")
	ErrLogFormat = fault.New(fault.Invalid, "telemetry.log_format", "The log format must be json or console.")
)

// LogConfig says how the process speaks to its operator. The zero value is JSON from level info on.
type LogConfig struct {
	Level  string           // debug, info, warn or error
	Format string           // json, one object a line; console, for people
	Redact *redact.Redactor // takes secrets out of every line; nil knows only what secrets look like
}

// NewLogger makes the log of the process, which writes to out: standard error, since standard output may belong to
// the protocol. Secrets are taken out of whole lines, so wherever they stand: message, fields, errors, stacks. Nothing is sampled, dropped or buffered, and times are UTC. It is safe for concurrent use.
func NewLogger(c LogConfig, out io.Writer) (*zap.Logger, error) {
	level, err := logLevel(c.Level)
	if err != nil {
		return nil, err
	}
	encoder, err := logEncoder(c.Format)
	if err != nil {
		return nil, err
	}
	clean := discreet{to: out, redact: c.Redact, json: c.Format != "console"}
	if clean.redact == nil {
		clean.redact = redact.New(nil)
	}
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(clean)), level)), nil
}

func logLevel(name string) (zapcore.Level, error) {
	switch name {
	case "debug":
		return zapcore.DebugLevel, nil
	case "", "info":
		return zapcore.InfoLevel, nil
	case "warn":
		return zapcore.WarnLevel, nil
	case "error":
		return zapcore.ErrorLevel, nil
	}
	return 0, ErrLogLevel
}

func logEncoder(format string) (zapcore.Encoder, error) {
	c := zap.NewProductionEncoderConfig()
	c.TimeKey, c.CallerKey, c.StacktraceKey = "time", zapcore.OmitKey, zapcore.OmitKey
	c.EncodeTime = func(t time.Time, enc zapcore.PrimitiveArrayEncoder) {
		enc.AppendString(t.UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	c.EncodeDuration = zapcore.StringDurationEncoder
	switch format {
	case "", "json":
		return zapcore.NewJSONEncoder(c), nil
	case "console":
		c.EncodeLevel = zapcore.CapitalLevelEncoder
		return zapcore.NewConsoleEncoder(c), nil
	}
	return nil, ErrLogFormat
}
