// Package conversationapp offers conversations with Claude as tools. It reserves, runs and settles: no transaction is
// open while the model thinks, and a failed model call leaves the conversation as it was.
package conversationapp

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/steward-mcp/steward/internal/domain/conversation"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// The faults of the tools' arguments.
var (
	ErrArguments       = fault.New(fault.Invalid, "conversation.arguments", "The arguments are not what the tool's input schema asks for.")
	ErrModelNotOffered = fault.New(fault.Invalid, "conversation.model_not_offered", "This model is not offered here; choose one of the suggestions.")
	ErrSystemPrompt    = fault.New(fault.Invalid, "conversation.system_prompt", "A conversation keeps the system prompt it began with; leave system_prompt out, or start a new conversation.")
)

// Options are the bounds within which callers converse.
type Options struct {
	Model        string        // answers when the caller names none
	Models       []string      // what a caller may name, beside Model
	MaxTokens    int           // of one reply, unless the caller says otherwise
	MaxTokensCap int           // the most that a caller may ask for; zero means 32,000, less than MaxTokens means MaxTokens
	Timeout      time.Duration // the deadline that the model keeps for one reply
	Limits       conversation.Limits
	Ledger       conversation.Ledger // needed when Limits bounds tokens
}

const (
	defaultTokensCap = 32_000
	// settleTime is what saving the outcome may take after the model answered or failed.
	settleTime = 5 * time.Second
	// margin is how long a reservation outlives the last moment at which its reply can come.
	margin = 30 * time.Second
)

// Tools gives claude_conversation and close_conversation. It fails when the options name no model or no bounds.
func Tools(repo conversation.Repository, model conversation.Model, options Options, now func() time.Time) ([]tool.Tool, error) {
	if options.Model == "" || options.MaxTokens < 1 || options.Timeout <= 0 || options.Limits.PerOwner < 1 ||
		options.Limits.TokensPerDay > 0 && options.Ledger == nil {
		return nil, errors.New("conversations need a default model, a bound of tokens, a deadline and limits")
	}
	if !slices.Contains(options.Models, options.Model) {
		options.Models = append([]string{options.Model}, options.Models...)
	}
	options.MaxTokensCap = max(cmp.Or(options.MaxTokensCap, defaultTokensCap), options.MaxTokens)
	input, err := converseSchema(options)
	if err != nil {
		return nil, fmt.Errorf("adapt the input schema of claude_conversation: %w", err)
	}
	c := &converser{repo: repo, model: model, options: options, now: now}
	k := &closer{repo: repo, now: now}
	return []tool.Tool{
		{Definition: converseDefinition(input, options), Bind: c.bind},
		{Definition: closeDefinition(), Bind: k.bind},
	}, nil
}
