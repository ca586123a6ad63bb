// Package wire reads JSON-RPC messages strictly, in one pass, before anything else looks at them: what two parsers
// could read in two ways is refused here, so that what is decided and recorded is what is executed.
package wire

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// MaxDepth bounds how deep arrays and objects may nest.
const MaxDepth = 64

// What is refused before anything is read. The texts are for the caller and repeat nothing of the message.
var (
	ErrSyntax    = errors.New("the message is not valid JSON")
	ErrEncoding  = errors.New("the message is not valid UTF-8, or escapes half a surrogate pair")
	ErrDepth     = errors.New("the message nests deeper than 64 levels")
	ErrDuplicate = errors.New("an object of the message names one member twice")
	ErrMembers   = errors.New("an object of the message has more than 1024 members")
	ErrSpelling  = errors.New("the message writes the name of a protocol member in other letters")
)

// ScanForeign checks JSON that is no message of MCP, and whose outermost object is read by encoding/json: data is one JSON
// value (RFC 8259) of valid UTF-8, nested at most MaxDepth deep, with no object that names a member twice or has more
// than 1024 of them. Below the outermost object names that are spelled differently are different.
func ScanForeign(data []byte) error { return scan(data, naming{folded: 1}, nil) }

// scan is ScanForeign with other rules for names. It puts into c, if there is one, what the protocol names.
func scan(data []byte, n naming, c *caught) error {
	if !utf8.Valid(data) {
		return ErrEncoding
	}
	s := scanner{data: data, naming: n, caught: c}
	s.keys = s.few[:0]
	s.space()
	if err := s.value(0, envelope); err != nil {
		return err
	}
	if s.space(); s.at != len(data) {
		return ErrSyntax
	}
	return nil
}

type scanner struct {
	data []byte
	at   int
	keys []string // the names of all objects that are open, innermost last
	few  [16]string

	naming naming
	caught *caught // nil where nobody asks
}

func (s *scanner) space() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// next consumes c after white space.
func (s *scanner) next(c byte) bool {
	s.space()
	if s.at < len(s.data) && s.data[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) value(depth int, at place) error {
	if s.at >= len(s.data) {
		return ErrSyntax
	}
	switch s.data[s.at] {
	case '{':
		return s.object(depth+1, at)
	case '[':
		return s.array(depth + 1)
	case '"':
		return s.quoted()
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	return s.number()
}

func (s *scanner) object(depth int, at place) error {
	if depth > MaxDepth {
		return ErrDepth
	}
	s.at++
	if s.next('}') {
		return nil
	}
	m := members{stack: &s.keys, first: len(s.keys)}
	defer m.forget()
	for {
		if err := s.member(depth, at, &m); err != nil {
			return err
		}
		if s.next('}') {
			return nil
		}
		if !s.next(',') {
			return ErrSyntax
		}
	}
}

func (s *scanner) member(depth int, at place, m *members) error {
	s.space()
	key, err := s.key()
	if err != nil {
		return err
	}
	if err := m.add(key, depth, s.naming); err != nil {
		return err
	}
	if !s.next(':') {
		return ErrSyntax
	}
	s.space()
	from := s.at
	if err := s.value(depth, at.of(key.exact)); err != nil {
		return err
	}
	if at != elsewhere && s.caught != nil {
		s.caught.take(at, key.exact, s.data[from:s.at:s.at])
	}
	return nil
}

func (s *scanner) array(depth int) error {
	if depth > MaxDepth {
		return ErrDepth
	}
	s.at++
	if s.next(']') {
		return nil
	}
	for {
		s.space()
		if err := s.value(depth, elsewhere); err != nil {
			return err
		}
		if s.next(']') {
			return nil
		}
		if !s.next(',') {
			return ErrSyntax
		}
	}
}

// key reads a name, without its escapes.
func (s *scanner) key() (name, error) {
	raw, escaped, err := s.text()
	if err != nil {
		return name{}, err
	}
	inner := raw[1 : len(raw)-1]
	if known, ok := spelled[string(inner)]; ok {
		return known, nil
	}
	text := string(inner)
	if escaped {
		if text, err = unescape(raw); err != nil {
			return name{}, err
		}
	}
	return name{exact: text, folded: fold(text)}, nil
}

// quoted reads a string whose text nobody asks for.
func (s *scanner) quoted() error {
	raw, escaped, err := s.text()
	if err == nil && escaped {
		_, err = unescape(raw)
	}
	return err
}

// text reads a string and returns it as it is written, and whether it has escapes.
func (s *scanner) text() (raw []byte, escaped bool, err error) {
	if s.at >= len(s.data) || s.data[s.at] != '"' {
		return nil, false, ErrSyntax
	}
	start := s.at
	for s.at++; s.at < len(s.data); s.at++ {
		switch c := s.data[s.at]; {
		case c == '"':
			s.at++
			return s.data[start:s.at], escaped, nil
		case c == '\\':
			escaped = true
			s.at++
		case c < 0x20:
			return nil, false, ErrSyntax
		}
	}
	return nil, false, ErrSyntax
}

func unescape(raw []byte) (string, error) {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return "", ErrSyntax
	}
	// encoding/json puts U+FFFD where half a surrogate pair was escaped. A message that really says U+FFFD says it
	// in UTF-8 or as its own escape.
	if strings.ContainsRune(text, utf8.RuneError) && loneSurrogate(raw) {
		return "", ErrEncoding
	}
	return text, nil
}

func loneSurrogate(raw []byte) bool {
	for i := 0; i+5 < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		if raw[i] != 'u' || !isSurrogate(raw[i+1:]) {
			continue
		}
		if !isHigh(raw[i+1:]) || i+10 >= len(raw) || raw[i+5] != '\\' || raw[i+6] != 'u' || !isSurrogate(raw[i+7:]) || isHigh(raw[i+7:]) {
			return true
		}
		i += 10
	}
	return false
}

// isSurrogate reports whether four hex digits name U+D800 to U+DFFF, and isHigh whether they name the first half.
func isSurrogate(hex []byte) bool {
	return (hex[0] == 'd' || hex[0] == 'D') && hex[1] >= '8'
}

func isHigh(hex []byte) bool {
	return isSurrogate(hex) && (hex[1] == '8' || hex[1] == '9' || hex[1] == 'a' || hex[1] == 'A' || hex[1] == 'b' || hex[1] == 'B')
}

func (s *scanner) word(w string) error {
	if len(s.data)-s.at < len(w) || string(s.data[s.at:s.at+len(w)]) != w {
		return ErrSyntax
	}
	s.at += len(w)
	return nil
}

func (s *scanner) number() error {
	s.one('-')
	if !s.one('0') && !s.digits() {
		return ErrSyntax
	}
	if s.one('.') && !s.digits() {
		return ErrSyntax
	}
	if s.one('e') || s.one('E') {
		if !s.one('+') {
			s.one('-')
		}
		if !s.digits() {
			return ErrSyntax
		}
	}
	return nil
}

func (s *scanner) one(c byte) bool {
	if s.at < len(s.data) && s.data[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) digits() bool {
	start := s.at
	for s.at < len(s.data) && s.data[s.at] >= '0' && s.data[s.at] <= '9' {
		s.at++
	}
	return s.at > start
}
