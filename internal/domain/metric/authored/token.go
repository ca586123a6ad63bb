package authored

import (
	"slices"
	"strings"
)

type tokenKind uint8

const (
	word    tokenKind = iota + 1 // letters, digits and underscores, not starting with a digit
	literal                      // text in single quotes, without them
	quoted                       // text in double quotes, without them: a literal to Python, a name to SQL
	number
	mark // any other single character
)

type token struct {
	kind tokenKind
	text string
}

// isText reports whether t is a string to Python.
func (t token) isText() bool { return t.kind == literal || t.kind == quoted }

// is reports whether t is one of these marks, or one of these words in any case.
func (t token) is(texts ...string) bool {
	return (t.kind == mark || t.kind == word) &&
		slices.ContainsFunc(texts, func(text string) bool { return strings.EqualFold(t.text, text) })
}

// tokenize takes text apart. It is false for an unterminated literal and for a SQL comment.
func tokenize(text string) ([]token, bool) {
	var tokens []token
	for text = strings.TrimLeft(text, space); text != ""; text = strings.TrimLeft(text, space) {
		t, length := nextToken(text)
		if length == 0 {
			return tokens, false
		}
		tokens, text = append(tokens, t), text[length:]
	}
	return tokens, true
}

const space = " \t\r\n"

// nextToken is the token at the start of text with its length in text, 0 when it cannot be read.
func nextToken(text string) (token, int) {
	switch c := text[0]; {
	case c == '\'':
		return quote(text, literal)
	case c == '"':
		return quote(text, quoted)
	case strings.HasPrefix(text, "--"), strings.HasPrefix(text, "/*"):
		return token{}, 0
	case isWordByte(c):
		end := 1
		for end < len(text) && isWordByte(text[end]) {
			end++
		}
		if c >= '0' && c <= '9' {
			return token{number, text[:end]}, end
		}
		return token{word, text[:end]}, end
	}
	return token{mark, text[:1]}, 1
}

// quote reads text in quotes. A backslash in it means different things to different readers, so it is not read.
func quote(text string, kind tokenKind) (token, int) {
	inside, _, closed := strings.Cut(text[1:], text[:1])
	if !closed || strings.Contains(inside, `\`) {
		return token{}, 0
	}
	return token{kind, inside}, len(inside) + 2
}

func isWordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// call is the arguments of a builder: literals by position or by name, and lists of literals by name, "" for one
// given by position.
type call struct {
	positional []string
	named      map[string]string
	lists      map[string][]string
}

// first is the first positional argument, or that by one of the names.
func (c call) first(names ...string) string {
	if len(c.positional) > 0 {
		return c.positional[0]
	}
	for _, name := range names {
		if value := c.named[name]; value != "" {
			return value
		}
	}
	return ""
}

// readCall reads word ( arguments ) and returns what follows it.
func readCall(tokens []token) (call, []token, bool) {
	c := call{named: map[string]string{}, lists: map[string][]string{}}
	if len(tokens) < 3 || tokens[0].kind != word || !tokens[1].is("(") {
		return c, nil, false
	}
	rest := tokens[2:]
	for {
		if len(rest) == 0 {
			return c, nil, false
		}
		if rest[0].is(")") {
			return c, rest[1:], true
		}
		var ok bool
		if rest, ok = c.argument(rest); !ok {
			return c, nil, false
		}
		if len(rest) > 0 && rest[0].is(",") {
			rest = rest[1:]
		} else if len(rest) == 0 || !rest[0].is(")") {
			return c, nil, false
		}
	}
}

// argument reads one argument: [word =] (literal | word | number | [ literals ]).
func (c *call) argument(tokens []token) ([]token, bool) {
	name := ""
	if len(tokens) > 2 && tokens[0].kind == word && tokens[1].is("=") {
		name, tokens = tokens[0].text, tokens[2:]
	}
	if len(tokens) == 0 {
		return nil, false
	}
	value := tokens[0]
	switch {
	case value.is("["):
		return c.list(name, tokens[1:])
	case value.kind == mark:
		return nil, false
	case name != "":
		c.named[name] = value.text
	case value.isText():
		c.positional = append(c.positional, value.text)
	}
	return tokens[1:], true
}

func (c *call) list(name string, tokens []token) ([]token, bool) {
	for len(tokens) > 0 {
		t := tokens[0]
		tokens = tokens[1:]
		switch {
		case t.is("]"):
			return tokens, true
		case t.isText():
			c.lists[name] = append(c.lists[name], t.text)
		case t.is(","):
		default:
			return nil, false
		}
	}
	return nil, false
}
