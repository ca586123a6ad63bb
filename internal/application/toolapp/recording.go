package toolapp

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/steward-mcp/steward/internal/domain/tool"
)

// recording says what the audit holds of a tool's arguments. It is closed by default: of a value its kind and its length,
// and of a name that the schema does not know only that there was one, because both are the caller's text.
type recording struct {
	known optional
	open  map[string]bool // arguments whose values may be recorded
}

// Bounds of what is recorded, so that the audit need not cut it.
const (
	openText   = 64  // characters of a value
	openItems  = 16  // of a list
	openLength = 768 // of everything
)

func newRecording(known optional, open []string) recording {
	r := recording{known: known, open: make(map[string]bool, len(open))}
	for _, name := range open {
		r.open[name] = true
	}
	return r
}

// recordingOfPrompt knows the arguments of a prompt.
func recordingOfPrompt(p tool.Prompt) recording {
	known := make(optional, len(p.Arguments))
	for _, a := range p.Arguments {
		known[a.Name] = nil
	}
	return newRecording(known, p.Recorded)
}

// recordingOfTemplate knows the variables of a template.
func recordingOfTemplate(t tool.ResourceTemplate) recording {
	known := optional{}
	for _, name := range t.Variables() {
		known[name] = nil
	}
	return newRecording(known, t.Recorded)
}

// completing is what somebody had typed, and in which argument. Nobody has accepted it, so it has no values.
func (r recording) completing(m Complete) string {
	argument := "unknown"
	if _, known := r.known[m.Argument]; known {
		argument = m.Argument
	}
	return "completes=" + argument + " " + r.kinds(quotable(m.with(m.Typed)))
}

// kinds is the arguments without any value: `explain=true metrics=array(2) where=string(17)`.
func (r recording) kinds(args json.RawMessage) string {
	return r.line(args, func(string) bool { return false })
}

// values is the arguments with the values that may be recorded, or closed where there are none of these. It is for
// arguments that the tool has accepted: until then a name may be anything.
func (r recording) values(args json.RawMessage, closed string) string {
	if len(r.open) == 0 {
		return closed
	}
	if line := r.line(args, func(name string) bool { return r.open[name] }); len(line) <= openLength {
		return line
	}
	return closed
}

func (r recording) line(args json.RawMessage, open func(name string) bool) string {
	given, ok := membersOf(args)
	if !ok {
		if !json.Valid(args) {
			return "invalid"
		}
		return kind(args)
	}
	out := make([]byte, 0, len(given)*lineRoom)
	unknown := 0
	for _, m := range given {
		if _, known := r.known[m.name]; !known {
			unknown++
			continue
		}
		said := ""
		if open(m.name) {
			said = value(m.value)
		}
		if said == "" {
			said = kind(m.value)
		}
		out = append(out, m.name...)
		out = append(out, '=')
		out = append(out, said...)
		out = append(out, ' ')
	}
	if unknown > 0 {
		out = append(out, "unknown("+strconv.Itoa(unknown)+")"...)
	}
	return strings.TrimSuffix(string(out), " ")
}

// lineRoom is about what an argument takes in a line.
const lineRoom = 32

// kind is what a value is, which is valid, and how long: characters, digits, elements, members.
func kind(value json.RawMessage) string {
	value = bytes.TrimSpace(value) // of JSON's space, which is all that can be there
	switch value[0] {
	case 'n', 't', 'f':
		return string(value)
	case '"':
		if text := value[1 : len(value)-1]; bytes.IndexByte(text, '\\') < 0 {
			return "string(" + strconv.Itoa(utf8.RuneCount(text)) + ")"
		}
	}
	var v any
	if json.Unmarshal(value, &v) != nil { // a number that is none of Go's
		return "invalid"
	}
	switch v := v.(type) {
	case string:
		return "string(" + strconv.Itoa(utf8.RuneCountInString(v)) + ")"
	case []any:
		return "array(" + strconv.Itoa(len(v)) + ")"
	case map[string]any:
		return "object(" + strconv.Itoa(len(v)) + ")"
	default:
		return "number(" + strconv.Itoa(len(value)) + ")"
	}
}

// value is a word, a number, or a list of words with the kinds of what is neither; empty for anything else.
func value(raw json.RawMessage) string {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return word(raw)
	}
	if len(list) > openItems {
		return ""
	}
	items := make([]string, len(list))
	for i, item := range list {
		if items[i] = word(item); items[i] == "" {
			items[i] = kind(item)
		}
	}
	return "[" + strings.Join(items, " ") + "]"
}

// word is a short name, date or number, and empty for a text that could be anything else.
func word(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		var number json.Number
		if json.Unmarshal(raw, &number) != nil {
			return ""
		}
		text = number.String()
	}
	if text == "" || len(text) > openText || strings.Trim(text, wordCharacters) != "" {
		return ""
	}
	return text
}

// wordCharacters has no bracket, space or equals sign, so that no value looks like a kind or like another argument.
const wordCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:+-"
