package redact

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Shown is the text without characters that its reader does not see or that change how the rest is seen: controls but tab
// and line feed, directions, and whatever has no width, joiners included. A model reads them all the same, which is how
// instructions are hidden from the person beside it.
func (r *Redactor) Shown(to Sink, text string) string {
	at := plain(text)
	if at == len(text) {
		return text
	}
	more := strings.IndexFunc(text[at:], func(c rune) bool { return hidden(c) != "" })
	if more < 0 {
		return text
	}
	at += more
	return text[:at] + strings.Map(func(c rune) rune {
		class := hidden(c)
		if class == "" {
			return c
		}
		r.fired(to, class)
		return -1
	}, text[at:])
}

// plain is how many bytes text begins with that are characters which everybody sees.
func plain(text string) int {
	for i := range len(text) {
		if c := text[i]; c >= 0x7f || c < 0x20 && c != '\t' && c != '\n' {
			return i
		}
	}
	return len(text)
}

// hidden is the class of a character that Shown removes.
func hidden(c rune) Class {
	switch {
	case c == '\t' || c == '\n':
		return ""
	case c < 0x20, c >= 0x7f && c <= 0x9f, c == 0x2028, c == 0x2029:
		return Control
	case c < 0xad:
		return ""
	case c == 0x061c, c == 0x200e, c == 0x200f, c >= 0x202a && c <= 0x202e, c >= 0x2066 && c <= 0x2069:
		return Bidi
	case invisible(c):
		return Invisible
	}
	return ""
}

func invisible(c rune) bool {
	switch {
	case c == 0xad, c == 0x034f, c == 0x115f, c == 0x1160, c == 0x17b4, c == 0x17b5, c >= 0x180b && c <= 0x180f,
		c >= 0x200b && c <= 0x200d, c >= 0x2060 && c <= 0x2065, c >= 0x206a && c <= 0x206f, c == 0x3164,
		c >= 0xfe00 && c <= 0xfe0f, c == 0xfeff, c == 0xffa0, c >= 0xfff9 && c <= 0xfffb,
		c >= 0x1d173 && c <= 0x1d17a, c >= 0xe0000 && c <= 0xe0fff:
		return true
	}
	return false
}

// senseless is the class of a character that has no place in data: controls but tab and line ends, overrides of
// direction, tags. Joiners and variation selectors are parts of words in many scripts, and stay, so that a value can be
// sent back as it was read.
func senseless(c rune) Class {
	switch {
	case c == '\t' || c == '\n' || c == '\r':
		return ""
	case c < 0x20, c >= 0x7f && c <= 0x9f:
		return Control
	case c >= 0x202a && c <= 0x202e, c >= 0x2066 && c <= 0x2069:
		return Bidi
	case c >= 0xe0000 && c <= 0xe007f:
		return Invisible
	}
	return ""
}

// Data is valid JSON whose texts are without characters that have no place in data, escaped or not. It is body itself
// when there are none.
func (r *Redactor) Data(to Sink, body []byte) []byte {
	var out []byte
	copied := 0
	for i := 0; i < len(body); {
		if b := body[i]; b < utf8.RuneSelf && b != '\\' && b != 0x7f {
			i++
			continue
		}
		c, size := character(body[i:])
		if class := senseless(c); class != "" {
			r.fired(to, class)
			out = append(out, body[copied:i]...)
			copied = i + size
		}
		i += size
	}
	if copied == 0 {
		return body
	}
	return append(out, body[copied:]...)
}

// character is the character that text begins with, and how many bytes of JSON it takes.
func character(text []byte) (c rune, size int) {
	if text[0] != '\\' {
		return utf8.DecodeRune(text)
	}
	const short, long = 2, 6
	if len(text) < short {
		return '\\', 1
	}
	switch text[1] {
	case 'b':
		return '\b', short
	case 'f':
		return '\f', short
	case 'u':
	default:
		return '\\', short
	}
	high, ok := unit(text)
	if !ok {
		return '\\', short
	}
	if low, ok := unit(text[long:]); ok && high >= 0xd800 && high < 0xdc00 && low >= 0xdc00 && low < 0xe000 {
		return (high-0xd800)<<10 + (low - 0xdc00) + 0x10000, 2 * long
	}
	return high, long
}

// unit is the UTF-16 unit of an escape.
func unit(text []byte) (rune, bool) {
	const long = 6
	if len(text) < long || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[2:long]), 16, 16)
	return rune(n), err == nil
}

// Escaped is a line of a log in JSON, whose texts show as \uXXXX what a terminal would not show, or obey. It is line
// itself when there is nothing of the kind.
func Escaped(line []byte) []byte {
	var out []byte
	copied := 0
	for i := 0; i < len(line); {
		c, size := rune(line[i]), 1
		if c >= utf8.RuneSelf {
			c, size = utf8.DecodeRune(line[i:])
		}
		if c != '\r' && hidden(c) != "" {
			out = appendEscape(append(out, line[copied:i]...), c)
			copied = i + size
		}
		i += size
	}
	if copied == 0 {
		return line
	}
	return append(out, line[copied:]...)
}

func appendEscape(dst []byte, c rune) []byte {
	const plane = 0x10000
	if c >= plane {
		high, low := utf16.EncodeRune(c)
		return appendEscape(appendEscape(dst, high), low)
	}
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', hex[c>>12&0xf], hex[c>>8&0xf], hex[c>>4&0xf], hex[c&0xf])
}
