package envelope_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/steward-mcp/steward/internal/presentation/envelope"
)

func TestAmbiguous_IsAHeaderThatDecidesAndIsThereTwice(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"Content-Type", "Content-Encoding", "Last-Event-ID", "Mcp-Session-Id", "Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name",
	} {
		h := http.Header{}
		h.Add(name, "a")
		if envelope.Ambiguous(h) {
			t.Errorf("%s given once is ambiguous", name)
		}
		if h.Add(name, "a"); !envelope.Ambiguous(h) {
			t.Errorf("%s given twice is not ambiguous", name)
		}
	}
	if envelope.Ambiguous(http.Header{"Accept": {"a", "b"}}) {
		t.Error("Accept decides nothing")
	}
}

func TestJSON_IsWhatIsSaidToBe(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]bool{
		"application/json": true, "Application/JSON; charset=utf-8": true, "application/json;": true, "": false, "text/json": false, "application/json-seq": false, ";": false,
	} {
		if envelope.JSON(http.Header{"Content-Type": {said}}) != want {
			t.Errorf("%q: %t", said, !want)
		}
	}
	for coding, want := range map[string]bool{"": true, "identity": true, "gzip": false} {
		if envelope.JSON(http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {coding}}) != want {
			t.Errorf("%q: %t", coding, !want)
		}
	}
}

func TestBody_IsReadToItsEndOrItsError(t *testing.T) {
	t.Parallel()
	for _, length := range []int64{-1, 0, 5, 1 << 20} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader("hello"))
		if r.ContentLength = length; length == 5 {
			r.Body = io.NopCloser(iotest.OneByteReader(r.Body))
		}
		if body, err := envelope.Body(r); string(body) != "hello" || err != nil {
			t.Errorf("%d: %q, %v", length, body, err)
		}
		r.Body = http.MaxBytesReader(httptest.NewRecorder(), io.NopCloser(strings.NewReader("hello")), 4)
		var tooLarge *http.MaxBytesError
		if _, err := envelope.Body(r); !errors.As(err, &tooLarge) {
			t.Errorf("%d: %v", length, err)
		}
	}
}
