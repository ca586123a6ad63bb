// Package feed is what a server says over HTTP while or although nobody waits for an answer: streams of events, what is kept
// of them for clients that lost theirs, who has one open, and what those are to be told.
package feed

import (
	"cmp"
	"mime"
	"net/http"
	"strings"
)

// Type is the media type of a stream of events.
const Type = "text/event-stream"

// Event is one event of a stream (HTML Living Standard §9.2).
type Event struct {
	ID   string // what a client names that lost the stream after this event; empty when it could not be taken up again
	Data []byte // one line; nil of an event that only gives the client its first ID
	Type string // empty for message
}

// retry tells clients how many milliseconds to wait before they come back.
const retry = "retry: 1000\n"

func (e Event) encode() []byte {
	text := make([]byte, 0, len("id: \n"+retry+"event: message\ndata: \n\n")+len(e.ID)+len(e.Data))
	if e.ID != "" {
		text = append(append(append(text, "id: "...), e.ID...), '\n')
	}
	if e.Data == nil {
		text = append(text, retry...)
	} else {
		text = append(append(append(text, "event: "...), cmp.Or(e.Type, "message")...), '\n')
	}
	return append(append(append(text, "data: "...), e.Data...), "\n\n"...)
}

// Accepted reports whether the client names event streams among what it accepts. Clients of MCP must; whoever does not, or
// says */* as tools do that know nothing of MCP, gets one JSON body.
func Accepted(h http.Header) bool {
	for _, line := range h.Values("Accept") {
		for part := range strings.SplitSeq(line, ",") {
			media, _, more := strings.Cut(part, ";")
			if !strings.EqualFold(strings.TrimSpace(media), Type) {
				continue
			}
			if !more {
				return true
			}
			if _, parameters, err := mime.ParseMediaType(part); err == nil && parameters["q"] != "0" {
				return true
			}
		}
	}
	return false
}
