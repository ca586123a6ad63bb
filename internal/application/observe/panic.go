package observe

import (
	"fmt"
	"runtime"

	"go.uber.org/zap"
)

// Panic is the log field that says what kind of panic it was: the runtime's own words, or else the type of the value.
// The value itself may hold anything that a caller wrote; the stack beside it tells where it happened.
func Panic(value any) zap.Field {
	const key = "panic"
	if err, ok := value.(runtime.Error); ok {
		return zap.String(key, err.Error())
	}
	return zap.String(key, fmt.Sprintf("a value of type %T", value))
}
