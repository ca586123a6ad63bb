package conversationapp

import (
	"context"
	"encoding/json"
	"time"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/conversation"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

const closeName = "close_conversation"

const closeDescription = `Closes one of your conversations with Claude for good: it takes no further messages and makes room for a new one. ` +
	`Closing a closed conversation changes nothing.`

func closeDefinition() tool.Definition {
	return tool.Definition{
		Name: closeName, Title: "Close a conversation", Description: closeDescription, Icon: "conversation",
		InputSchema: embedded("close_conversation.input"), OutputSchema: embedded("close_conversation.output"),
		Destructive: true, Idempotent: true,
	}
}

type closeArguments struct {
	Conversation string `json:"conversation_id"`
}

type closeResult struct {
	Conversation string             `json:"conversation_id"`
	State        conversation.State `json:"state"`
}

type closer struct {
	repo conversation.Repository
	now  func() time.Time
}

func (c *closer) bind(ctx context.Context, by access.Principal, args json.RawMessage) (tool.Bound, error) {
	in, err := decode[closeArguments](args)
	if err != nil {
		return tool.Bound{}, err
	}
	cid, err := parseID(in.Conversation)
	if err != nil {
		return tool.Bound{}, err
	}
	if _, err := c.repo.Get(ctx, by.ID(), cid); err != nil {
		return tool.Bound{}, err
	}
	return tool.Bound{Run: func(ctx context.Context) (tool.Result, error) {
		now := c.now()
		var state conversation.State
		err := c.repo.Update(ctx, by.ID(), cid, func(known *conversation.Conversation) error {
			state = known.Held().State
			if state == conversation.Closed || state == conversation.Archived {
				return nil
			}
			state = conversation.Closed
			return known.Close(now)
		})
		if err != nil {
			return tool.Result{}, err
		}
		return tool.Result{
			Text:       "The conversation " + cid.String() + " is " + string(state) + ".",
			Structured: closeResult{Conversation: cid.String(), State: state},
		}, nil
	}}, nil
}
