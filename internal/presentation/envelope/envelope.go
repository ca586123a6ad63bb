// Package envelope reads what is around a message that comes by HTTP: its headers, before anything decides by them, and its body.
package envelope

import (
	"io"
	"mime"
	"net/http"
)

// once are the headers, in canonical form, that may be given once. The last four are the protocol's.
var once = canonical("Content-Type", "Content-Encoding", "Last-Event-ID", "Mcp-Session-Id", "Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name")

func canonical(names ...string) []string {
	for i, name := range names {
		names[i] = http.CanonicalHeaderKey(name)
	}
	return names
}

// Ambiguous reports whether a header that decides anything is there twice: whoever stands between the client and this server may
// have judged the request by the other one.
func Ambiguous(h http.Header) bool {
	for _, name := range once {
		if len(h[name]) > 1 {
			return true
		}
	}
	return false
}

// JSON reports whether the body is said to be JSON, and in no other coding.
func JSON(h http.Header) bool {
	const want = "application/json"
	said := h.Get("Content-Type")
	if said != want {
		if media, _, err := mime.ParseMediaType(said); err != nil || media != want {
			return false
		}
	}
	coding := h.Get("Content-Encoding")
	return coding == "" || coding == "identity"
}

// Body reads the body to its end. One that says how long it is, and is of ordinary length, is read into one piece of memory.
func Body(r *http.Request) ([]byte, error) {
	const ordinary = 64 << 10
	if r.ContentLength <= 0 || r.ContentLength > ordinary {
		return io.ReadAll(r.Body)
	}
	into := make([]byte, r.ContentLength)
	n, err := io.ReadFull(r.Body, into)
	return into[:n], err
}
