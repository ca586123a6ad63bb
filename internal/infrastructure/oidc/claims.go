package oidc

import (
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/identity"
)

// maxName is the longest sub or client_id, in bytes. OpenID Connect Core 1.0 §2 wants a sub to have at most 255.
const maxName = 256

// check holds the claims of a token whose signature holds against the clock and the audiences.
func (i *issuer) check(claims map[string]any, now time.Time, skew time.Duration) error {
	if other(claims) {
		return errPurpose
	}
	if _, bound := claims["cnf"]; bound { // RFC 7800: only with a proof that is not asked for here
		return errBound
	}
	if err := checkTimes(claims, now, skew); err != nil {
		return err
	}
	audiences, ok := texts(claims["aud"])
	if !ok {
		return errClaims
	}
	if !slices.ContainsFunc(audiences, func(a string) bool { return slices.Contains(i.Audiences, a) }) {
		return errAudience
	}
	return nil
}

// other reports claims that say that a token is for another purpose than access. Where the typ of the header tells no
// difference, that is all there is to go by.
func other(claims map[string]any) bool {
	for _, name := range []string{"nonce", "at_hash", "c_hash", "s_hash", "events"} { // ID tokens, logout tokens
		if _, present := claims[name]; present {
			return true
		}
	}
	kind, _ := claims["typ"].(string)      // Keycloak
	use, _ := claims["token_use"].(string) // Amazon Cognito
	return slices.Contains([]string{"ID", "Refresh", "Offline", "Logout"}, kind) || use != "" && use != "access"
}

func checkTimes(claims map[string]any, now time.Time, skew time.Duration) error {
	expires, ok := date(claims["exp"])
	if !ok {
		return errClaims
	}
	if !now.Before(expires.Add(skew)) {
		return errExpired
	}
	for _, name := range []string{"nbf", "iat"} {
		value, present := claims[name]
		if !present {
			continue
		}
		begins, ok := date(value)
		if !ok {
			return errClaims
		}
		if now.Add(skew).Before(begins) {
			return errEarly
		}
	}
	return nil
}

// date reads a NumericDate (RFC 7519 §2) up to the year 9999.
func date(value any) (time.Time, bool) {
	const last = 253402300799
	number, ok := value.(json.Number)
	if !ok {
		return time.Time{}, false
	}
	seconds, err := number.Float64()
	if err != nil || math.IsNaN(seconds) || seconds < 0 || seconds > last {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0), true
}

// principal is whom the claims stand for.
func (i *issuer) principal(claims map[string]any) (access.Principal, error) {
	subject, ok := claims["sub"].(string)
	if !ok || !readable(subject) {
		return access.Principal{}, errClaims
	}
	p := access.Principal{Issuer: i.URL, Subject: subject, Name: subject}
	for _, name := range []string{"azp", "client_id"} { // RFC 9068 §2.2 wants the latter, and it wins
		value, present := claims[name]
		client, ok := value.(string)
		if present && (!ok || !readable(client)) {
			return access.Principal{}, errClaims
		}
		if present {
			p.Client = client
		}
	}
	if p.Attributes, ok = i.attributes(claims); !ok {
		return access.Principal{}, errClaims
	}
	p.Personas = i.personas(claims)
	if len(p.Personas) == 0 && len(i.Scopes) > 0 {
		return p, identity.ErrScope.Suggesting(slices.Sorted(maps.Keys(i.Scopes))...)
	}
	return p, nil
}

// attributes gives those whose claim is a text, number or truth value, or a list of such. A claim of another shape is
// no attribute: of half a list nobody knows what the other half was to say.
func (i *issuer) attributes(claims map[string]any) (map[string][]string, bool) {
	var found map[string][]string
	for name, pointer := range i.Attributes {
		values, ok := scalars(pointer.find(claims))
		if !ok {
			continue
		}
		if found == nil {
			found = make(map[string][]string)
		}
		found[name] = values
	}
	return found, identity.ValidAttributes(found)
}

// personas are those of all groups and scopes of a token, each once, in order.
func (i *issuer) personas(claims map[string]any) []string {
	var names []string
	groups, _ := texts(i.Groups.Claim.find(claims))
	for _, group := range groups {
		names = append(names, i.Groups.Personas[group]...)
	}
	for _, claim := range []string{"scope", "scp"} { // RFC 9068 §2.2.3, and what Microsoft and Okta write
		lists, _ := texts(claims[claim])
		for _, list := range lists {
			for scope := range strings.FieldsSeq(list) {
				names = append(names, i.Scopes[scope]...)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// texts reads a text or a list of texts. A list that holds anything else is none.
func texts(value any) ([]string, bool) {
	if text, ok := value.(string); ok {
		return []string{text}, true
	}
	list, ok := value.([]any)
	if !ok {
		return nil, false
	}
	found := make([]string, len(list))
	for n, element := range list {
		if found[n], ok = element.(string); !ok {
			return nil, false
		}
	}
	return found, true
}

// scalars reads a value, or a list of values, that has a text.
func scalars(value any) ([]string, bool) {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	found := make([]string, len(list))
	for n, element := range list {
		switch v := element.(type) {
		case string:
			found[n] = v
		case json.Number:
			found[n] = v.String()
		case bool:
			found[n] = map[bool]string{true: "true", false: "false"}[v]
		default:
			return nil, false
		}
	}
	return found, true
}

// readable reports whether a name may stand in records.
func readable(name string) bool {
	return name != "" && len(name) <= maxName && !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
}
