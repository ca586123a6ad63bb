package mrtr

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// What comes of requests to a client.
var (
	ErrUnanswered = fault.New(fault.Precondition, "mcp.unanswered", "The client did not answer what it was asked.")
	ErrTooMany    = fault.New(fault.Exhausted, "mcp.asks", "Too many questions are open with this client; let it answer some first.")
)

// maxPending is how many requests of ours one peer may leave open. It is below what a peer may have in flight, so that there is
// always room for other work.
const maxPending = 32

// answerTime is how long a client has.
const answerTime = 5 * time.Minute

// Pending are the requests of ours that one peer has open: one session of the protocol, or one stdio connection. Only an answer
// that comes from that peer finds them. The zero value is ready; it is safe for concurrent use.
type Pending struct {
	mu      sync.Mutex
	waiting map[string]place // by the id of the request
}

// place is where the answer to one question is waited for.
type place struct {
	key   string // of the question
	given chan<- response
}

type response struct {
	key             string
	result, failure json.RawMessage
}

// Ask sends the questions of a by send, one line each, and waits for all the answers. It gives up when ctx ends, after
// five minutes, or when one of them is refused. Errors are ErrUnanswered, ErrTooMany, ErrAnswers, send's and ctx's.
func (p *Pending) Ask(ctx context.Context, a *tool.Asking, shown func(string) string, send func(line any) error) (map[string]tool.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	given := make(chan response, len(a.Questions)) // one to each: take forgets its id
	for key, question := range Requests(a, shown) {
		id, ok := p.open(place{key, given})
		if !ok {
			return nil, ErrTooMany
		}
		defer p.take(id)
		if err := send(line{"2.0", id, question}); err != nil {
			return nil, err
		}
	}
	answers := make(map[string]tool.Answer, len(a.Questions))
	for range a.Questions {
		select {
		case said := <-given:
			answer, err := fitting(a.Questions[said.key], said)
			if err != nil {
				return nil, err
			}
			answers[said.key] = answer
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return nil, ErrUnanswered
			}
			return nil, ctx.Err()
		}
	}
	return answers, nil
}

type line struct {
	Version string `json:"jsonrpc"`
	ID      string `json:"id"`
	Request
}

// Answer hands over a response that the peer sent, and reports whether anybody waits for it. It is handed over once.
func (p *Pending) Answer(id, result, failure json.RawMessage) bool {
	var text string
	if json.Unmarshal(id, &text) != nil {
		return false
	}
	at, ok := p.take(text)
	if ok {
		at.given <- response{at.key, result, failure}
	}
	return ok
}

// open takes a place under an id that nobody can guess: of two peers of one principal, neither can answer for the other even
// if a line of the one was sent to the other.
func (p *Pending) open(at place) (id string, ok bool) {
	id = "steward-" + rand.Text()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) >= maxPending {
		return "", false
	}
	if p.waiting == nil {
		p.waiting = make(map[string]place)
	}
	p.waiting[id] = at
	return id, true
}

func (p *Pending) take(id string) (place, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.waiting[id]
	delete(p.waiting, id)
	return at, ok
}

// fitting reads an answer and sees that it is one to its question.
func fitting(question tool.Question, said response) (tool.Answer, error) {
	if said.failure != nil || said.result == nil {
		return nil, ErrUnanswered.Saying("The client answered with an error.")
	}
	answer, err := readAnswer(said.result)
	if err != nil {
		return nil, ErrUnanswered.Saying("The client's answer has not the shape that the protocol prescribes.").Because(err)
	}
	fits := false
	switch question.(type) {
	case tool.Form, tool.Visit:
		_, fits = answer.(tool.Elicited)
	case tool.Sample:
		_, fits = answer.(tool.Sampled)
	case tool.Roots:
		_, fits = answer.(tool.Rooted)
	}
	if !fits {
		return nil, ErrUnanswered.Saying("The client's answer is one to another question.")
	}
	return answer, nil
}
