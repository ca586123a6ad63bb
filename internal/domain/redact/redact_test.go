package redact_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/redact"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secret = `S3cret/of "the+warehouse&more`
	ownKey = "stw_dev_abcdefghijklmnop_abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrstuvwxyz234567abcde"
)

// firings counts what was taken out.
type firings struct {
	mu   sync.Mutex
	seen map[redact.Class]int
}

func (f *firings) count(_ redact.Sink, c redact.Class) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen[c]++
}

func TestText_HoldsNoFormOfAConfiguredSecret(t *testing.T) {
	t.Parallel()
	r := redact.New(nil, secret, "short")
	quoted, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	forms := map[string]string{
		"plain": secret, "JSON": string(quoted), "query": url.QueryEscape(secret), "path": url.PathEscape(secret),
		"hex": hex.EncodeToString([]byte(secret)), "capitals": strings.ToUpper(secret),
		"base64": base64.StdEncoding.EncodeToString([]byte(secret)), "base64 of a pair": base64.StdEncoding.EncodeToString([]byte("u:" + secret + "!")),
		"base64 of JSON": base64.RawURLEncoding.EncodeToString([]byte("abcd" + secret + "x")), "first half and more": secret[:20], "last half": secret[12:],
	}
	for name, form := range forms {
		got := r.Text(redact.Log, "before "+form+" after short")
		if !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " after short") || !strings.Contains(got, redact.Mark) {
			t.Errorf("%s: %q", name, got)
		}
		if rest := strings.Trim(strings.NewReplacer("before ", "", " after short", "", redact.Mark, "").Replace(got), `"`); len(rest) > 8 {
			t.Errorf("%s leaves %q", name, rest)
		}
	}
}

func TestText_TakesOutWhatLooksLikeASecret(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"key " + ownKey + ".":                                                    "key stw_dev_abcdefghijklmnop_[redacted].",
		"stw_" + strings.Repeat("x", 60):                                         "[redacted]",
		"a eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl b":                  "a [redacted] b",
		"Authorization: Bearer abcdef0123456789 x":                               "Authorization: Bearer [redacted] x",
		"use Bearer authentication":                                              "use Bearer authentication",
		"basic dXNlcjpwYXNz1w==":                                                 "basic [redacted]",
		"-----BEGIN EC PRIVATE KEY-----\nMHcCAQ\n-----END EC PRIVATE KEY-----\n": "[redacted]",
		"-----BEGIN CERTIFICATE-----\nMHcCAQ":                                    "-----BEGIN CERTIFICATE-----\nMHcCAQ",
		"postgres://ada:s3@host/db":                                              "postgres://[redacted]@host/db",
		"see https://host/a@b":                                                   "see https://host/a@b",
		"sk-ant-api03-abcdef":                                                    "[redacted]",
		"AKIAIOSFODNN7EXAMPLE":                                                   "[redacted]",
		"ghp_0123456789abcdefghijABCDEFGHIJ012345":                               "[redacted]",
		"password=x y":                                                           "password=[redacted] y",
		`{"password":"a\"b","n":1}`:                                              `{"password":"[redacted]","n":1}`,
		`{"token":17,"n":1}`:                                                     `{"token":"[redacted]","n":1}`,
		`{"token":null}`:                                                         `{"token":null}`,
		`{"msg":"{\"api_key\":\"abc\"}"}`:                                        `{"msg":"{\"api_key\":\"[redacted]\"}"}`,
		"Set-Cookie: a=b1234567; c=d\nnext":                                      "Set-Cookie: [redacted]\nnext",
		"the token: expired long ago":                                            "the token: expired long ago",
		"claude.api_key: is empty; unset it":                                     "claude.api_key: is empty; unset it",
		"max_tokens=5":                                                           "max_tokens=5",
	} {
		if got := redact.New(nil).Text(redact.Log, text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestAnswer_LeavesDataThatOnlyLooksLikeASecret(t *testing.T) {
	t.Parallel()
	f := firings{seen: map[redact.Class]int{}}
	r := redact.New(f.count, secret)
	data := `{"rows":["password=x","eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln","https://a:b@c/"]}`
	if got := string(r.Answer(redact.Result, []byte(data))); got != data {
		t.Errorf("data was changed: %s", got)
	}
	quoted, err := json.Marshal([]string{secret, ownKey, base64.StdEncoding.EncodeToString([]byte("x" + ownKey))})
	if err != nil {
		t.Fatal(err)
	}
	want := `["[redacted]","stw_dev_abcdefghijklmnop_[redacted]","`
	got := string(r.Answer(redact.Result, quoted))
	if !strings.HasPrefix(got, want) || !json.Valid([]byte(got)) || strings.Count(got, redact.Mark) != 3 {
		t.Errorf("%s, want a beginning %s", got, want)
	}
	if diff := cmp.Diff(map[redact.Class]int{redact.Configured: 1, redact.OwnKey: 2}, f.seen); diff != "" {
		t.Error(diff)
	}
}

func TestLine_KeepsJSONWhole(t *testing.T) {
	t.Parallel()
	r := redact.New(nil, secret)
	piece := rapid.OneOf(rapid.SampledFrom([]string{
		secret, ownKey, "Bearer abc123456", "password", "token", "=", ":", "://u:p@h", "-----BEGIN PRIVATE KEY-----\nab", `"`, `\`, " ", "{", "eyJa.eyJbbbbbbbbbb.c",
	}), rapid.String())
	rapid.Check(t, func(rt *rapid.T) {
		text := strings.Join(rapid.SliceOf(piece).Draw(rt, "text"), "")
		name := strings.Join(rapid.SliceOfN(piece, 1, 2).Draw(rt, "name"), "")
		line, err := json.Marshal(map[string]any{name: text, "n": map[string]any{name: 17}, "deep": []string{text}})
		if err != nil {
			rt.Fatal(err)
		}
		got := redact.Escaped(r.Line(redact.Log, line))
		if !json.Valid(got) {
			rt.Fatalf("%s became %s", line, got)
		}
		if strings.Contains(string(got), secret) {
			rt.Fatalf("the secret is in %s", got)
		}
	})
}

func TestText_FindsASecretWhateverStandsAroundIt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		one := rapid.StringMatching(`[a-z]{2}[ -~]{6,40}`).Draw(rt, "one")
		two := rapid.StringMatching(`[a-z]{2}[ -~]{6,40}`).Draw(rt, "two")
		r := redact.New(nil, one, two, one[:5]+two)
		text := rapid.StringMatching(`[ -~]{0,20}`).Draw(rt, "before") + one + rapid.StringMatching(`[ -~]{0,3}`).Draw(rt, "between") + two
		got := r.Text(redact.Log, text)
		if strings.Contains(got, one) || strings.Contains(got, two) {
			rt.Fatalf("%q became %q", text, got)
		}
	})
}

func TestText_TakesLinearTime(t *testing.T) {
	t.Parallel()
	r := redact.New(nil, strings.Repeat("ab", 20))
	for _, piece := range []string{"eyJ", "stw_", "token=", "bearer ", "://", "-----BEGIN PRIVATE KEY-----", "cookie:", "ab", "sk-ant-", "c3R3X", `password":"`} {
		text := strings.Repeat(piece, 1<<20/len(piece)) // a quadratic scan of it would take hours
		if got := r.Text(redact.Log, text); len(got) > 2*len(text) {
			t.Errorf("%q grew", piece)
		}
	}
}

func TestShown_RemovesWhatNobodySees(t *testing.T) {
	t.Parallel()
	f := firings{seen: map[redact.Class]int{}}
	r := redact.New(f.count)
	got := r.Shown(redact.Result, "\ufeffa\x1b[31m\u202eb\u200b\U000e0041\U000e0042\u0085\r\n\tüñ漢😀")
	if want := "a[31mb\n\tüñ漢😀"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if diff := cmp.Diff(map[redact.Class]int{redact.Control: 3, redact.Bidi: 1, redact.Invisible: 4}, f.seen); diff != "" {
		t.Error(diff)
	}
}

func TestData_KeepsWhatCanBeAValue(t *testing.T) {
	t.Parallel()
	r := redact.New(nil)
	for text, want := range map[string]string{
		`{"a":"x\u001b[31m\u202e\ud83d\ude00\udb40\udc41\b\f\u0000"}`: `{"a":"x[31m\ud83d\ude00"}`,
		"{\"a\":\"\u202ex\U000e0041\u0085\x7f\"}":                     `{"a":"x"}`,
		`{"a":"\\u202e \\\\ \" \n\r\t \u200d"}`:                       `{"a":"\\u202e \\\\ \" \n\r\t \u200d"}`,
		"{\"a\":\"👩\u200d🔬 می\u200cخواهم 葛\U000e0100\"}":              "{\"a\":\"👩\u200d🔬 می\u200cخواهم 葛\U000e0100\"}",
	} {
		if got := string(r.Data(redact.Result, []byte(text))); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func FuzzData_GivesJSONForJSON(f *testing.F) {
	f.Add([]byte(`{"a":"\u001b\ud83d\ude00\udb40\udc41\\u0000"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := redact.New(nil)
		if got := r.Data(redact.Result, body); json.Valid(body) && !json.Valid(got) {
			t.Errorf("%q becomes %q", body, got)
		}
	})
}

func TestRedactor_DoesNotAllocateWhenThereIsNothingToTakeOut(t *testing.T) {
	r := redact.New(nil, secret)
	body := []byte(`{"rows":[["2026-01","Zürich",12.5],["2026-02","Bern",13]]}`)
	if n := testing.AllocsPerRun(100, func() {
		_ = r.Data(redact.Result, r.Answer(redact.Result, body))
		_ = r.Text(redact.Fault, "There is no metric of this name.")
		_ = r.Shown(redact.Fault, "There is no metric of this name.")
		_ = redact.Escaped(r.Line(redact.Log, body))
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAnswer(b *testing.B) {
	r := redact.New(nil, secret)
	body := []byte(`{"rows":[` + strings.Repeat(`["2026-01","Zürich",12.5],`, 400) + `[]]}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		_ = r.Data(redact.Result, r.Answer(redact.Result, body))
	}
}

func TestRedactor_LearnsASecretAndForgetsNone(t *testing.T) {
	t.Parallel()
	r := redact.New(nil, "the-first-of-two-secrets")
	const text = "the-first-of-two-secrets and quite-another-thing-to-hide"
	if got := r.Text(redact.Log, text); got != redact.Mark+" and quite-another-thing-to-hide" {
		t.Errorf("before: %q", got)
	}
	r.Learn("quite-another-thing-to-hide", "", "short")
	if got, short := r.Text(redact.Log, text), r.Text(redact.Log, "short"); got != redact.Mark+" and "+redact.Mark || short != "short" {
		t.Errorf("after: %q, %q", got, short)
	}
	if got := string(r.Answer(redact.Result, []byte(`"quite-another-thing-to-hide"`))); got != `"`+redact.Mark+`"` {
		t.Errorf("in an answer: %s", got)
	}
}
