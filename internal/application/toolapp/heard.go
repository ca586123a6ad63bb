package toolapp

import (
	"context"
	"encoding/json"

	"github.com/steward-mcp/steward/internal/domain/tool"
)

// heard is all that the caller has said, for discreet: the arguments, and in a later round of a use the answers. It refuses
// answers that cannot be used, after the policy has been asked whether the caller may know that there is anything to answer.
func heard(ctx context.Context, said json.RawMessage) (json.RawMessage, error) {
	answers := tool.AnswersOf(ctx)
	if answers.Refused != nil {
		return said, answers.Refused
	}
	if len(answers.Given) == 0 {
		return said, nil
	}
	return quotable([]any{said, answers.Given}), nil
}
