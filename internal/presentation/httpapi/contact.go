package httpapi

import (
	"net/http"
	"strings"
	"time"
)

const securityPath = "/.well-known/security.txt"

// Contact is whom to tell of a weakness (RFC 9116).
type Contact struct {
	URI     string // mailto:, https: or tel:
	Policy  string // URL of what is promised to whoever reports; empty for none
	Expires time.Time
}

// text is the file. Lines end as RFC 9116 §2.2 prefers it.
func (c Contact) text() string {
	lines := []string{"Contact: " + c.URI, "Expires: " + c.Expires.UTC().Format(time.RFC3339), "Preferred-Languages: en"}
	if c.Policy != "" {
		lines = append(lines, "Policy: "+c.Policy)
	}
	return strings.Join(lines, "\r\n") + "\r\n"
}

func (e *Edge) contact(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(e.Contact.text())) // a client that left cannot be told
}
