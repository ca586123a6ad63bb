package conversation

import "github.com/steward-mcp/steward/internal/domain/fault"

// The faults of conversations.
var (
	// ErrNotFound is the answer to a conversation that does not exist and to one of another owner, in the same words.
	ErrNotFound = fault.New(fault.NotFound, "conversation.not_found", "There is no such conversation of yours; leave conversation_id out to start one.")
	// ErrExists is the answer to adding an identifier twice.
	ErrExists = fault.New(fault.Conflict, "conversation.exists", "A conversation with this identifier exists already.")
	// ErrTransition is the answer to a change of state that is not in the table.
	ErrTransition = fault.New(fault.Precondition, "conversation.transition", "The conversation's state does not allow that.")
	// ErrNotActive is the answer to a message in a conversation that takes none.
	ErrNotActive = fault.New(fault.Precondition, "conversation.not_active", "The conversation takes no messages in its present state; start a new one.")
	// ErrBusy is the answer to a message while the reply to the one before is awaited.
	ErrBusy = fault.New(fault.Conflict, "conversation.busy", "The conversation awaits a reply already; send the next message after it.")
	// ErrNotAwaited is the answer to a reply whose message is no longer awaited: withdrawn, or abandoned and replaced.
	ErrNotAwaited = fault.New(fault.Conflict, "conversation.not_awaited", "The reply came too late and was not kept; send the message again.")
	// ErrBlank is the answer to a message without words.
	ErrBlank = fault.New(fault.Invalid, "conversation.blank", "The message is blank; say something.")
	// ErrNoReply is the answer when a model ended its turn without words.
	ErrNoReply = fault.New(fault.Unavailable, "conversation.no_reply", "The model ended its turn without an answer; rephrase the message or raise max_tokens.")
	// ErrTooLong is the answer to a text over its limit.
	ErrTooLong = fault.New(fault.Invalid, "conversation.too_long", "The text is too long.")
	// ErrFull is the answer to a message that the conversation has no room for.
	ErrFull = fault.New(fault.Exhausted, "conversation.full", "The conversation has reached its limit; start a new one.")
	// ErrBudget is the answer to an owner whose tokens of the day do not suffice.
	ErrBudget = fault.New(fault.Exhausted, "conversation.budget", "Your tokens of today are used up; go on after midnight UTC.")
	// ErrTooMany is the answer to starting a conversation when none of the owner's can make room.
	ErrTooMany = fault.New(fault.Exhausted, "conversation.too_many", "You hold as many conversations as you may; close one first.")
	// ErrMaxTokens is the answer to a bound on the reply that is not positive.
	ErrMaxTokens = fault.New(fault.Invalid, "conversation.max_tokens", "max_tokens must be at least 1.")
)

// The faults of a Model.
var (
	ErrModelOverloaded  = fault.New(fault.Unavailable, "conversation.model_overloaded", "The model's provider is overloaded; try again shortly.")
	ErrModelRateLimited = fault.New(fault.Exhausted, "conversation.model_rate_limited", "The model's provider limits Steward's requests; try again later.")
	ErrModelCredentials = fault.New(fault.Unavailable, "conversation.model_credentials", "The model's provider does not accept Steward's key; the operator must check the key, its rights and its billing.")
	ErrModelRequest     = fault.New(fault.Invalid, "conversation.model_request", "The model's provider refused the request as invalid; shorten the message, or choose another model or max_tokens.")
	ErrModelUnknown     = fault.New(fault.Unavailable, "conversation.model_unknown", "The model's provider does not know this model; choose another, or have the operator check the endpoint and its models.")
	ErrModelFailed      = fault.New(fault.Unavailable, "conversation.model_failed", "The model's provider failed; try again shortly.")
	ErrModelUnreachable = fault.New(fault.Unavailable, "conversation.model_unreachable", "The model's provider cannot be reached; the operator must check the endpoint and the network.")
	ErrModelTimeout     = fault.New(fault.Timeout, "conversation.model_timeout", "The model did not answer in time; ask for less, or lower max_tokens.")
)
