package chart

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

const (
	longestLabel = 60
	longestTitle = 120
	absent       = "(no value)"
)

// words makes a name of the engine readable: order_id__is_first_order becomes "Order is first order".
func words(name string) string {
	name = strings.ReplaceAll(name, "_id__", "__")
	text := strings.Join(strings.FieldsFunc(name, func(r rune) bool { return r == '_' || unicode.IsSpace(r) }), " ")
	if text == "" {
		return name
	}
	return capital(text)
}

func capital(text string) string {
	runes := []rune(text)
	runes[0] = unicode.ToUpper(runes[0])
	return string(runes)
}

// fieldTitle is a group-by as people say it: the grain alone for metric_time, otherwise the name with its grain.
func fieldTitle(name, grain string) string {
	stem, part, extracted := strings.Cut(name, extract)
	if extracted {
		if part == "dow" {
			part = "day of the week"
		}
		if stem == metricTime {
			return capital(words(part))
		}
		return words(stem) + " (" + part + ")"
	}
	stem = strings.TrimSuffix(name, "__"+grain)
	switch {
	case grain == "":
		return words(name)
	case stem == metricTime:
		return words(grain)
	}
	return words(stem) + " (" + grain + ")"
}

// joined lists names as a sentence does.
func joined(names []string) string {
	switch len(names) {
	case 0:
		return ""
	case 1:
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// lower makes a title fit into the middle of another.
func lower(text string) string {
	runes := []rune(text)
	if len(runes) > 1 && unicode.IsUpper(runes[1]) {
		return text // an abbreviation
	}
	if len(runes) > 0 {
		runes[0] = unicode.ToLower(runes[0])
	}
	return string(runes)
}

// clean makes text one line without characters that steer how other text is shown, and bounds it.
func clean(text string, longest int) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > longest {
		text = strings.TrimSpace(string(runes[:longest-1])) + "…"
	}
	return text
}

// cellLabel is a cell of a group-by for people.
func cellLabel(cell any) string {
	var text string
	switch v := cell.(type) {
	case nil:
		return absent
	case string:
		text = v
	case json.Number:
		text = v.String()
	case bool:
		text = strconv.FormatBool(v)
	default:
		document, err := json.Marshal(v)
		if err != nil {
			return "?"
		}
		text = string(document)
	}
	if text = clean(text, longestLabel); text == "" {
		return "(blank)"
	}
	return text
}

// distinct numbers those labels that say the same, so that a renderer may tell positions apart by their label.
func distinct(labels []string) []string {
	taken := make(map[string]bool, len(labels))
	for _, label := range labels {
		taken[label] = true
	}
	seen := make(map[string]int, len(labels))
	out := make([]string, len(labels))
	for i, label := range labels {
		out[i] = label
		for seen[label]++; seen[label] > 1; seen[label]++ {
			out[i] = fmt.Sprintf("%s (%d)", label, seen[label])
			if !taken[out[i]] {
				break
			}
		}
		taken[out[i]] = true
	}
	return out
}
