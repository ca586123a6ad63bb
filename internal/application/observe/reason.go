package observe

import (
	"errors"
	"strings"

	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// Reason is what err says and, behind each fault in it, the cause that its message keeps from callers. It is for the
// operator's log, and for nobody else.
func Reason(err error) string {
	var said []string
	for err != nil {
		said = append(said, err.Error())
		f, ok := errors.AsType[*fault.Fault](err)
		if !ok {
			break
		}
		err = f.Unwrap()
	}
	return strings.Join(said, ": ")
}

// Error is the log field that holds the Reason of err.
func Error(err error) zap.Field { return zap.String("error", Reason(err)) }
