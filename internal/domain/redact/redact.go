// Package redact is the one boundary between what Steward knows and what leaves it: logs, the journal, answers and
// errors. It takes out secrets, whatever form they come in, and characters that nobody sees.
package redact

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Mark stands where a secret was.
const Mark = "[redacted]"

// Sink is where a text goes.
type Sink string

// The sinks.
const (
	Log    Sink = "log"
	Audit  Sink = "audit"
	Result Sink = "result" // what a caller asked for
	Fault  Sink = "fault"  // what a caller is told went wrong
)

// Class is a kind of what is taken out.
type Class string

// The classes. Configured and OwnKey are taken out of everything that leaves; the others are patterns, which data can
// meet by chance, and are taken out of everything but results.
const (
	Configured Class = "configured" // a secret that the configuration holds: as it is, in base64, hexadecimal, a URL or JSON
	OwnKey     Class = "own_key"    // an API key of Steward's, as it is or in base64; its id stays
	JWT        Class = "jwt"
	Credential Class = "credential" // behind Bearer or Basic
	PrivateKey Class = "private_key"
	VendorKey  Class = "vendor_key" // of a vendor whose keys have a prefix of their own
	Userinfo   Class = "userinfo"   // name and password in a URL
	Named      Class = "named"      // the value of something called a password, token, secret, cookie or the like

	Control   Class = "control"   // characters that steer a terminal
	Bidi      Class = "bidi"      // characters that change the direction of what follows
	Invisible Class = "invisible" // characters that are not shown
)

// Secret reports whether what is taken out is a secret, or looks like one. The others are characters that nobody sees.
func (c Class) Secret() bool { return c != Control && c != Bidi && c != Invisible }

// Redactor takes secrets out of texts, in time linear in their length and without allocating when there are none. Safe
// for concurrent use.
type Redactor struct {
	fired   func(Sink, Class)
	known   atomic.Pointer[knowledge]
	mu      sync.Mutex // for secrets
	secrets []string
}

// knowledge is what is looked for.
type knowledge struct {
	patterns []pattern
	all      *automaton // of all patterns
	own      *automaton // of those for results
}

// shortest is the length below which a configured secret would be found in texts that have nothing to do with it.
const shortest = 8

// New makes a redactor that knows the secrets, less those of under 8 characters. fired, which may be nil, hears of
// everything that is taken out, from any goroutine.
func New(fired func(Sink, Class), secrets ...string) *Redactor {
	if fired == nil {
		fired = func(Sink, Class) {}
	}
	r := &Redactor{fired: fired}
	r.Learn(secrets...)
	return r
}

// Learn makes r know further secrets, and forget none: what holds no more may still be on its way out.
func (r *Redactor) Learn(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range secrets {
		if len(s) >= shortest && !slices.Contains(r.secrets, s) {
			r.secrets = append(r.secrets, s)
		}
	}
	k := &knowledge{}
	for _, s := range r.secrets {
		k.patterns = append(k.patterns, formsOf(s)...)
	}
	k.patterns = append(append(k.patterns, ownKeys()...), foreign()...)
	every := func(pattern) bool { return true }
	k.all = newAutomaton(k.patterns, every)
	k.own = newAutomaton(k.patterns, func(p pattern) bool { return p.exact })
	r.known.Store(k)
}

// Text is the text without secrets of any class.
func (r *Redactor) Text(to Sink, text string) string {
	k := r.known.Load()
	return r.replace(k, k.all, to, text)
}

// Line is the line of a log, JSON or not, without secrets of any class. It is line itself when there are none.
func (r *Redactor) Line(to Sink, line []byte) []byte {
	k := r.known.Load()
	if first(k.all, line) < 0 {
		return line
	}
	return []byte(r.replace(k, k.all, to, string(line)))
}

// Answer is JSON without configured secrets and keys of Steward's own; everything else in it is data. It is body itself
// when there are none.
func (r *Redactor) Answer(to Sink, body []byte) []byte {
	k := r.known.Load()
	if first(k.own, body) < 0 {
		return body
	}
	return []byte(r.replace(k, k.own, to, string(body)))
}

func (r *Redactor) replace(k *knowledge, a *automaton, to Sink, text string) string {
	found := k.scan(a, text)
	if len(found) == 0 {
		return text
	}
	var out strings.Builder
	out.Grow(len(text))
	copied := 0
	for _, s := range found {
		r.fired(to, s.class)
		out.WriteString(text[copied:s.from])
		if s.quote {
			out.WriteString(`"` + Mark + `"`)
		} else {
			out.WriteString(Mark)
		}
		copied = s.to
	}
	out.WriteString(text[copied:])
	return out.String()
}

// span is a part of a text that must go.
type span struct {
	from, to int
	class    Class
	quote    bool // what stands there is a bare value of JSON
}

// scanning is a text on its way through the automaton.
type scanning struct {
	text  string
	found []span // in order, apart from each other
	noJWT int    // no token begins before here
}

func (k *knowledge) scan(a *automaton, text string) []span {
	at := first(a, text)
	if at < 0 {
		return nil
	}
	s := &scanning{text: text}
	state := int32(0)
	for i := max(0, at-a.longest); i < len(text); i++ {
		next := a.next[state+a.class[text[i]]]
		state = next &^ hit
		if next&hit == 0 {
			continue
		}
		for _, p := range a.ends[state/a.width] {
			s.match(&k.patterns[p], i+1)
		}
	}
	return s.found
}

// match handles an occurrence of p that ends at end.
func (s *scanning) match(p *pattern, end int) {
	hitAt := span{from: end - len(p.text), to: end, class: p.class}
	if n := len(s.found); n > 0 && s.found[n-1].from <= hitAt.from && hitAt.to <= s.found[n-1].to {
		return // and whatever it would extend to has been looked at
	}
	if p.extend != nil {
		var ok bool
		if hitAt, ok = p.extend(s, hitAt); !ok {
			return
		}
	}
	hitAt = s.whole(hitAt)
	for n := len(s.found); n > 0 && hitAt.from < s.found[n-1].to; n-- {
		last := s.found[n-1]
		hitAt = span{from: min(hitAt.from, last.from), to: max(hitAt.to, last.to), class: last.class}
		s.found = s.found[:n-1]
	}
	s.found = append(s.found, hitAt)
}

// whole grows a span so that it cuts no escape of JSON in two.
func (s *scanning) whole(f span) span {
	const longest = len(`\u000`) // of an escape, less its last character
	for n := 1; n <= longest && n <= f.from; n++ {
		at := f.from - n
		if s.escapes(at) && (n == 1 || s.text[at+1] == 'u') {
			f.from = at
			break
		}
	}
	if f.to < len(s.text) && s.escapes(f.to-1) {
		f.to++
	}
	return f
}

// escapes reports whether a backslash stands at i that escapes what follows.
func (s *scanning) escapes(i int) bool {
	from := i
	for i >= 0 && s.text[i] == '\\' {
		i--
	}
	return (from-i)%2 == 1
}
