package mrtr

import (
	"encoding/json"

	"github.com/steward-mcp/steward/internal/domain/tool"
)

// Request is one question on the wire: an InputRequest, or the method and params of a request of the server.
type Request struct {
	Method string `json:"method"`
	Params any    `json:"params,omitempty"`
}

type form struct {
	Mode    string          `json:"mode,omitempty"` // left out where it is form: older revisions have no other
	Message string          `json:"message"`
	Schema  json.RawMessage `json:"requestedSchema"`
}

type visit struct {
	Mode    string `json:"mode"`
	Message string `json:"message"`
	ID      string `json:"elicitationId"`
	URL     string `json:"url"`
}

type sample struct {
	Messages  []message `json:"messages"`
	System    string    `json:"systemPrompt,omitempty"`
	MaxTokens int       `json:"maxTokens"`
}

type message struct {
	Role    string `json:"role"`
	Content any    `json:"content"`
}

type block struct {
	Type string  `json:"type"`
	Text *string `json:"text,omitempty"`
	Data []byte  `json:"data,omitempty"` // base64
	MIME string  `json:"mimeType,omitempty"`
}

// Requests are the questions on the wire, by their keys. Texts that people or models read pass shown.
func Requests(a *tool.Asking, shown func(string) string) map[string]Request {
	requests := make(map[string]Request, len(a.Questions))
	for key, question := range a.Questions {
		requests[key] = request(question, shown)
	}
	return requests
}

func request(question tool.Question, shown func(string) string) Request {
	switch q := question.(type) {
	case tool.Form:
		return Request{"elicitation/create", form{Message: shown(q.Message), Schema: q.Schema}}
	case tool.Visit:
		return Request{"elicitation/create", visit{Mode: "url", Message: shown(q.Message), ID: q.ID, URL: q.URL}}
	case tool.Sample:
		return Request{"sampling/createMessage", sampling(q, shown)}
	default:
		return Request{"roots/list", struct{}{}}
	}
}

// sampling leaves out what models are not sampled with: embedded resources and links.
func sampling(q tool.Sample, shown func(string) string) sample {
	s := sample{Messages: make([]message, 0, len(q.Turns)), System: shown(q.System), MaxTokens: q.MaxTokens}
	for _, turn := range q.Turns {
		role := "user"
		if turn.Assistant {
			role = "assistant"
		}
		text := shown(turn.Text)
		content := block{Type: "text", Text: &text}
		switch b := turn.Block.(type) {
		case tool.Text:
			text = shown(string(b))
		case tool.Image:
			content = block{Type: "image", Data: b.Data, MIME: b.MIME}
		case tool.Audio:
			content = block{Type: "audio", Data: b.Data, MIME: b.MIME}
		}
		s.Messages = append(s.Messages, message{role, content})
	}
	return s
}
