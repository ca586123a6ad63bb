package config

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/steward-mcp/steward/internal/infrastructure/oidc"
)

// Auth is about access tokens, which are accepted beside API keys when there are issuers.
type Auth struct {
	Resource   string        `yaml:"resource" validate:"-"` // this server as clients and issuers name it: the URL of its MCP endpoint
	Issuers    []Issuer      `yaml:"issuers" validate:"-"`  // whose tokens are accepted
	ClockSkew  time.Duration `yaml:"clock_skew" validate:"gte=0s,lte=5m"`
	Proxy      string        `yaml:"proxy" validate:"-"` // through which issuers are reached; empty: directly
	UnsafeHTTP bool          `yaml:"unsafe_http"`        // issuers on loopback may be reached without TLS
}

// Issuer is an oidc.Issuer as the file writes it.
type Issuer struct {
	Issuer     string            `yaml:"issuer"`
	JWKSURL    string            `yaml:"jwks_url"`
	Audiences  Words             `yaml:"audiences"`
	Algorithms Words             `yaml:"algorithms"`
	Types      Words             `yaml:"types"`
	Personas   Groups            `yaml:"personas"`
	Scopes     map[string]Words  `yaml:"scopes"`
	Attributes map[string]string `yaml:"attributes"`
}

// Groups is an oidc.Groups as the file writes it.
type Groups struct {
	Pointer string           `yaml:"pointer"`
	Map     map[string]Words `yaml:"map"`
}

// Tokens gives the issuers in the form that verifies tokens. After Load it does not fail.
func (a Auth) Tokens() (oidc.Config, error) {
	c := oidc.Config{Skew: a.ClockSkew, Proxy: a.Proxy, UnsafeHTTP: a.UnsafeHTTP}
	for _, written := range a.Issuers {
		i, err := written.tokens(a.Resource)
		if err != nil {
			return oidc.Config{}, err
		}
		c.Issuers = append(c.Issuers, i)
	}
	return c, nil
}

func (i Issuer) tokens(resource string) (oidc.Issuer, error) {
	audiences := i.Audiences
	if len(audiences) == 0 {
		audiences = Words{resource}
	}
	read := oidc.Issuer{
		URL: i.Issuer, JWKSURL: i.JWKSURL, Audiences: audiences, Algorithms: i.Algorithms, Types: lowered(i.Types),
		Groups: oidc.Groups{Personas: plain(i.Personas.Map)}, Scopes: plain(i.Scopes),
	}
	var err error
	if i.Personas.Pointer != "" {
		if read.Groups.Claim, err = oidc.ParsePointer(i.Personas.Pointer); err != nil {
			return oidc.Issuer{}, err
		}
	}
	read.Attributes = make(map[string]oidc.Pointer, len(i.Attributes))
	for name, text := range i.Attributes {
		if read.Attributes[name], err = oidc.ParsePointer(text); err != nil {
			return oidc.Issuer{}, err
		}
	}
	return read, nil
}

func plain(written map[string]Words) map[string][]string {
	lists := make(map[string][]string, len(written))
	for name, words := range written {
		lists[name] = words
	}
	return lists
}

func lowered(words Words) []string {
	var lower []string
	for _, w := range words {
		lower = append(lower, strings.ToLower(w))
	}
	return lower
}

// Scopes are what clients may ask the issuers for, each once, in order.
func (a Auth) Scopes() []string {
	all := map[string]bool{}
	for _, i := range a.Issuers {
		for scope := range i.Scopes {
			all[scope] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// AuthorizationServers are the issuers, in the order of the file.
func (a Auth) AuthorizationServers() []string {
	var urls []string
	for _, i := range a.Issuers {
		urls = append(urls, i.Issuer)
	}
	return urls
}

const (
	maxIssuers   = 20
	maxIssuerURL = 512
	maxMappings  = 1000 // groups or scopes of one issuer
)

func (l *loader) checkAuth() {
	a := l.config.Auth
	switch {
	case a.Resource == "" && len(a.Issuers) > 0:
		l.problem(l.origin("auth.issuers"), "auth.resource", "must be the URL at which clients reach this server, such as https://steward.example.com/mcp: tokens must be made out to it")
	case a.Resource != "" && !validResource(a.Resource):
		l.wrong("auth.resource", "must be an absolute https:// URL without query, fragment, credentials or a slash at its end, such as https://steward.example.com/mcp; http:// is for loopback only")
	}
	if a.Proxy != "" && !validProxy(a.Proxy) {
		l.wrong("auth.proxy", "must be an http:// or https:// URL without credentials or path")
	}
	if p := l.config.Claude.Proxy; p != "" && !validProxy(p) {
		l.wrong("claude.proxy", "must be an http:// or https:// URL without credentials or path")
	}
	if len(a.Issuers) > maxIssuers {
		l.wrong("auth.issuers", fmt.Sprintf("must have at most %d elements", maxIssuers))
	}
	for n, i := range a.Issuers {
		at := fmt.Sprintf("auth.issuers[%d]", n)
		l.checkIssuer(at, i)
		for _, other := range a.Issuers[:n] {
			l.checkDistinct(at+".issuer", i.Issuer, other.Issuer)
		}
	}
}

// checkDistinct keeps the principals of two issuers apart: a principal is its issuer, a colon and its subject.
func (l *loader) checkDistinct(at, one, other string) {
	switch {
	case one == other:
		l.wrong(at, "is written twice")
	case strings.HasPrefix(one, other+":"), strings.HasPrefix(other, one+":"):
		l.wrong(at, "differs from another issuer only by what follows a colon, so that their subjects could be confused; one of them needs another URL")
	}
}

func (l *loader) checkIssuer(at string, i Issuer) {
	l.checkIssuerURL(at+".issuer", i.Issuer)
	if i.JWKSURL != "" {
		l.checkIssuerURL(at+".jwks_url", i.JWKSURL)
	}
	l.oneOf(at+".algorithms", i.Algorithms, oidc.Algorithms())
	l.oneOf(at+".types", lowered(i.Types), oidc.Types())
	for n, audience := range i.Audiences {
		if audience == "" || len(audience) > maxIssuerURL || !printable(audience) {
			l.wrong(fmt.Sprintf("%s.audiences[%d]", at, n), "must be 1 to 512 printable characters")
		}
	}
	l.checkPersonaMap(at+".personas.map", i.Personas.Map)
	l.checkPersonaMap(at+".scopes", i.Scopes)
	switch {
	case i.Personas.Pointer == "" && len(i.Personas.Map) > 0:
		l.problem(l.origin(at+".personas"), at+".personas.pointer", "must name the claim that holds the groups, as in /groups")
	case i.Personas.Pointer != "":
		l.pointer(at+".personas.pointer", i.Personas.Pointer)
	}
	for _, name := range slices.Sorted(maps.Keys(i.Attributes)) {
		l.pointer(at+".attributes."+name, i.Attributes[name])
	}
	for scope := range i.Scopes {
		if !validScope(scope) {
			l.wrong(at+".scopes", "has a name that is no scope: printable ASCII characters without space, quote or backslash")
		}
	}
}

func (l *loader) checkIssuerURL(at, text string) {
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Host == "", u.User != nil, u.RawQuery != "", u.Fragment != "", len(text) > maxIssuerURL, !printable(text):
		l.wrong(at, "must be an https:// URL without query, fragment or credentials")
	case u.Scheme == "https":
	case !validEndpoint(text):
		l.wrong(at, "must be an https:// URL")
	case !l.config.Auth.UnsafeHTTP:
		l.wrong(at, "is reached without TLS, which only auth.unsafe_http permits, and only on loopback")
	}
}

func (l *loader) oneOf(at string, words, known []string) {
	for n, w := range words {
		if !slices.Contains(known, w) {
			l.wrong(fmt.Sprintf("%s[%d]", at, n), "must be one of "+strings.Join(known, ", "))
		}
	}
}

func (l *loader) checkPersonaMap(at string, written map[string]Words) {
	if len(written) > maxMappings {
		l.wrong(at, fmt.Sprintf("must have at most %d elements", maxMappings))
	}
	for _, name := range slices.Sorted(maps.Keys(written)) {
		for _, persona := range written[name] {
			if _, ok := l.config.Personas[persona]; !ok {
				l.wrong(at+"."+name, notPersona)
			}
		}
	}
}

func (l *loader) pointer(at, text string) {
	if _, err := oidc.ParsePointer(text); err != nil {
		l.wrong(at, oidc.ErrPointer.Message)
	}
}

// validResource follows RFC 8707 §2 and RFC 9728 §1.2. The URL must be written as clients compare it.
func validResource(text string) bool {
	u, err := url.Parse(text)
	return err == nil && validEndpoint(text) && len(text) <= maxIssuerURL && text == u.String() &&
		!strings.HasSuffix(text, "/") && u.Host == strings.ToLower(u.Host) && u.RawPath == ""
}

func validProxy(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil &&
		strings.Trim(u.Path, "/") == "" && u.RawQuery == "" && u.Fragment == ""
}

// validScope follows RFC 6749 §3.3.
func validScope(scope string) bool {
	return scope != "" && len(scope) <= 256 && !strings.ContainsFunc(scope, func(r rune) bool {
		return r <= ' ' || r > '~' || r == '"' || r == '\\'
	})
}
