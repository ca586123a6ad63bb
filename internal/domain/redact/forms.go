package redact

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// formsOf is what a configured secret may look like on its way out.
func formsOf(secret string) []pattern {
	texts := []string{
		secret, quoted(secret, false), quoted(secret, true), quoted(quoted(secret, false), false),
		url.QueryEscape(secret), url.PathEscape(secret), hex.EncodeToString([]byte(secret)),
	}
	texts = append(texts, encoded(secret)...)
	var patterns []pattern
	for _, text := range texts {
		text = lowered(text)
		known := slices.ContainsFunc(patterns, func(p pattern) bool { return p.text == text })
		if len(text) >= shortest && !known {
			patterns = append(patterns, pattern{text: text, class: Configured, exact: true})
		}
	}
	patterns = append(patterns, halves(lowered(secret))...)
	if inJSON := quoted(secret, false); inJSON != secret {
		patterns = append(patterns, halves(lowered(inJSON))...)
	}
	return patterns
}

// quoted is a text as it stands between the quotes of a JSON string.
func quoted(text string, html bool) string {
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(html)
	_ = e.Encode(text) // a text always encodes
	return out.String()[1 : out.Len()-len("\"\n")]
}

// encoded is a text in base64, less what depends on its neighbours: it may be a part of what was encoded, so there are
// three alignments, in two alphabets.
func encoded(text string) []string {
	const bits, byteBits = 6, 8
	var forms []string
	for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			whole := alphabet.EncodeToString([]byte(strings.Repeat("\x00", before) + text))
			from, to := (before*byteBits+bits-1)/bits, (before+len(text))*byteBits/bits
			forms = append(forms, whole[from:to])
		}
	}
	return forms
}

// shortestHalf keeps halves of passwords that are words from being taken out of other texts.
const shortestHalf = 12

// halves find a secret that was cut in two, as by a limit of length: one part has at least half of it. What else of the
// secret stands beside that goes too.
func halves(secret string) []pattern {
	half := (len(secret) + 1) / 2
	if half < shortestHalf {
		return nil
	}
	forward := func(s *scanning, found span) (span, bool) {
		for i := half; i < len(secret) && found.to < len(s.text) && lower(s.text[found.to]) == secret[i]; i++ {
			found.to++
		}
		return found, true
	}
	backward := func(s *scanning, found span) (span, bool) {
		for i := len(secret) - half - 1; i >= 0 && found.from > 0 && lower(s.text[found.from-1]) == secret[i]; i-- {
			found.from--
		}
		return found, true
	}
	return []pattern{
		{text: secret[:half], class: Configured, extend: forward},
		{text: secret[len(secret)-half:], class: Configured, extend: backward},
	}
}

// lowered leaves everything but ASCII alone, so that lengths stay.
func lowered(text string) string {
	b := []byte(text)
	for i := range b {
		b[i] = lower(b[i])
	}
	return string(b)
}
