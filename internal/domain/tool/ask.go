package tool

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// ErrInput is what a use comes to that needs to ask before it can go on. It is on record as such: the use has not failed.
var ErrInput = fault.New(fault.Precondition, "tool.input_required", "This needs an answer from the client before it can go on.")

// Question is one thing that a use asks the client of its caller: Form, Visit, Sample or Roots.
type Question interface{ question() }

// Form asks the user to fill something in (elicitation/create). What is asked for is shown to the user and comes back
// through the client: never ask for a secret this way.
type Form struct {
	Message string
	// Schema is a flat JSON Schema of an object, whose properties are strings, numbers, integers, booleans, or choices: enum,
	// oneOf with const and title, or an array of one of them (SEP-1330). A default is filled in for the user (SEP-1034).
	Schema json.RawMessage
}

// Visit asks the user to go to a page (elicitation/create in mode url), where what happens is between user and page.
type Visit struct {
	Message string
	URL     string
	ID      string // of this visit, unique in the process
}

// Sample asks the client's model to go on with a conversation (sampling/createMessage).
type Sample struct {
	System    string
	Turns     []Turn
	MaxTokens int
}

// Roots asks which directories the client works in (roots/list).
type Roots struct{}

func (Form) question()   {}
func (Visit) question()  {}
func (Sample) question() {}
func (Roots) question()  {}

// Asking is the reason of an error that Ask made.
type Asking struct {
	State     string
	Questions map[string]Question
}

func (*Asking) Error() string { return "questions for the client" }

// Ask is what Run, or Bind, answers in place of a result when it needs to know more: questions, each under a key that the tool
// chooses, and a state that comes back with the answers. Everything is then begun again, Bind included, decided and recorded
// anew, with AnswersOf telling the answers. Nothing is kept in between but state, which the client holds: it can neither change it nor use
// it for another call, nor can anybody else, but it can send it again, so state must not be what a single use hangs on.
// Between 1 and 16 questions can be asked at once, the state has at most 8 KiB, and a use may ask MaxRounds times.
func Ask(state string, questions map[string]Question) error {
	return ErrInput.Because(&Asking{State: state, Questions: questions})
}

// AskedBy gives the questions of err, if it is one that Ask made.
func AskedBy(err error) (*Asking, bool) {
	return errors.AsType[*Asking](err)
}

// Answer is what the client said to one Question: Elicited, Sampled or Rooted. It comes from outside, unchecked but for its
// shape.
type Answer interface{ answer() }

// Elicited answers a Form or a Visit.
type Elicited struct {
	Action Action
	Values json.RawMessage // what the user filled in, a JSON object; nil but for a Form that was accepted
}

// Action is what a user did with a Form or a Visit.
type Action string

// What users do.
const (
	Accepted  Action = "accept"
	Declined  Action = "decline"
	Cancelled Action = "cancel"
)

// Sampled answers a Sample.
type Sampled struct {
	Model  string
	Stop   string // why the model stopped, in the client's words
	Blocks []Block
}

// Text is what of the answer is text.
func (s Sampled) Text() string {
	var said strings.Builder
	for _, b := range s.Blocks {
		if text, ok := b.(Text); ok {
			said.WriteString(string(text))
		}
	}
	return said.String()
}

// Rooted answers Roots.
type Rooted []Root

// Root is one directory that a client works in.
type Root struct {
	URI  string // file://…
	Name string
}

func (Elicited) answer() {}
func (Sampled) answer()  {}
func (Rooted) answer()   {}

// Answers are what the client has said to the questions of the round before.
type Answers struct {
	// State is what Ask was given. It is empty in the first round, and when a client answers without the state that it was
	// sent: then the answers are no more than arguments.
	State string
	Given map[string]Answer // by the key of the question; the client may leave some out and invent others
	// Refused says why what the client sent cannot be used; nil when it can. Nothing is run with such answers.
	Refused error
}

// Elicited gives the answer to the Form or Visit of that key, if there is one.
func (a Answers) Elicited(key string) (Elicited, bool) {
	e, ok := a.Given[key].(Elicited)
	return e, ok
}

// Sampled gives the answer to the Sample of that key, if there is one.
func (a Answers) Sampled(key string) (Sampled, bool) { s, ok := a.Given[key].(Sampled); return s, ok }

// Rooted gives the answer to the Roots of that key, if there is one.
func (a Answers) Rooted(key string) (Rooted, bool) { r, ok := a.Given[key].(Rooted); return r, ok }

type answersKey struct{}

func (a Answers) none() bool { return a.State == "" && a.Given == nil && a.Refused == nil }

// WithAnswers gives a use its answers.
func WithAnswers(ctx context.Context, a Answers) context.Context {
	if a.none() && AnswersOf(ctx).none() {
		return ctx
	}
	return context.WithValue(ctx, answersKey{}, a)
}

// AnswersOf gives the answers to what the use asked before; none in its first round.
func AnswersOf(ctx context.Context) Answers {
	a, _ := ctx.Value(answersKey{}).(Answers)
	return a
}
