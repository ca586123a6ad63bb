package mrtr_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/presentation/mrtr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a moment that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newSealer(key byte) (*mrtr.Sealer, *clock) {
	c := &clock{at: time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)}
	return mrtr.NewSealer([32]byte{key}, c.now), c
}

func quoted(text string) json.RawMessage {
	raw, _ := json.Marshal(text)
	return raw
}

var bound = mrtr.Binding{Principal: "key:a", Method: "tools/call", Target: "ask", Arguments: json.RawMessage(`{"a":1,"b":[12345678901234567890,"x"]}`)}

func TestSealer_OpensWhatItSealedForTheSameRequest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, _ := newSealer(1)
		r := mrtr.Round{State: string(rapid.SliceOf(rapid.Byte()).Draw(t, "state")), Asked: rapid.IntRange(0, 10).Draw(t, "asked"), First: "req_1"}
		again := bound
		again.Arguments = json.RawMessage(` { "b" : [12345678901234567890, "x"], "a":1}`) // written anew
		got, err := s.Open(again, quoted(s.Seal(bound, r)))
		if err != nil || got != r {
			t.Fatalf("%+v, %v", got, err)
		}
	})
}

// 8 KiB is what tool.Ask promises, whatever they are.
func TestSealer_OpensTheLongestStateThatAUseMayKeep(t *testing.T) {
	s, _ := newSealer(1)
	for _, one := range []string{`"`, "x", "<", "\x00", "\xff"} {
		r := mrtr.Round{State: strings.Repeat(one, 8<<10), Asked: tool.MaxRounds, First: "req_" + strings.Repeat("1", 32)}
		if got, err := s.Open(bound, quoted(s.Seal(bound, r))); err != nil || got != r {
			t.Errorf("%q: %.100v, %v", one, got, err)
		}
	}
}

func TestSealer_RefusesAStateThatIsNotForThisRequest(t *testing.T) {
	s, at := newSealer(1)
	other, _ := newSealer(2)
	state := s.Seal(bound, mrtr.Round{State: "approved"})
	for !strings.ContainsAny(state, "-_") { // which another alphabet has not
		state = s.Seal(bound, mrtr.Round{State: "approved"})
	}
	data, _ := base64.RawURLEncoding.DecodeString(state)
	with := func(change func(*mrtr.Binding)) mrtr.Binding {
		b := bound
		change(&b)
		return b
	}
	for name, c := range map[string]struct {
		to    mrtr.Binding
		raw   json.RawMessage
		later time.Duration
	}{
		"of another principal":         {to: with(func(b *mrtr.Binding) { b.Principal = "key:b" })},
		"of another tool":              {to: with(func(b *mrtr.Binding) { b.Target = "other" })},
		"of another method":            {to: with(func(b *mrtr.Binding) { b.Method = "prompts/get" })},
		"for other arguments":          {to: with(func(b *mrtr.Binding) { b.Arguments = json.RawMessage(`{"a":2}`) })},
		"for a number that rounds so":  {to: with(func(b *mrtr.Binding) { b.Arguments = json.RawMessage(`{"a":1,"b":[12345678901234567891,"x"]}`) })},
		"for no arguments":             {to: with(func(b *mrtr.Binding) { b.Arguments = nil })},
		"with words that run together": {to: with(func(b *mrtr.Binding) { b.Method, b.Target = "tools/callask", "" })},
		"of another process":           {to: bound, raw: quoted(other.Seal(bound, mrtr.Round{}))},
		"with something behind it":     {to: bound, raw: quoted(state + "-TAMPERED")},
		"cut short":                    {to: bound, raw: quoted(state[:len(state)-2])},
		"in another alphabet":          {to: bound, raw: quoted(base64.StdEncoding.EncodeToString(data))},
		"that is empty":                {to: bound, raw: quoted("")},
		"that is null":                 {to: bound, raw: json.RawMessage("null")},
		"that is no text":              {to: bound, raw: json.RawMessage("5")},
		"that is long":                 {to: bound, raw: quoted(strings.Repeat("A", 1<<20))},
		"that is too old":              {to: bound, later: 30 * time.Minute},
	} {
		raw := c.raw
		if raw == nil {
			raw = quoted(state)
		}
		at.at = at.at.Add(c.later)
		if r, err := s.Open(c.to, raw); !errors.Is(err, mrtr.ErrState) || r != (mrtr.Round{}) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		at.at = at.at.Add(-c.later)
	}
	if r, err := s.Open(bound, nil); err != nil || r != (mrtr.Round{}) {
		t.Errorf("without a state: %+v, %v", r, err)
	}
	at.at = at.at.Add(30*time.Minute - time.Second)
	if r, err := s.Open(bound, quoted(state)); err != nil || r.State != "approved" {
		t.Errorf("a state that is old enough to be read: %+v, %v", r, err)
	}
}

func TestSealer_RefusesEveryChangedBit(t *testing.T) {
	s, _ := newSealer(1)
	data, err := base64.RawURLEncoding.DecodeString(s.Seal(bound, mrtr.Round{State: "approved"}))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 * len(data) {
		data[i/8] ^= 1 << (i % 8)
		if _, err := s.Open(bound, quoted(base64.RawURLEncoding.EncodeToString(data))); !errors.Is(err, mrtr.ErrState) {
			t.Fatalf("bit %d: %v", i, err)
		}
		data[i/8] ^= 1 << (i % 8)
	}
}

func TestSealer_ShowsNothingOfTheState(t *testing.T) {
	s, _ := newSealer(1)
	state := s.Seal(bound, mrtr.Round{State: "the limit is 17", First: "req_1"})
	data, _ := base64.RawURLEncoding.DecodeString(state)
	if strings.Contains(string(data), "limit") || strings.Contains(string(data), "req_1") || state == s.Seal(bound, mrtr.Round{State: "the limit is 17", First: "req_1"}) {
		t.Errorf("%q", data)
	}
}

func TestReadAnswers_KnowsEachKindByItsShape(t *testing.T) {
	got, err := mrtr.ReadAnswers(json.RawMessage(`{
		"form":{"action":"accept","content":{"name":"Alice"}}, "no":{"action":"decline","content":{"name":"x"}}, "left":{"action":"cancel"},
		"said":{"role":"assistant","model":"m","stopReason":"endTurn","content":{"type":"text","text":"Paris"}},
		"more":{"role":"assistant","model":"m","content":[{"type":"text","text":"a"},{"type":"image","data":"AQI=","mimeType":"image/png"},{"type":"audio","data":"AQ==","mimeType":"audio/wav"}]},
		"roots":{"roots":[{"uri":"file:///a","name":"A"},{"uri":"file:///b"}]}}`))
	want := map[string]tool.Answer{
		"form": tool.Elicited{Action: tool.Accepted, Values: json.RawMessage(`{"name":"Alice"}`)},
		"no":   tool.Elicited{Action: tool.Declined}, "left": tool.Elicited{Action: tool.Cancelled},
		"said": tool.Sampled{Model: "m", Stop: "endTurn", Blocks: []tool.Block{tool.Text("Paris")}},
		"more": tool.Sampled{Model: "m", Blocks: []tool.Block{
			tool.Text("a"), tool.Image{MIME: "image/png", Data: []byte{1, 2}}, tool.Audio{MIME: "audio/wav", Data: []byte{1}},
		}},
		"roots": tool.Rooted{{URI: "file:///a", Name: "A"}, {URI: "file:///b"}},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if none, err := mrtr.ReadAnswers(nil); none != nil || err != nil {
		t.Errorf("nothing: %v, %v", none, err)
	}
}

func TestReadAnswers_RefusesWhatIsNoAnswer(t *testing.T) {
	for _, raw := range []string{
		`null`, `5`, `[]`, `"x"`, `{"a":12345}`, `{"a":null}`, `{"a":[]}`, `{"a":{}}`, `{"a":{"action":"agree"}}`, `{"a":{"action":5}}`,
		`{"a":{"action":"accept","content":5}}`, `{"a":{"action":"accept","content":null}}`, `{"a":{"action":"accept","roots":[]}}`,
		`{"a":{"roots":null}}`, `{"a":{"roots":{}}}`, `{"a":{"roots":[{"name":"x"}]}}`, `{"a":{"role":"assistant","content":{"type":"text","text":"x"}}}`,
		`{"a":{"role":"assistant","model":"m"}}`, `{"a":{"role":"assistant","model":"m","content":{"type":"text"}}}`,
		`{"a":{"role":"assistant","model":"m","content":null}}`, `{"a":{"role":"assistant","model":"m","content":[5]}}`, `{"a":{"role":"assistant","model":"m","content":{"type":"image","data":"%"}}}`,
		`{"a":{"role":"assistant","model":"m","stopReason":5,"content":{"type":"text","text":"x"}}}`,
		`{` + strings.TrimSuffix(strings.Repeat(`"k":{"action":"cancel"},`, 1), ",") + many(64) + `}`,
	} {
		if got, err := mrtr.ReadAnswers(json.RawMessage(raw)); !errors.Is(err, mrtr.ErrAnswers) || got != nil {
			t.Errorf("%.80s: %v, %v", raw, got, err)
		}
	}
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`,"` + strings.Repeat("x", i+1) + `":{"action":"cancel"}`)
	}
	return b.String()
}

func FuzzReadAnswers(f *testing.F) {
	f.Add(`{"a":{"action":"accept","content":{}}}`)
	f.Add(`{"a":{"role":"assistant","model":"m","content":{"type":"text","text":"x"}}}`)
	f.Add(`{"a":{"roots":[{"uri":"file:///"}]}}`)
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := mrtr.ReadAnswers(json.RawMessage(raw))
		if err != nil && (got != nil || fault.From(err).Code != mrtr.ErrAnswers.Code) {
			t.Errorf("%v, %v", got, err)
		}
		for _, a := range got {
			if e, ok := a.(tool.Elicited); ok && e.Values != nil && !json.Valid(e.Values) {
				t.Errorf("values %q", e.Values)
			}
		}
	})
}

func TestRequests_HaveTheShapesOfTheProtocol(t *testing.T) {
	asking, _ := tool.AskedBy(tool.Ask("", map[string]tool.Question{
		"form":  tool.Form{Message: "Name?", Schema: json.RawMessage(`{"type":"object","properties":{"n":{"type":"string","default":"x"}}}`)},
		"visit": tool.Visit{Message: "Go", URL: "https://a.example/x", ID: "v1"},
		"said": tool.Sample{System: "be brief", MaxTokens: 5, Turns: []tool.Turn{
			{Text: "Hi"}, {Assistant: true, Block: tool.Image{MIME: "image/png", Data: []byte{1, 2}}}, {Block: tool.Text("b")},
		}},
		"roots": tool.Roots{},
	}))
	got, err := json.Marshal(mrtr.Requests(asking, strings.ToUpper))
	want := `{"form":{"method":"elicitation/create","params":{"message":"NAME?","requestedSchema":{"type":"object","properties":{"n":{"type":"string","default":"x"}}}}},` +
		`"roots":{"method":"roots/list","params":{}},` +
		`"said":{"method":"sampling/createMessage","params":{"messages":[{"role":"user","content":{"type":"text","text":"HI"}},` +
		`{"role":"assistant","content":{"type":"image","data":"AQI=","mimeType":"image/png"}},{"role":"user","content":{"type":"text","text":"B"}}],` +
		`"systemPrompt":"BE BRIEF","maxTokens":5}},` +
		`"visit":{"method":"elicitation/create","params":{"mode":"url","message":"GO","elicitationId":"v1","url":"https://a.example/x"}}}`
	if diff := cmp.Diff(want, string(got)); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestAbilities_AreThoseThatTheClientDeclares(t *testing.T) {
	for raw, want := range map[string]tool.Abilities{
		``: {}, `null`: {}, `5`: {}, `{}`: {}, `{"sampling":null,"roots":5,"elicitation":[]}`: {},
		`{"elicitation":{}}`:                       {Forms: true},
		`{"elicitation":{"form":{}}}`:              {Forms: true},
		`{"elicitation":{"url":{}}}`:               {Visits: true},
		`{"elicitation":{"url":{},"form":{}}}`:     {Forms: true, Visits: true},
		`{"sampling":{},"roots":{"x":true}}`:       {Samples: true, Roots: true},
		`{"Sampling":{},"ROOTS":{},"sampling ":1}`: {},
	} {
		if got := mrtr.Abilities(json.RawMessage(raw)); got != want {
			t.Errorf("%s: %+v", raw, got)
		}
	}
	got, _ := json.Marshal(mrtr.Required(tool.Abilities{Forms: true, Visits: true, Samples: true, Roots: true}))
	if diff := cmp.Diff(`{"elicitation":{"form":{},"url":{}},"roots":{},"sampling":{}}`, string(got)); diff != "" {
		t.Error(diff)
	}
}
