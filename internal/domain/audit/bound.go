package audit

import (
	"fmt"
	"time"
	"unicode/utf8"
)

// The limits that Bounded enforces. They keep the longest line below MaxLine, whatever a client sends.
const (
	MaxText  = 1024 // bytes of one text
	MaxItems = 128  // items of one list
	MaxLine  = 2 << 20
)

const markRoom = len("[+9223372036854775807 bytes]")

// Bounded returns r with every text cut to MaxText bytes and every list to MaxItems items. A cut leaves a mark that
// says how much is gone. A request whose texts are too long is thus still on record, which refusing it would not
// achieve. A time outside the years 0 to 9999, which JSON cannot carry (RFC 3339), becomes the zero time.
func (r Record) Bounded() Record {
	if year := r.Time.UTC().Year(); year < 0 || year > 9999 {
		r.Time = time.Time{}
	}
	r.Phase = Phase(boundedText(string(r.Phase)))
	for _, text := range []*string{
		&r.Request, &r.Actor, &r.Client, &r.Session, &r.Address, &r.Transport, &r.Revision, &r.Method, &r.Action, &r.Target,
		&r.Definition, &r.Arguments, &r.Redacted, &r.Purpose, &r.Outcome, &r.DeniedBy, &r.Rule, &r.Policy, &r.Trace, &r.Detail,
	} {
		*text = boundedText(*text)
	}
	r.Personas = boundedList(r.Personas)
	r.Demands = boundedList(r.Demands)
	return r
}

func boundedText(s string) string {
	if len(s) <= MaxText {
		return s
	}
	kept := MaxText - markRoom
	for i := 1; i < utf8.UTFMax && !utf8.RuneStart(s[kept]); i++ {
		kept--
	}
	return s[:kept] + fmt.Sprintf("[+%d bytes]", len(s)-kept)
}

func boundedList(items []string) []string {
	fits := len(items) <= MaxItems
	for i := 0; fits && i < len(items); i++ {
		fits = len(items[i]) <= MaxText
	}
	if fits {
		return items
	}
	kept := min(len(items), MaxItems)
	bounded := make([]string, kept)
	for i := range bounded {
		bounded[i] = boundedText(items[i])
	}
	if gone := len(items) - kept; gone > 0 {
		bounded[kept-1] = fmt.Sprintf("[+%d items]", gone+1)
	}
	return bounded
}
