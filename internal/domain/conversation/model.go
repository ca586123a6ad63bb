package conversation

import (
	"context"

	"github.com/steward-mcp/steward/internal/domain/id"
)

// Prompt is one question to a model: the whole exchange so far, ending with a turn of the user.
type Prompt struct {
	Conversation id.Conversation // for telemetry only; it is not sent
	Model        string
	System       string // empty for none
	MaxTokens    int
	Turns        []Turn
}

// Reply is the model's answer. Text may be empty: a model can end its turn without words.
type Reply struct {
	Text       string
	Model      string // the model that answered, as it names itself
	StopReason string // the provider's word: end_turn, max_tokens, refusal, …
	Usage      Usage
}

// Model answers prompts. Reply always ends: with ctx, and by a deadline of the model's own. It may be asked again after
// any failure, and is safe for concurrent use. Faults: ErrModelOverloaded and ErrModelRateLimited (with RetryAfter
// when the provider said when), ErrModelCredentials, ErrModelRequest, ErrModelUnknown, ErrModelFailed,
// ErrModelUnreachable, ErrModelTimeout, and canceled when ctx was.
type Model interface {
	Reply(ctx context.Context, p Prompt) (Reply, error)
}
