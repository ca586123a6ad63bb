package observe_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/steward-mcp/steward/internal/application/observe"
	"github.com/steward-mcp/steward/internal/domain/fault"
)

func TestReason_HasEveryCause(t *testing.T) {
	t.Parallel()
	away := fault.New(fault.Unavailable, "thing.away", "It is away.")
	broken := fault.New(fault.Internal, "thing.broken", "It is broken.")
	for want, err := range map[string]error{
		"":                        nil,
		"plain":                   errors.New("plain"),
		"thing.away: It is away.": away,
		"thing.away: It is away.: disk: file does not exist":                                   away.Because(fmt.Errorf("disk: %w", fs.ErrNotExist)),
		"ask: thing.away: It is away.: file does not exist":                                    fmt.Errorf("ask: %w", away.Because(fs.ErrNotExist)),
		"thing.broken: It is broken.: thing.away: It is away.: read: file does not exist":      broken.Because(away.Because(fmt.Errorf("read: %w", fs.ErrNotExist))),
		"thing.broken: It is broken.: ask: thing.away: It is away.: the innermost of them all": broken.Because(fmt.Errorf("ask: %w", away.Because(errors.New("the innermost of them all")))),
	} {
		if got := observe.Reason(err); got != want {
			t.Errorf("Reason = %q, want %q", got, want)
		}
	}
}
