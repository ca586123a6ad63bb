package tool

import "context"

// Level says how grave a message is: those of RFC 5424.
type Level int

// The levels, from the least grave on.
const (
	Debug Level = iota
	Info
	Notice
	Warning
	Error
	Critical
	Alert
	Emergency
)

// Levels are the names of the levels in the protocol, in order.
var Levels = [...]string{"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"}

func (l Level) String() string {
	if l < Debug || l > Emergency {
		return "unknown"
	}
	return Levels[l]
}

// LevelNamed is the level of that name in the protocol, if it is one.
func LevelNamed(name string) (Level, bool) {
	for i, known := range Levels {
		if name == known {
			return Level(i), true
		}
	}
	return Emergency, false
}

type logKey struct{}

// WithLog lets the client of a use hear what the use logs. listen may be called from any goroutine of the use.
func WithLog(ctx context.Context, listen func(level Level, data any)) context.Context {
	return context.WithValue(ctx, logKey{}, listen)
}

// Log tells the client of this use, and nobody else, what is going on: data marshals to JSON, and holds no more than the use's
// own answer may. It is sent before Log returns and ahead of the answer, if the client wants messages of that level; a use that
// says too much at once is not heard. It is no operator's log.
func Log(ctx context.Context, level Level, data any) {
	if listen, ok := ctx.Value(logKey{}).(func(level Level, data any)); ok {
		listen(level, data)
	}
}
