package toolapp

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/steward-mcp/steward/internal/application/observe"
	"github.com/steward-mcp/steward/internal/domain/fault"
)

// discreet is err, and where err is a fault whose cause the gate writes to the log, that cause without the arguments:
// foreign errors like to quote what they were given, and arguments are in no log. A quotation is found when
// it is whole and spelled as sent, as Go quotes it or as JSON does.
func discreet(err error, args json.RawMessage) error {
	f := fault.From(err)
	if f == nil || f.Unwrap() == nil || f.Kind != fault.Internal && f.Kind != fault.Unavailable {
		return err
	}
	text := observe.Reason(f.Unwrap())
	for _, word := range words(args) {
		text = strings.ReplaceAll(text, word, "[argument]")
	}
	return f.Because(errors.New(text))
}

// shortestWord spares an error from losing every "a" to an argument that is no longer.
const shortestWord = 3

// words are the texts and numbers among the values of arguments, in every spelling, the longest first.
func words(args json.RawMessage) []string {
	decoder := json.NewDecoder(bytes.NewReader(args))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return nil // nothing has been understood, so nothing can be quoted
	}
	found := slices.DeleteFunc(spellings(nil, value), func(word string) bool { return len(word) < shortestWord })
	slices.SortFunc(found, func(a, b string) int { return len(b) - len(a) })
	return found
}

func spellings(found []string, value any) []string {
	switch value := value.(type) {
	case string:
		found = append(found, value, unquoted(strconv.Quote(value)))
		if spelled, err := json.Marshal(value); err == nil {
			found = append(found, unquoted(string(spelled)))
		}
	case json.Number:
		found = append(found, value.String())
	case []any:
		for _, element := range value {
			found = spellings(found, element)
		}
	case map[string]any:
		for _, element := range value {
			found = spellings(found, element)
		}
	}
	return found
}

func unquoted(text string) string { return text[1 : len(text)-1] }
