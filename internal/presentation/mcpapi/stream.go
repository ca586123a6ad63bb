package mcpapi

import (
	"mime"
	"net/http"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
)

// stream is the response to one POST: one JSON body, or, when there is something to say before the answer, a stream of
// events. It is used by one goroutine at a time.
type stream struct {
	w      http.ResponseWriter
	modern bool
	events bool // the client takes a stream
	begun  bool
}

const eventStream = "text/event-stream"

// newStream makes the response to r, and lets x speak ahead of its answer if the client takes a stream.
func newStream(w http.ResponseWriter, r *http.Request, x *exchange) *stream {
	s := &stream{w: w, modern: x.isModern(r), events: takesEvents(r.Header)}
	if s.events {
		x.tell = s.tell
	}
	return s
}

// takesEvents reports whether the client names event streams among what it accepts. Clients of MCP must; whoever does
// not, or says */* as tools do that know nothing of MCP, gets one JSON body.
func takesEvents(h http.Header) bool {
	for _, line := range h.Values("Accept") {
		for part := range strings.SplitSeq(line, ",") {
			media, parameters, err := mime.ParseMediaType(part)
			if err == nil && media == eventStream && parameters["q"] != "0" {
				return true
			}
		}
	}
	return false
}

func (s *stream) begin() {
	if s.begun {
		return
	}
	s.begun = true
	s.w.Header().Set("Content-Type", eventStream)
	s.w.Header().Set("Cache-Control", "no-store")
	s.w.Header().Set("X-Accel-Buffering", "no") // proxies that collect answers would keep the events until the last
	s.w.WriteHeader(http.StatusOK)
}

// tell sends one message at once. The listener gives each write its deadline, so it returns although nobody reads.
func (s *stream) tell(line []byte) error {
	s.begin()
	event := make([]byte, 0, len("event: message\ndata: \n\n")+len(line))
	event = append(append(append(event, "event: message\ndata: "...), line...), "\n\n"...)
	if _, err := s.w.Write(event); err != nil {
		return err
	}
	return http.NewResponseController(s.w).Flush()
}

// send ends the response with the answer. A client that left cannot be told, so errors are of no use.
//
// A request that its client cancelled is owed no response, but its POST has to end somehow. To a client that takes streams
// an empty one says just that: it holds no event id, so nobody asks for the rest of it. To the others the answer is an
// error: the protocol only recommends to send none, and asks of its clients to ignore it.
func (s *stream) send(a reply) {
	switch {
	case a.gone && s.events:
		s.begin()
	case a.body == nil:
		s.w.WriteHeader(http.StatusAccepted)
	case s.begun || len(a.before) > 0:
		for _, line := range append(a.before, a.body) {
			_ = s.tell(line)
		}
	default:
		s.w.Header().Set("Content-Type", "application/json")
		if s.modern {
			s.w.WriteHeader(statusOf(a.code))
		}
		_, _ = s.w.Write(a.body)
	}
}

// statusOf is the HTTP status that revision 2026-07-28 prescribes for a JSON-RPC error code.
func statusOf(code int) int {
	switch code {
	case mcp.METHOD_NOT_FOUND:
		return http.StatusNotFound
	case mcp.HEADER_MISMATCH, mcp.MISSING_REQUIRED_CLIENT_CAPABILITY, mcp.UNSUPPORTED_PROTOCOL_VERSION,
		mcp.INVALID_REQUEST, mcp.INVALID_PARAMS, mcp.PARSE_ERROR:
		return http.StatusBadRequest
	}
	return http.StatusOK
}
