package audit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/audit/audittest"
)

// byLibrary is the canonical form by way of encoding/json.
func byLibrary(t interface{ Fatal(args ...any) }, r audit.Record) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	r.Time = r.Time.UTC()
	if err := e.Encode(r); err != nil {
		t.Fatal(err)
	}
	var canonical strings.Builder
	for _, c := range strings.TrimSuffix(out.String(), "\n") {
		switch {
		case c < 0x7f || unicode.IsPrint(c):
			canonical.WriteRune(c)
		case c > 0xffff:
			high, low := utf16.EncodeRune(c)
			fmt.Fprintf(&canonical, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&canonical, `\u%04x`, c)
		}
	}
	return canonical.String()
}

func TestRecord_AppendJSONPrintsWhatTheLibraryPrints(t *testing.T) {
	t.Parallel()
	hostile := "\x00\x1b[31m\r\n\t\b\f\"\\/<>&\x7f\u0085\u009b2J\u00a0\u200d\u2028\u2029\u202e\ufeff\ufffd\xff\xc3é€😀\U000e0041"
	full := audittest.Full()
	for _, r := range []audit.Record{
		{},
		full,
		{Phase: audit.Note, Detail: hostile, Demands: []string{"", hostile}},
		{Time: time.Date(2026, 3, 1, 1, 0, 0, 5_000_000, time.FixedZone("", 7*3600)), DurationUS: -1},
	} {
		if diff := cmp.Diff(byLibrary(t, r), string(r.AppendJSON(nil))); diff != "" {
			t.Errorf("canonical form (-library +ours):\n%s", diff)
		}
	}
	if got := string(full.AppendJSON([]byte("x"))); got != "x"+byLibrary(t, full) {
		t.Errorf("AppendJSON did not append: %s", got)
	}
}

func TestRecord_AppendJSONPrintsEveryField(t *testing.T) {
	t.Parallel()
	full := reflect.ValueOf(audittest.Full())
	for i := range full.NumField() {
		if full.Field(i).IsZero() {
			t.Errorf("audittest.Full leaves %s empty, so nothing tests it", full.Type().Field(i).Name)
		}
	}
	var back audit.Record
	if err := json.Unmarshal(audittest.Full().AppendJSON(nil), &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(audittest.Full(), back); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

func TestRecord_AppendJSONIsTheLibrarysForAnyText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
		r := audit.Record{
			Time:     time.Unix(rapid.Int64Range(-6e10, 2.5e11).Draw(t, "s"), rapid.Int64Range(0, 999999999).Draw(t, "ns")),
			Phase:    audit.Closed,
			Client:   text.Draw(t, "client"),
			Personas: rapid.SliceOf(text).Draw(t, "personas"),
			Target:   text.Draw(t, "target"),
		}
		got := string(r.AppendJSON(nil))
		if want := byLibrary(t, r); got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
		for _, c := range got {
			if !unicode.IsPrint(c) {
				t.Fatalf("%q shows %U", got, c)
			}
		}
	})
}

func TestRecord_BoundedKeepsEveryLineBelowMaxLine(t *testing.T) {
	t.Parallel()
	worst := strings.Repeat("\x00", 3*audit.MaxText)
	var r audit.Record
	v := reflect.ValueOf(&r).Elem()
	for _, f := range v.Fields() {
		if f.CanInt() {
			f.SetInt(-1 << 63)
		}
		if f.Kind() == reflect.String {
			f.SetString(worst)
		}
		for f.Kind() == reflect.Slice && f.Len() < 2*audit.MaxItems {
			f.Set(reflect.Append(f, reflect.ValueOf(worst)))
		}
	}
	var c audit.Chain
	line := c.Seal(nil, r.Bounded().AppendJSON(nil))
	if len(line) > audit.MaxLine {
		t.Errorf("the longest line has %d bytes, more than %d", len(line), audit.MaxLine)
	}
}

func TestRecord_BoundedSaysWhatItCut(t *testing.T) {
	t.Parallel()
	items := strings.Split(strings.Repeat("x,", audit.MaxItems+9), ",")
	r := audit.Record{
		Time: time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC), Client: strings.Repeat("€", 1000), Demands: items,
	}.Bounded()
	kept, mark, _ := strings.Cut(r.Client, "[")
	if want := fmt.Sprintf("+%d bytes]", 3000-len(kept)); mark != want || len(r.Client) > audit.MaxText || !utf8.ValidString(kept) {
		t.Errorf("client is %d bytes, ends %q, want %q", len(r.Client), mark, want)
	}
	if got, want := r.Demands[audit.MaxItems-1], "[+11 items]"; len(r.Demands) != audit.MaxItems || got != want {
		t.Errorf("%d demands, the last %q, want %q", len(r.Demands), got, want)
	}
	if !r.Time.IsZero() {
		t.Errorf("time is %v", r.Time)
	}
	if diff := cmp.Diff(audittest.Full(), audittest.Full().Bounded()); diff != "" {
		t.Errorf("a short record changed:\n%s", diff)
	}
}
