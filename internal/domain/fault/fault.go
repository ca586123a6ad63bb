// Package fault is the closed vocabulary of what can go wrong. A fault carries words that may be shown to a
// caller (code, message, suggestions) and a cause that may not. Infrastructure translates foreign errors into
// faults at its border; whatever is left untranslated becomes Internal.
package fault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Kind says what the caller can do about a fault. Presentation adapters map every kind; see Kinds.
type Kind uint8

// The kinds. The zero value is no kind and no constructor accepts it.
const (
	Invalid         Kind = iota + 1 // fix the input
	Unauthenticated                 // say who you are
	Denied                          // not for you
	NotFound                        // it is not there, or not for you to know
	Conflict                        // taken, or changed in between
	Precondition                    // the present state forbids it
	Exhausted                       // a budget or rate is used up; RetryAfter may say when
	Unavailable                     // something Steward depends on does not answer
	Timeout                         // the deadline passed
	Canceled                        // the caller left
	Internal                        // ours; the message is neutral
)

var kindNames = [...]string{
	Invalid: "invalid", Unauthenticated: "unauthenticated", Denied: "denied", NotFound: "not_found",
	Conflict: "conflict", Precondition: "precondition", Exhausted: "exhausted", Unavailable: "unavailable",
	Timeout: "timeout", Canceled: "canceled", Internal: "internal",
}

// Kinds lists every kind, for tests that prove a mapping total.
func Kinds() []Kind {
	kinds := make([]Kind, 0, len(kindNames)-1)
	for k := Invalid; k <= Internal; k++ {
		kinds = append(kinds, k)
	}
	return kinds
}

func (k Kind) String() string {
	if k == 0 || int(k) >= len(kindNames) {
		return "unknown"
	}
	return kindNames[k]
}

// Fault is an error with a public face. Declare one per rule as a package variable, specialise it with Because,
// Saying, Suggesting and After (each returns a copy), and match it with errors.Is, which compares codes.
type Fault struct {
	Kind        Kind
	Code        string // context.reason, stable: clients may switch on it
	Message     string // one sentence that says what to do; never a path, query, stack or secret
	Suggestions []string
	RetryAfter  time.Duration
	cause       error
}

// New declares a fault.
func New(kind Kind, code, message string) *Fault {
	return &Fault{Kind: kind, Code: code, Message: message}
}

// Error is the public face: code and message. The cause is reached by errors.Unwrap only.
func (f *Fault) Error() string { return f.Code + ": " + f.Message }

// Unwrap gives the cause, which is for logs and never for callers.
func (f *Fault) Unwrap() error { return f.cause }

// Is reports whether target is a fault with the same code.
func (f *Fault) Is(target error) bool {
	t, ok := target.(*Fault)
	return ok && t.Code == f.Code
}

// Because returns a copy with err as its cause.
func (f *Fault) Because(err error) *Fault {
	c := *f
	c.cause = err
	return &c
}

// Saying returns a copy with another message.
func (f *Fault) Saying(format string, args ...any) *Fault {
	c := *f
	c.Message = fmt.Sprintf(format, args...)
	return &c
}

// Suggesting returns a copy that offers the caller ways on.
func (f *Fault) Suggesting(suggestions ...string) *Fault {
	c := *f
	c.Suggestions = suggestions
	return &c
}

// After returns a copy that says when trying again makes sense.
func (f *Fault) After(d time.Duration) *Fault {
	c := *f
	c.RetryAfter = d
	return &c
}

// The faults that belong to no context.
var (
	ErrInternal = New(Internal, "internal", "An internal error occurred; the request id identifies it in the operator's log.")
	ErrCanceled = New(Canceled, "canceled", "The caller ended the request.")
	ErrTimeout  = New(Timeout, "timeout", "The deadline passed before the answer was ready; ask for less, or allow more time.")
)

// From returns err as a fault: itself when it is or wraps one, Canceled and Timeout for the context's errors,
// and ErrInternal because of err for everything else. From(nil) is nil.
func From(err error) *Fault {
	if err == nil {
		return nil
	}
	var f *Fault
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, context.Canceled):
		return ErrCanceled.Because(err)
	case errors.Is(err, context.DeadlineExceeded):
		return ErrTimeout.Because(err)
	}
	return ErrInternal.Because(err)
}
