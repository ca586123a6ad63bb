package where

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

type kind uint8

const (
	end    kind = iota
	word        // letters, digits and underscores, not starting with a digit
	text        // what stands in quotes, without them
	number      // digits with a fraction and an exponent
	mark        // = == != <> < <= > >= ( ) [ ] , . - {{ }}
)

type token struct {
	kind   kind
	text   string
	column int
}

func (t token) is(m string) bool { return t.kind == mark && t.text == m }

// keyword reports whether t is one of these words, which are given in upper case.
func (t token) keyword(words ...string) bool {
	if t.kind != word {
		return false
	}
	for _, w := range words {
		if strings.EqualFold(t.text, w) {
			return true
		}
	}
	return false
}

const blank = " \t\r\n"

// lexer takes a text apart, one token after the other, so that the first thing that is wrong with a text is what is said
// of it. After an error there are no more tokens.
type lexer struct {
	rest   string
	column int  // of rest, in characters from 1
	within bool // between {{ and }}
	err    *fault.Fault
}

// fail keeps the first error.
func (l *lexer) fail(column int, format string, args ...any) {
	if l.err == nil {
		l.err = at(column, ErrSyntax.Saying(format, args...))
	}
	l.rest = ""
}

// at puts the column in front of a fault's message.
func at(column int, f *fault.Fault) *fault.Fault {
	return f.Saying("At column %d: %s", column, f.Message)
}

func (l *lexer) next() token {
	trimmed := strings.TrimLeft(l.rest, blank)
	l.column += len(l.rest) - len(trimmed)
	l.rest = trimmed
	t := token{column: l.column}
	if l.rest == "" {
		return t
	}
	switch c := l.rest[0]; {
	case c >= utf8.RuneSelf || c < ' ' || c == 0x7f:
		l.strange()
	case c == '\'' || c == '"' && l.within:
		t.kind, t.text = text, l.quoted(c)
	case isDigit(c):
		t.kind, t.text = number, l.number()
	case isLetter(c):
		n := 1
		for n < len(l.rest) && (isLetter(l.rest[n]) || isDigit(l.rest[n])) {
			n++
		}
		t.kind, t.text = word, l.take(n)
	default:
		t.kind, t.text = mark, l.mark()
	}
	if l.err != nil {
		return token{column: l.column}
	}
	return t
}

// take goes on by n bytes of ASCII.
func (l *lexer) take(n int) string {
	taken := l.rest[:n]
	l.rest, l.column = l.rest[n:], l.column+n
	return taken
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// marks are those that there are, longer ones before those that they begin with.
var marks = []string{"==", "!=", "<>", "<=", ">=", "{{", "}}", "=", "<", ">", "(", ")", "[", "]", ",", ".", "-"}

func (l *lexer) mark() string {
	for _, r := range refusedMarks {
		if strings.HasPrefix(l.rest, r.mark) {
			if l.within {
				l.fail(l.column, builderHint)
			} else {
				l.fail(l.column, "%s", r.hint)
			}
			return ""
		}
	}
	for _, m := range marks {
		if strings.HasPrefix(l.rest, m) {
			if m == "{{" || m == "}}" {
				l.within = m == "{{"
			}
			return l.take(len(m))
		}
	}
	l.fail(l.column, "this character has no place in a filter.")
	return ""
}

// quoted is the text that begins here; the quote twice stands for itself.
func (l *lexer) quoted(quote byte) string {
	opened := l.column
	l.take(1)
	var b strings.Builder
	for l.rest != "" {
		r, size := utf8.DecodeRuneInString(l.rest)
		doubled := strings.HasPrefix(l.rest, string([]byte{quote, quote}))
		switch {
		case doubled && !l.within:
			size = 2
			l.column++
		case r == rune(quote):
			l.take(1)
			return b.String()
		case l.within && strings.HasPrefix(l.rest, "}}"):
			l.fail(opened, "the text that begins here has no closing quote.")
			return ""
		case l.unfit(r, size):
			return ""
		}
		b.WriteRune(r)
		l.rest = l.rest[size:]
		l.column++
	}
	l.fail(opened, "the text that begins here has no closing quote; a quote inside a text is written twice, as in 'it''s'.")
	return ""
}

// unfit refuses what would mean one thing here, another to the template language or to some warehouse, and a third to who
// reads it.
func (l *lexer) unfit(r rune, size int) bool {
	switch {
	case r == utf8.RuneError && size == 1:
		l.fail(l.column, "these bytes are no UTF-8.")
	case r == '\\':
		l.fail(l.column, "a backslash in a text means another thing in every warehouse; give such a value in filters, where it stands for itself.")
	case strings.HasPrefix(l.rest, "{{"), strings.HasPrefix(l.rest, "{%"), strings.HasPrefix(l.rest, "{#"), strings.HasPrefix(l.rest, "}}"):
		l.fail(l.column, "a text holds no template; leave out quotes around the whole filter, and give a value with such braces in filters.")
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co):
		l.fail(l.column, "the text has the invisible character U+%04X; leave it out, or give the value in filters.", r)
	default:
		return false
	}
	return true
}

const longestNumber = 64

var numberForm = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?`)

// number is that which begins here, without zeros before it.
func (l *lexer) number() string {
	found := numberForm.FindString(l.rest)
	after := strings.TrimPrefix(l.rest, found)
	if len(found) > longestNumber || after != "" && (isLetter(after[0]) || after[0] == '.') {
		l.fail(l.column, "a number is written as 42, 0.5 or 1e6, with at most %d characters.", longestNumber)
		return ""
	}
	significant := strings.TrimLeft(l.take(len(found)), "0")
	if significant == "" || !isDigit(significant[0]) {
		return "0" + significant
	}
	return significant
}

// strange refuses what is not ASCII, or is no character to be seen, outside of texts.
func (l *lexer) strange() {
	r, size := utf8.DecodeRuneInString(l.rest)
	switch {
	case r == utf8.RuneError && size == 1:
		l.fail(l.column, "these bytes are no UTF-8.")
	case strings.ContainsRune(quotesOfOthers, r):
		l.fail(l.column, "U+%04X is not the quote of SQL; texts stand in straight single quotes, as 'EU'.", r)
	case unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsNumber(r):
		l.fail(l.column, "U+%04X is not one of the characters of names, which are a-z, 0-9 and _; texts stand in single quotes.", r)
	case unicode.IsGraphic(r) && !unicode.IsSpace(r):
		l.fail(l.column, "U+%04X can stand only within a text in single quotes.", r)
	default:
		l.fail(l.column, "the character U+%04X cannot be seen, or is not a blank, line break or tab; leave it out.", r)
	}
}

const quotesOfOthers = "‘’‚‛“”„‟‹›«»′″‵´ʹʺʼˈ＇＂｀"
