// Package auditapp tells operators what of the record they should hear about at once.
package auditapp

import (
	"strings"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/identity"
)

// Event is a kind of thing that may be an attack, or the beginning of one. Most are mistakes: what matters is how many there
// are, and where they come from.
type Event string

// The events. Each is counted under its name.
const (
	AuthnFailed     Event = "authn_failed"      // no credential, or none that holds
	KeyRefused      Event = "key_refused"       // the right secret of a key that was ended, or does not hold where it was shown
	AuthzDenied     Event = "authz_denied"      // somebody known asked for what they may not do, or see
	RateLimited     Event = "rate_limited"      // a rate, a budget or a number of places was used up
	Malformed       Event = "malformed"         // no proper request: its size, shape, path or headers
	BadInput        Event = "bad_input"         // arguments that cannot run
	Injection       Event = "injection"         // a filter that is no filter, or a path that climbs
	ForeignOrigin   Event = "foreign_origin"    // a page, a host name or a network that is not let in: DNS rebinding looks so
	CredentialInURL Event = "credential_in_url" // it stands in somebody's log now
	SessionClosed   Event = "session_closed"    // a session that an operator closed is used on
	Redacted        Event = "redaction"         // a secret was taken out of something on its way out
	NewAddress      Event = "new_address"       // a key comes from where it has not come from before
	Burst           Event = "burst"             // somebody asks ten times as much as they use to
	ReloadRefused   Event = "reload_refused"    // a policy that was to be read anew was not taken over
	JournalBroken   Event = "journal_broken"    // nothing can be recorded, so nothing is done
)

// Events lists them all.
func Events() []Event {
	return []Event{
		AuthnFailed, KeyRefused, AuthzDenied, RateLimited, Malformed, BadInput, Injection, ForeignOrigin, CredentialInURL, SessionClosed,
		Redacted, NewAddress, Burst, ReloadRefused, JournalBroken,
	}
}

// byOutcome are outcomes that say more than what refused the request.
var byOutcome = map[string]Event{
	"http.host":                   ForeignOrigin,
	"http.origin":                 ForeignOrigin,
	"http.address":                ForeignOrigin,
	"http.credential_in_url":      CredentialInURL,
	"identity.insufficient_scope": AuthzDenied,
	"metric.where":                Injection,
	"policy.reload":               ReloadRefused,
	"session.closed":              SessionClosed,
	"tool.input_required":         "", // a question, not a refusal
}

var byRefuser = map[string]Event{
	audit.ByAuthentication: AuthnFailed,
	audit.ByPolicy:         AuthzDenied,
	audit.ByLimit:          RateLimited,
	audit.ByEdge:           Malformed,
	audit.ByInput:          BadInput,
}

// EventOf is what a closed record tells of; empty when nothing.
func EventOf(r audit.Record) Event {
	switch {
	case r.Outcome == "" || r.Outcome == audit.OK:
		return ""
	case r.DeniedBy == audit.ByAuthentication && identity.Reason(r.Detail).OfItsHolder():
		return KeyRefused
	case climbs(r.Target):
		return Injection
	}
	if event, ok := byOutcome[r.Outcome]; ok {
		return event
	}
	return byRefuser[r.DeniedBy]
}

var spelledOut = strings.NewReplacer("%2e", ".", "%2f", "/", "%5c", "/", "%00", "\x00", `\`, "/")

// climbs reports whether a target has a part that would lead out of a folder, however it is spelled.
func climbs(target string) bool {
	target = spelledOut.Replace(strings.ToLower(target))
	return strings.Contains(target, "../") || strings.HasSuffix(target, "/..") || strings.Contains(target, "\x00")
}
