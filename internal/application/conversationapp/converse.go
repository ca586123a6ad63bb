package conversationapp

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/steward-mcp/steward/internal/application/lifetime"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/conversation"
	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

const converseDescription = `Asks Claude, another model beside yourself, and gives its answer. ` +
	`Every call without "conversation_id" is a question of its own: Claude knows nothing but "message" and "system_prompt". ` +
	`Each answer carries a "conversation_id"; give it with the next message to continue, and Claude knows what was said before. ` +
	`A conversation is yours alone. A few are kept: one that you never continued makes room for newer ones, one that you continued stays until close_conversation. ` +
	`Claude sees no metrics and no files here: put what it should know into the message. An answer takes seconds and costs tokens.`

func converseDefinition(input json.RawMessage, o Options) tool.Definition {
	return tool.Definition{
		Name: "claude_conversation", Title: "Converse with Claude", Description: converseDescription, Icon: "conversation",
		InputSchema: input, OutputSchema: embedded("claude_conversation.output"),
		OpenWorld: true, Timeout: o.Timeout + settleTime,
	}
}

// converseArguments are, beside conversation_id, those of the tool's predecessors.
type converseArguments struct {
	Message      string  `json:"message"`
	Conversation *string `json:"conversation_id"`
	System       *string `json:"system_prompt"`
	Model        *string `json:"model"`
	MaxTokens    *int    `json:"max_tokens"`
}

type converseResult struct {
	Conversation string `json:"conversation_id"`
	Reply        string `json:"reply"`
	Model        string `json:"model"`
	StopReason   string `json:"stop_reason"`
	Usage        usage  `json:"usage"`
}

type usage struct {
	Input  int64 `json:"input_tokens"`
	Output int64 `json:"output_tokens"`
}

type converser struct {
	repo    conversation.Repository
	model   conversation.Model
	options Options
	now     func() time.Time
}

// understood is a message that can be asked: what its answer may take, and how its place is reserved.
type understood struct {
	cost    int64
	reserve func(context.Context) (reserved, error)
}

// reserved is a message whose reply is to be fetched.
type reserved struct {
	owner       string
	cid         id.Conversation
	reservation conversation.Reservation
	prompt      conversation.Prompt
}

func (c *converser) bind(ctx context.Context, by access.Principal, args json.RawMessage) (tool.Bound, error) {
	in, err := decode[converseArguments](args)
	if err != nil {
		return tool.Bound{}, err
	}
	if err := c.check(in); err != nil {
		return tool.Bound{}, err
	}
	m := understood{reserve: func(ctx context.Context) (reserved, error) { return c.start(ctx, by.ID(), in) }}
	if in.Conversation == nil {
		var fresh *conversation.Conversation
		if fresh, err = c.begin(by.ID(), in); err == nil {
			m.cost = fresh.Prompt().Cost(in.Message)
		}
	} else {
		m, err = c.bindContinued(ctx, by.ID(), in)
	}
	if err != nil {
		return tool.Bound{}, err
	}
	return tool.Bound{Run: func(ctx context.Context) (tool.Result, error) { return c.answer(ctx, by.ID(), m) }}, nil
}

func (c *converser) check(in converseArguments) error {
	if in.Model != nil {
		if err := c.offered(*in.Model); err != nil {
			return err
		}
	}
	if in.MaxTokens != nil && (*in.MaxTokens < 1 || *in.MaxTokens > c.options.MaxTokensCap) {
		return conversation.ErrMaxTokens.Saying("max_tokens must be between 1 and %d.", c.options.MaxTokensCap)
	}
	return nil
}

func (c *converser) offered(model string) error {
	if !slices.Contains(c.options.Models, model) {
		return ErrModelNotOffered.Suggesting(c.options.Models...)
	}
	return nil
}

// bindContinued finds out early, and without a trace, whether the conversation takes the message; Ask decides.
func (c *converser) bindContinued(ctx context.Context, owner string, in converseArguments) (m understood, err error) {
	cid, err := parseID(*in.Conversation)
	if err != nil {
		return m, err
	}
	known, err := c.repo.Get(ctx, owner, cid)
	if err != nil {
		return m, err
	}
	prompt := known.Prompt()
	if in.System != nil && *in.System != prompt.System {
		return m, ErrSystemPrompt
	}
	if in.Model == nil {
		// The offer may have changed since the conversation began.
		if err := c.offered(prompt.Model); err != nil {
			return m, err
		}
	}
	if err := known.Admits(in.Message, c.options.Limits, c.now()); err != nil {
		return m, err
	}
	if in.MaxTokens != nil {
		prompt.MaxTokens = *in.MaxTokens
	}
	m.cost = prompt.Cost(in.Message)
	m.reserve = func(ctx context.Context) (reserved, error) { return c.resume(ctx, owner, cid, in) }
	return m, nil
}

// begin makes a conversation that awaits its first reply, and keeps it nowhere.
func (c *converser) begin(owner string, in converseArguments) (*conversation.Conversation, error) {
	terms := conversation.Terms{Model: c.options.Model, MaxTokens: c.options.MaxTokens}
	if in.System != nil {
		terms.System = *in.System
	}
	if in.Model != nil {
		terms.Model = *in.Model
	}
	if in.MaxTokens != nil {
		terms.MaxTokens = *in.MaxTokens
	}
	now := c.now()
	fresh, err := conversation.Start(id.New[id.ConversationKind](), owner, terms, c.options.Limits, now)
	if err != nil {
		return nil, err
	}
	if err := fresh.Admits(in.Message, c.options.Limits, now); err != nil {
		return nil, err
	}
	return fresh, nil
}

func (c *converser) start(ctx context.Context, owner string, in converseArguments) (reserved, error) {
	fresh, err := c.begin(owner, in)
	if err != nil {
		return reserved{}, err
	}
	now := c.now()
	r := reserved{owner: owner, cid: fresh.Prompt().Conversation}
	if r.reservation, err = fresh.Ask(in.Message, c.options.Limits, now, c.until(now)); err != nil {
		return reserved{}, err
	}
	r.prompt = fresh.Prompt()
	err = c.repo.Add(ctx, fresh, c.options.Limits.PerOwner, now)
	if errors.Is(err, conversation.ErrTooMany) {
		err = conversation.ErrTooMany.Suggesting(closeName)
	}
	return r, err
}

func (c *converser) resume(ctx context.Context, owner string, cid id.Conversation, in converseArguments) (reserved, error) {
	now := c.now()
	r := reserved{owner: owner, cid: cid}
	err := c.repo.Update(ctx, owner, cid, func(known *conversation.Conversation) (err error) {
		if r.reservation, err = known.Ask(in.Message, c.options.Limits, now, c.until(now)); err != nil {
			return err
		}
		r.prompt = known.Prompt()
		return nil
	})
	if in.Model != nil {
		r.prompt.Model = *in.Model
	}
	if in.MaxTokens != nil {
		r.prompt.MaxTokens = *in.MaxTokens
	}
	return r, err
}

func (c *converser) until(now time.Time) time.Time {
	return now.Add(c.options.Timeout + settleTime + margin)
}

// answer draws on the owner's tokens before anything else, so that a refusal leaves no trace in the conversations.
func (c *converser) answer(ctx context.Context, owner string, m understood) (tool.Result, error) {
	now, most := c.now(), c.options.Limits.TokensPerDay
	if most == 0 {
		result, _, err := c.converse(ctx, m)
		return result, err
	}
	if err := c.options.Ledger.Reserve(ctx, owner, m.cost, most, now); err != nil {
		return tool.Result{}, err
	}
	result, spent, err := c.converse(ctx, m)
	settling, cancel := context.WithTimeout(lifetime.Apart(ctx), settleTime)
	defer cancel()
	// An answer is not taken back because its tokens could not be settled: then those that were reserved count as spent.
	_ = c.options.Ledger.Settle(settling, owner, m.cost, spent.Input+spent.Output, now)
	return result, err
}

func (c *converser) converse(ctx context.Context, m understood) (tool.Result, conversation.Usage, error) {
	r, err := m.reserve(ctx)
	if err != nil {
		return tool.Result{}, conversation.Usage{}, err
	}
	reply, err := c.model.Reply(ctx, r.prompt)
	if err != nil {
		return tool.Result{}, conversation.Usage{}, errors.Join(err, c.withdraw(ctx, r, conversation.Usage{}))
	}
	result, err := c.keep(ctx, r, reply)
	return result, reply.Usage, err
}

// keep saves the reply.
func (c *converser) keep(ctx context.Context, r reserved, reply conversation.Reply) (tool.Result, error) {
	err := c.settle(ctx, r, func(known *conversation.Conversation, now time.Time) error {
		return known.Answer(r.reservation, reply, now)
	})
	if errors.Is(err, conversation.ErrNoReply) {
		return tool.Result{}, errors.Join(err, c.withdraw(ctx, r, reply.Usage))
	}
	if err != nil {
		return tool.Result{}, err
	}
	return toResult(r.cid, reply), nil
}

func (c *converser) withdraw(ctx context.Context, r reserved, spent conversation.Usage) error {
	return c.settle(ctx, r, func(known *conversation.Conversation, now time.Time) error {
		known.Withdraw(r.reservation, spent, now)
		return nil
	})
}

// settle saves an outcome even when the caller has left: otherwise the conversation would stay reserved.
func (c *converser) settle(ctx context.Context, r reserved, change func(*conversation.Conversation, time.Time) error) error {
	ctx, cancel := context.WithTimeout(lifetime.Apart(ctx), settleTime)
	defer cancel()
	now := c.now()
	return c.repo.Update(ctx, r.owner, r.cid, func(known *conversation.Conversation) error { return change(known, now) })
}

func toResult(cid id.Conversation, reply conversation.Reply) tool.Result {
	return tool.Result{
		// The identifier stands in the text as well, because some clients show a model nothing else.
		Text: strings.TrimSpace(reply.Text) + "\n\n[conversation_id: " + cid.String() + "]",
		Structured: converseResult{
			Conversation: cid.String(), Reply: reply.Text, Model: reply.Model, StopReason: reply.StopReason,
			Usage: usage{Input: reply.Usage.Input, Output: reply.Usage.Output},
		},
	}
}
