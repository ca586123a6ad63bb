package mrtr

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// ErrAnswers answers input responses that are none.
var ErrAnswers = fault.New(fault.Invalid, "mcp.input_responses",
	"The inputResponses must hold, under the key of each input request, the result that its method prescribes.")

// maxAnswers bounds how many answers one message holds: more than can be asked, because a client may send others.
const maxAnswers = 64

// ReadAnswers reads inputResponses. Which question an answer belongs to is told by its key alone, and its kind by its shape, so
// that it can be read without knowing what was asked. nil holds none; an error is ErrAnswers.
func ReadAnswers(raw json.RawMessage) (map[string]tool.Answer, error) {
	if raw == nil {
		return nil, nil
	}
	said, ok := object(raw)
	if !ok || len(said) > maxAnswers {
		return nil, ErrAnswers
	}
	answers := make(map[string]tool.Answer, len(said))
	for key, one := range said {
		answer, err := readAnswer(one)
		if err != nil {
			return nil, ErrAnswers.Because(err)
		}
		answers[key] = answer
	}
	return answers, nil
}

// readAnswer reads an ElicitResult, a CreateMessageResult or a ListRootsResult.
func readAnswer(raw json.RawMessage) (tool.Answer, error) {
	said, ok := object(raw)
	if !ok {
		return nil, errors.New("an answer is no object")
	}
	_, elicited := said["action"]
	_, sampled := said["role"]
	_, rooted := said["roots"]
	switch {
	case elicited && !sampled && !rooted:
		return readElicited(said)
	case sampled && !elicited && !rooted:
		return readSampled(said)
	case rooted && !elicited && !sampled:
		return readRooted(said["roots"])
	}
	return nil, errors.New("an answer has the shape of none, or of several")
}

func readElicited(said map[string]json.RawMessage) (tool.Answer, error) {
	var action tool.Action
	if json.Unmarshal(said["action"], &action) != nil || action != tool.Accepted && action != tool.Declined && action != tool.Cancelled {
		return nil, errors.New("an elicitation has no known action")
	}
	e := tool.Elicited{Action: action}
	if content := said["content"]; content != nil && action == tool.Accepted {
		if _, ok := object(content); !ok {
			return nil, errors.New("the content of an elicitation is no object")
		}
		e.Values = content
	}
	return e, nil
}

func readSampled(said map[string]json.RawMessage) (tool.Answer, error) {
	var s tool.Sampled
	if json.Unmarshal(said["model"], &s.Model) != nil {
		return nil, errors.New("a sampled message names no model")
	}
	if stop, ok := said["stopReason"]; ok && json.Unmarshal(stop, &s.Stop) != nil {
		return nil, errors.New("the reason to stop is no text")
	}
	content := said["content"]
	var several []json.RawMessage
	if json.Unmarshal(content, &several) != nil || several == nil { // one block, in revisions before 2025-11-25 and mostly after
		several = []json.RawMessage{content}
	}
	for _, one := range several {
		b, err := readBlock(one)
		if err != nil {
			return nil, err
		}
		s.Blocks = append(s.Blocks, b)
	}
	return s, nil
}

func readBlock(raw json.RawMessage) (tool.Block, error) {
	var b block
	if len(raw) == 0 || json.Unmarshal(raw, &b) != nil {
		return nil, errors.New("a sampled message has no content")
	}
	switch {
	case b.Type == "text" && b.Text != nil:
		return tool.Text(*b.Text), nil
	case b.Type == "image" && b.Data != nil:
		return tool.Image{MIME: b.MIME, Data: b.Data}, nil
	case b.Type == "audio" && b.Data != nil:
		return tool.Audio{MIME: b.MIME, Data: b.Data}, nil
	}
	return nil, fmt.Errorf("a sampled message holds a block of no known kind")
}

func readRooted(raw json.RawMessage) (tool.Answer, error) {
	var listed []struct {
		URI  *string `json:"uri"`
		Name string  `json:"name"`
	}
	if json.Unmarshal(raw, &listed) != nil || listed == nil {
		return nil, errors.New("roots are no list")
	}
	roots := make(tool.Rooted, 0, len(listed))
	for _, one := range listed {
		if one.URI == nil {
			return nil, errors.New("a root has no URI")
		}
		roots = append(roots, tool.Root{URI: *one.URI, Name: one.Name})
	}
	return roots, nil
}
