package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/steward-mcp/steward/internal/domain/access"
)

// Attendance ends requests whose credential ends while they run.
type Attendance interface {
	// Attend gives a request a context that ends with the credential that was presented. leave is called when the request
	// is over.
	Attend(ctx context.Context, presented string) (attended context.Context, leave func())
}

func (e *Edge) attend(ctx context.Context, r *http.Request) (attended context.Context, leave func()) {
	if e.Attendance == nil {
		return ctx, func() {}
	}
	return e.Attendance.Attend(ctx, bearer(r))
}

// sayExpiry tells a client whose credential is about to end when that is.
func sayExpiry(h http.Header, p access.Principal) {
	if !p.Expiring.IsZero() {
		h.Set("Steward-Key-Expires", p.Expiring.UTC().Format(time.RFC3339))
	}
}
