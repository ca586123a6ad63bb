// Package oidc verifies access tokens: JWTs (RFC 7519) that issuers sign for this server, as OAuth 2.0 profiles them in
// RFC 9068. What an issuer's claims stand for here is configured. Which key a token is checked with is the issuer's word
// alone: nothing in a token's header leads to one, but for the name of a key that the issuer has published.
package oidc

import (
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Config is whose tokens are accepted.
type Config struct {
	Issuers    []Issuer
	Skew       time.Duration // how far the clocks of issuers may be off
	Proxy      string        // URL of the proxy through which keys are fetched; empty for none, whatever the environment says
	UnsafeHTTP bool          // keys may be fetched over plain http from loopback addresses
}

// Issuer is one issuer of access tokens, and what its claims stand for.
type Issuer struct {
	URL        string              // the iss of its tokens, exactly
	JWKSURL    string              // where its keys are; empty: where its metadata says
	Audiences  []string            // of which the aud of a token must have one; none accepts no token
	Algorithms []string            // some of Algorithms; none means all
	Types      []string            // some of Types; none means TypeAccessToken
	Groups     Groups              // personas by groups
	Scopes     map[string][]string // personas by scopes
	Attributes map[string]Pointer  // attributes of the principal by claims
}

// Groups says which personas the groups of a token give.
type Groups struct {
	Claim    Pointer // a text or a list of texts; the zero Pointer for none
	Personas map[string][]string
}

// The types of tokens that an issuer's can have: the typ of the header, in lower case, less "application/".
const (
	TypeAccessToken = "at+jwt" // RFC 9068 §2.1
	TypeJWT         = "jwt"    // what issuers that do not follow RFC 9068 write, over ID tokens too
)

// Types are the types of tokens that can be accepted.
func Types() []string { return []string{TypeAccessToken, TypeJWT} }

// Algorithms are the signature algorithms that can be accepted. No MAC is among them: whoever could check one could make
// one, and a public key would do as its secret.
func Algorithms() []string {
	return []string{string(jose.RS256), string(jose.PS256), string(jose.ES256), string(jose.ES384), string(jose.EdDSA)}
}
