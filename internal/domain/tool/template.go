package tool

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

// variable is one expression of a template: RFC 6570, level 1.
var variable = regexp.MustCompile(`\{([a-z][a-z0-9_]*)\}`)

// template is a URI template that has been understood.
type template struct {
	text  string
	names []string // of its variables, in order
	form  *regexp.Regexp
}

// parseTemplate refuses what is not of level 1, what has no variable, and variables with nothing between them, whose values
// could not be told apart.
func parseTemplate(text string) (template, error) {
	t := template{text: text}
	var form strings.Builder
	end := 0
	for _, at := range variable.FindAllStringSubmatchIndex(text, -1) {
		literal := text[end:at[0]]
		if strings.ContainsAny(literal, "{}") || literal == "" {
			break
		}
		form.WriteString(regexp.QuoteMeta(literal) + `([A-Za-z0-9._~%-]+)`)
		t.names = append(t.names, text[at[2]:at[3]])
		end = at[1]
	}
	rest := text[end:]
	if len(t.names) == 0 || strings.ContainsAny(rest, "{}") {
		return t, fmt.Errorf("%q is not a URI template of level 1 with variables", text)
	}
	t.form = regexp.MustCompile(`\A` + form.String() + regexp.QuoteMeta(rest) + `\z`)
	return t, nil
}

// head is what every URI of the template begins with.
func (t template) head() string {
	head, _, _ := strings.Cut(t.text, "{")
	return head
}

// match gives the values of a URI, if it is one of the template's and spelled as expand spells it. Another spelling of the
// same value is no URI of the template: whoever may not read the one must not read the other.
func (t template) match(uri string) (map[string]string, bool) {
	found := t.form.FindStringSubmatch(uri)
	if found == nil {
		return nil, false
	}
	values := make(map[string]string, len(t.names))
	for i, name := range t.names {
		value, err := url.PathUnescape(found[i+1])
		if err != nil || !utf8.ValidString(value) {
			return nil, false
		}
		values[name] = value
	}
	return values, t.expand(values) == uri
}

// expand puts values into the template: unreserved characters as they are, all others percent-encoded.
func (t template) expand(values map[string]string) string {
	return variable.ReplaceAllStringFunc(t.text, func(expression string) string {
		return escape(values[expression[1:len(expression)-1]])
	})
}

func escape(value string) string {
	var escaped strings.Builder
	for i := range len(value) {
		switch c := value[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0:
			escaped.WriteByte(c)
		default:
			fmt.Fprintf(&escaped, "%%%02X", c)
		}
	}
	return escaped.String()
}
