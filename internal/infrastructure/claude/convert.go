package claude

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/anthropics/anthropic-sdk-go"

	"github.com/steward-mcp/steward/internal/domain/conversation"
	"github.com/steward-mcp/steward/internal/domain/fault"
)

func toParams(p conversation.Prompt) anthropic.MessageNewParams {
	params := anthropic.MessageNewParams{Model: p.Model, MaxTokens: int64(p.MaxTokens)}
	if p.System != "" {
		params.System = []anthropic.TextBlockParam{{Text: p.System}}
	}
	for _, t := range p.Turns {
		block := anthropic.NewTextBlock(t.Text)
		if t.Role == conversation.Assistant {
			params.Messages = append(params.Messages, anthropic.NewAssistantMessage(block))
		} else {
			params.Messages = append(params.Messages, anthropic.NewUserMessage(block))
		}
	}
	return params
}

func toReply(m *anthropic.Message) conversation.Reply {
	var text strings.Builder
	for _, block := range m.Content {
		if block.Type == "text" {
			text.WriteString(block.Text)
		}
	}
	return conversation.Reply{
		Text: text.String(), Model: m.Model, StopReason: string(m.StopReason),
		Usage: conversation.Usage{
			// The vendor counts cached input apart; it is billed, so it is counted.
			Input:  m.Usage.InputTokens + m.Usage.CacheReadInputTokens + m.Usage.CacheCreationInputTokens,
			Output: m.Usage.OutputTokens,
		},
	}
}

// toFault translates. ctx is the caller's: its end is the caller's doing, any other deadline is ours.
func toFault(ctx context.Context, err error) *fault.Fault {
	var refused *anthropic.Error
	var unsent *url.Error // net/http wraps in it what failed before a response came
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return fault.ErrCanceled.Because(err)
	case errors.Is(err, context.DeadlineExceeded), ctx.Err() != nil:
		return conversation.ErrModelTimeout.Because(err)
	case errors.As(err, &refused):
		return refusal(refused)
	case errors.As(err, &unsent):
		return conversation.ErrModelUnreachable.Because(err)
	}
	return conversation.ErrModelFailed.Because(err)
}

// refusal goes by the vendor's type where it gives one, and by the status otherwise. The body is left out of the
// cause: it can quote the conversation, and causes are logged.
func refusal(e *anthropic.Error) *fault.Fault {
	cause := fmt.Errorf("status %d, type %.40q, request %.60q", e.StatusCode, e.Type(), e.RequestID)
	var pause time.Duration
	if e.Response != nil {
		pause = retryAfter(e.Response.Header)
	}
	switch {
	case e.Type() == anthropic.ErrorTypeOverloadedError:
		return conversation.ErrModelOverloaded.After(pause).Because(cause)
	case e.Type() == anthropic.ErrorTypeBillingError:
		return conversation.ErrModelCredentials.Because(cause)
	case e.StatusCode == http.StatusTooManyRequests:
		return conversation.ErrModelRateLimited.After(pause).Because(cause)
	case e.StatusCode == http.StatusUnauthorized, e.StatusCode == http.StatusForbidden, e.StatusCode == http.StatusPaymentRequired:
		return conversation.ErrModelCredentials.Because(cause)
	case e.StatusCode == http.StatusNotFound:
		return conversation.ErrModelUnknown.Because(cause)
	case e.StatusCode == http.StatusRequestTimeout, e.StatusCode == http.StatusGatewayTimeout:
		return conversation.ErrModelTimeout.Because(cause)
	case e.StatusCode >= http.StatusBadRequest && e.StatusCode < http.StatusInternalServerError:
		return conversation.ErrModelRequest.Because(cause)
	}
	return conversation.ErrModelFailed.After(pause).Because(cause)
}

// retryAfter reads the pause that a response asks for, in whole or fractional seconds (RFC 9110 §10.2.3; the form as a
// date is not read, because the vendor does not send it). Zero when there is none.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.ParseFloat(h.Get("Retry-After"), 64)
	const most = 24 * 60 * 60
	if err != nil || !(seconds > 0) {
		return 0
	}
	return time.Duration(min(seconds, most) * float64(time.Second))
}
