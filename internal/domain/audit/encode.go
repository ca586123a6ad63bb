package audit

import (
	"strconv"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// AppendJSON appends the canonical form of r to dst: one JSON object on one line, members in the order of the
// struct, empty ones left out, the time in UTC, no insignificant space. It is what encoding/json prints without
// HTML escaping, except that every rune that is not printable (unicode.IsPrint: control and format characters,
// exotic spaces, line separators, private use) is a \u escape too, so that a reader's terminal shows the text and
// never obeys it. Bytes that are not UTF-8 become \ufffd.
func (r Record) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"time":"`...)
	dst = r.Time.UTC().AppendFormat(dst, time.RFC3339Nano)
	dst = append(dst, `","phase":`...)
	dst = appendText(dst, string(r.Phase))
	dst = appendMember(dst, `,"request":`, r.Request)
	dst = appendMember(dst, `,"actor":`, r.Actor)
	dst = appendList(dst, `,"personas":`, r.Personas)
	dst = appendMember(dst, `,"client":`, r.Client)
	dst = appendMember(dst, `,"session":`, r.Session)
	dst = appendMember(dst, `,"address":`, r.Address)
	dst = appendMember(dst, `,"transport":`, r.Transport)
	dst = appendMember(dst, `,"revision":`, r.Revision)
	dst = appendMember(dst, `,"method":`, r.Method)
	dst = appendMember(dst, `,"action":`, r.Action)
	dst = appendMember(dst, `,"target":`, r.Target)
	dst = appendMember(dst, `,"definition":`, r.Definition)
	dst = appendList(dst, `,"demands":`, r.Demands)
	dst = appendMember(dst, `,"arguments":`, r.Arguments)
	dst = appendMember(dst, `,"redacted":`, r.Redacted)
	dst = appendMember(dst, `,"purpose":`, r.Purpose)
	dst = appendMember(dst, `,"outcome":`, r.Outcome)
	dst = appendMember(dst, `,"denied_by":`, r.DeniedBy)
	dst = appendMember(dst, `,"rule":`, r.Rule)
	dst = appendMember(dst, `,"policy":`, r.Policy)
	dst = appendNumber(dst, `,"duration_us":`, r.DurationUS)
	dst = appendNumber(dst, `,"count":`, r.Count)
	dst = appendMember(dst, `,"trace":`, r.Trace)
	dst = appendMember(dst, `,"detail":`, r.Detail)
	return append(dst, '}')
}

func appendMember(dst []byte, key, value string) []byte {
	if value == "" {
		return dst
	}
	return appendText(append(dst, key...), value)
}

func appendNumber(dst []byte, key string, value int64) []byte {
	if value == 0 {
		return dst
	}
	return strconv.AppendInt(append(dst, key...), value, 10)
}

func appendList(dst []byte, key string, items []string) []byte {
	if len(items) == 0 {
		return dst
	}
	dst = append(dst, key...)
	separator := byte('[')
	for _, item := range items {
		dst = appendText(append(dst, separator), item)
		separator = ','
	}
	return append(dst, ']')
}

func appendText(dst []byte, s string) []byte {
	dst = append(dst, '"')
	copied := 0
	for i := 0; i < len(s); {
		if b := s[i]; b >= ' ' && b < 0x7f && b != '"' && b != '\\' {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		broken := r == utf8.RuneError && size == 1
		if !broken && r >= utf8.RuneSelf && unicode.IsPrint(r) {
			i += size
			continue
		}
		dst = append(dst, s[copied:i]...)
		dst = appendEscape(dst, r)
		i += size
		copied = i
	}
	dst = append(dst, s[copied:]...)
	return append(dst, '"')
}

// shortEscapes are the two-character escapes of RFC 8259 §7 that encoding/json prints.
var shortEscapes = [128]byte{'"': '"', '\\': '\\', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}

func appendEscape(dst []byte, r rune) []byte {
	if r < utf8.RuneSelf && shortEscapes[r] != 0 {
		return append(dst, '\\', shortEscapes[r])
	}
	if r > 0xffff {
		high, low := utf16.EncodeRune(r)
		return appendUnit(appendUnit(dst, high), low)
	}
	return appendUnit(dst, r)
}

const lowerHex = "0123456789abcdef"

func appendUnit(dst []byte, u rune) []byte {
	return append(dst, '\\', 'u', lowerHex[u>>12&0xf], lowerHex[u>>8&0xf], lowerHex[u>>4&0xf], lowerHex[u&0xf])
}
