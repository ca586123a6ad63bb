package id_test

import (
	"strings"
	"testing"

	"github.com/steward-mcp/steward/internal/domain/id"
)

func TestNew_PrintsWhatParseReads(t *testing.T) {
	fresh := id.New[id.ConversationKind]()
	got, err := id.Parse[id.ConversationKind](fresh.String())
	if err != nil || got != fresh {
		t.Errorf("Parse(%q) = %v, %v", fresh, got, err)
	}
	if !strings.HasPrefix(fresh.String(), "cnv_") {
		t.Errorf("%q does not say what it identifies", fresh)
	}
}

func TestParse_RefusesAnotherKind(t *testing.T) {
	if _, err := id.Parse[id.RequestKind](id.New[id.ConversationKind]().String()); err == nil {
		t.Error("a conversation was read as a request")
	}
}

func TestDerive_TellsPartsApartAndIsReadAgain(t *testing.T) {
	seen := map[id.Session]string{}
	for _, parts := range [][]string{{}, {""}, {"", ""}, {"a"}, {"ab"}, {"a", "b"}, {"", "ab"}, {"ab", ""}, {"b", "a"}} {
		derived := id.Derive[id.SessionKind](parts...)
		if other, taken := seen[derived]; taken {
			t.Errorf("%q and %s have one identifier", parts, other)
		}
		seen[derived] = strings.Join(parts, "|")
		if again := id.Derive[id.SessionKind](parts...); again != derived {
			t.Errorf("%q is %s, and then %s", parts, derived, again)
		}
		if read, err := id.Parse[id.SessionKind](derived.String()); err != nil || read != derived {
			t.Errorf("Parse(%s) = %s, %v", derived, read, err)
		}
	}
	// What was on record once must be found again by every later version.
	if got := id.Derive[id.SessionKind]("key:ada", "t/1").String(); got != "ses_x5udytymdif7d4uq45efvgah2kriilop" {
		t.Errorf("the identifier has changed to %s", got)
	}
}

func FuzzParse_ReadsOnlyWhatItWouldPrint(f *testing.F) {
	f.Add("cnv_")
	f.Add("cnv_" + strings.Repeat("a", 32))
	f.Add("cnv_" + strings.Repeat("A", 32))
	f.Add("req_" + strings.Repeat("7", 32))
	f.Fuzz(func(t *testing.T, text string) {
		got, err := id.Parse[id.ConversationKind](text)
		if err == nil && (got.String() != text || got.IsZero() || len(text) != 36) {
			t.Errorf("Parse(%q) = %q", text, got)
		}
	})
}
