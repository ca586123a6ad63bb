package observe_test

import (
	"errors"
	"strings"
	"testing"

	"go.uber.org/zap/zapcore"

	"github.com/steward-mcp/steward/internal/application/observe"
)

func TestPanic_RepeatsNoValue(t *testing.T) {
	t.Parallel()
	nothing := map[bool]map[string]int{}[true]
	for name, c := range map[string]struct {
		panics func()
		want   string
	}{
		"a text":         {func() { panic("canary") }, "a value of type string"},
		"an error":       {func() { panic(errors.New("canary")) }, "a value of type *errors.errorString"},
		"the runtime's":  {func() { nothing["canary"] = 1 }, "assignment to entry in nil map"},
		"out of range":   {func() { n := 3; _ = []int{1}[n] }, "index out of range [3] with length 1"},
		"a wrong type":   {func() { var v any = "canary"; _ = v.(int) }, "interface conversion: interface {} is string, not int"},
		"a nil, as such": {func() { panic(nil) }, "panic called with nil argument"},
	} {
		enc := zapcore.NewMapObjectEncoder()
		func() {
			defer func() { observe.Panic(recover()).AddTo(enc) }()
			c.panics()
		}()
		got, _ := enc.Fields["panic"].(string)
		if !strings.Contains(got, c.want) || strings.Contains(got, "canary") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
