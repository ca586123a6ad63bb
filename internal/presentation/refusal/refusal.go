// Package refusal is what the transports refuse by themselves, and how a caller is told of a fault.
package refusal

import (
	"math"
	"net/http"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// What is wrong with a request, whatever it asks for.
var (
	ErrTooLarge  = fault.New(fault.Invalid, "http.body_too_large", "The message is larger than this server takes.")
	ErrUnread    = fault.New(fault.Canceled, "http.body_unread", "The message could not be read to its end.")
	ErrMediaType = fault.New(fault.Invalid, "http.media_type", "Send one JSON-RPC message as application/json.")
	ErrMethod    = fault.New(fault.Invalid, "http.method", "Use POST; in revisions with sessions, GET opens a stream and DELETE ends the session.")
	ErrSSEMethod = fault.New(fault.Invalid, "http.sse_method",
		"Use GET to open the stream, and POST to the address that its first event names.")
	ErrSession   = fault.New(fault.NotFound, "mcp.session", "There is no such session; initialize to begin one.")
	ErrNoSession = fault.New(fault.Invalid, "mcp.session_required",
		"Send the Mcp-Session-Id that initialize answered, or speak revision 2026-07-28, which has no sessions.")
	ErrRevision = fault.New(fault.Invalid, "mcp.revision", "The Mcp-Protocol-Version header names a revision that this server does not speak.")
	ErrHeaders  = fault.New(fault.Invalid, "mcp.headers", "The headers do not agree with the message.")
	ErrResponse = fault.New(fault.Invalid, "mcp.unexpected_response", "This server asked nothing that could be answered.")
	ErrMessage  = fault.New(fault.Invalid, "mcp.message", "The message cannot be read.") // by strict reading; see package wire
	ErrCursor   = fault.New(fault.Invalid, "mcp.cursor", "The cursor is not one that this list has answered; ask without one to begin.")
	ErrTasks    = fault.New(fault.Precondition, "mcp.tasks_required",
		"This takes a client that declares the extension io.modelcontextprotocol/tasks with the request, in revision 2026-07-28.")
)

// What is refused of streams.
var (
	ErrAccept = fault.New(fault.Invalid, "http.accept", "GET answers a stream; accept text/event-stream.")
	ErrResume = fault.New(fault.Invalid, "mcp.event_unknown",
		"There is nothing left of the stream of this event; send the request again, or GET without Last-Event-ID.")
	ErrSubscriptions = fault.New(fault.Exhausted, "mcp.subscriptions", "This session is subscribed to as many resources as it may be; unsubscribe from one first.")
)

// Failure is what a caller is told of a fault. It never holds the cause.
type Failure struct {
	Code        string   `json:"code"`
	Message     string   `json:"message"`
	Suggestions []string `json:"suggestions,omitempty"`
	RetryAfter  float64  `json:"retry_after_seconds,omitempty"`
	URI         string   `json:"uri,omitempty"` // of a resource that is not there
	Request     string   `json:"request_id"`
	// Required is what the client would have to be able to do.
	Required map[string]any `json:"requiredCapabilities,omitempty"`
}

// Of is what is told of f, which ended the request of that id.
func Of(f *fault.Fault, request string) Failure {
	return Failure{
		Code: f.Code, Message: f.Message, Suggestions: f.Suggestions,
		RetryAfter: math.Ceil(f.RetryAfter.Seconds()*10) / 10, Request: request,
	}
}

// Status is the HTTP status of a refusal that is no answer to a request of JSON-RPC. It is total over fault.Kinds.
func Status(k fault.Kind) int {
	switch k {
	case fault.Invalid:
		return http.StatusBadRequest
	case fault.Unauthenticated:
		return http.StatusUnauthorized
	case fault.Denied:
		return http.StatusForbidden
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict:
		return http.StatusConflict
	case fault.Precondition:
		return http.StatusUnprocessableEntity
	case fault.Exhausted:
		return http.StatusTooManyRequests
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	case fault.Timeout:
		return http.StatusGatewayTimeout
	case fault.Canceled:
		return 499 // nobody reads it; the name is nginx's
	case fault.Internal:
		return http.StatusInternalServerError
	}
	return http.StatusInternalServerError
}
