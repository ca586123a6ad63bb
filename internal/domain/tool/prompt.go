package tool

import (
	"context"

	"github.com/steward-mcp/steward/internal/domain/access"
)

// Prompt is a beginning of a conversation that a user chooses by name. Bind must be free of side effects; it sees all
// required arguments and none that the prompt does not name.
type Prompt struct {
	Name        string // ^[a-z][a-z0-9_]{0,63}$
	Title       string
	Description string
	Arguments   []Argument
	Icon        string // as that of a tool
	Bind        func(ctx context.Context, by access.Principal, args map[string]string) (Use[Conversation], error)
	Complete    Completer // nil when there is nothing to suggest
	Recorded    []string  // arguments whose values the audit may hold once Bind has accepted them; see Definition
}

// Argument is what a user is asked for before a prompt is made.
type Argument struct {
	Name        string
	Description string
	Required    bool
}

// Conversation is what a prompt gives a model to begin with.
type Conversation struct {
	Description string
	Turns       []Turn
}

// Turn is one message of a Conversation.
type Turn struct {
	Assistant bool // the user's otherwise
	Text      string
	Block     Block // in place of Text, when it is not nil
}
