// Package audit is the record of what was asked of Steward and what came of it. A record never holds results,
// credentials, or values of arguments but those that their tool declared to be no secret; it holds who, what, on what,
// by which rule, with which outcome.
package audit

import (
	"context"
	"time"
)

// Phase says which part of a request a record tells of.
type Phase string

// A read or a refusal is one Closed record. A change is an Intent, durable before the effect, and a Closed record
// after it. A Note is about the journal or the process itself: start, stop, a torn tail that was set aside. A Counted
// record stands for Count requests of one address that were refused before authentication, all for the same reason, and
// have no records of their own.
const (
	Intent  Phase = "intent"
	Closed  Phase = "closed"
	Note    Phase = "note"
	Counted Phase = "counted"
)

// Record is one fact. Field order is the canonical order of its JSON form; empty fields are left out, so that a field which
// a later version adds changes no line that an earlier one wrote.
type Record struct {
	Time       time.Time `json:"time"`
	Phase      Phase     `json:"phase"`
	Request    string    `json:"request,omitempty"` // id.Request
	Actor      string    `json:"actor,omitempty"`   // access.Principal.ID; empty before authentication
	Personas   []string  `json:"personas,omitempty"`
	Client     string    `json:"client,omitempty"`  // the client's word for itself, behind the word of its token's issuer
	Session    string    `json:"session,omitempty"` // id.Session
	Address    string    `json:"address,omitempty"`
	Transport  string    `json:"transport,omitempty"` // http, stdio, cli
	Revision   string    `json:"revision,omitempty"`  // protocol revision
	Method     string    `json:"method,omitempty"`    // protocol method or HTTP route
	Action     string    `json:"action,omitempty"`
	Target     string    `json:"target,omitempty"`
	Definition string    `json:"definition,omitempty"` // sha256 of the tool's published definition
	Demands    []string  `json:"demands,omitempty"`    // what the call needed beside the action itself
	Arguments  string    `json:"arguments,omitempty"`  // sha256 of the argument bytes
	Redacted   string    `json:"redacted,omitempty"`   // names of arguments, with the kind and length of their values, or with values that are no secret
	Purpose    string    `json:"purpose,omitempty"`    // what the caller says that it is for, in words that nobody has checked
	Outcome    string    `json:"outcome,omitempty"`    // ok, or the fault code
	DeniedBy   string    `json:"denied_by,omitempty"`  // authentication, policy, limit, session, input, edge
	Rule       string    `json:"rule,omitempty"`
	Policy     string    `json:"policy,omitempty"`
	DurationUS int64     `json:"duration_us,omitempty"`
	Count      int64     `json:"count,omitempty"` // of a Counted record
	Trace      string    `json:"trace,omitempty"`
	Detail     string    `json:"detail,omitempty"` // of notes, counts and credentials that do not hold: words without caller text
}

// Log keeps records. Append returns only when the record is durable (for a log that outlives the process), or an
// error, in which case the record may or may not be kept and the caller must not act as if it were. Records are
// kept in some order that respects each caller's own order, each in its Bounded form. Errors are ErrUnavailable,
// ErrBroken and ErrClosed. Safe for concurrent use.
type Log interface {
	Append(ctx context.Context, r Record) error
}
