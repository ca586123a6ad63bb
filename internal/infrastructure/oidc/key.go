package oidc

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// Bounds of the keys of one issuer.
const (
	maxKeys    = 64
	minRSABits = 2048
	maxRSABits = 8192 // beyond, checking a signature is work that a stranger could order
)

var (
	errTooManyKeys = errors.New("the key set has too many keys")
	errEmptySet    = errors.New("the key set has no key that could be used")
)

// key is a public key of an issuer.
type key struct {
	id        string
	algorithm string // that it is for alone; empty when the issuer does not say
	public    any    // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
}

// writtenKey is a JWK (RFC 7517) as far as it matters here. Certificates are left out: they are not asked about anything,
// and one that Go does not read would spoil its key.
type writtenKey struct {
	material
	ID         string   `json:"kid"`
	Use        string   `json:"use"`
	Operations []string `json:"key_ops"`
	Algorithm  string   `json:"alg"`
	Private    any      `json:"d"`
}

type material struct {
	Type     string `json:"kty"`
	Curve    string `json:"crv,omitempty"`
	X        string `json:"x,omitempty"`
	Y        string `json:"y,omitempty"`
	Modulus  string `json:"n,omitempty"`
	Exponent string `json:"e,omitempty"`
}

// parseKeys reads a JWK set. Keys that cannot check signatures, or that nobody should rely on, are left out; a set of
// which nothing is left is an error.
func parseKeys(text []byte) ([]key, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, err
	}
	if len(set.Keys) > maxKeys {
		return nil, errTooManyKeys
	}
	var keys []key
	for _, raw := range set.Keys {
		if k, ok := parseKey(raw); ok {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, errEmptySet
	}
	return keys, nil
}

func parseKey(raw json.RawMessage) (key, bool) {
	var w writtenKey
	if err := json.Unmarshal(raw, &w); err != nil || w.Private != nil || len(w.ID) > maxKeyID {
		return key{}, false
	}
	if w.Use != "" && w.Use != "sig" || w.Operations != nil && !slices.Contains(w.Operations, "verify") {
		return key{}, false
	}
	bare, err := json.Marshal(w.material)
	if err != nil {
		return key{}, false
	}
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(bare); err != nil {
		return key{}, false
	}
	k := key{id: w.ID, algorithm: w.Algorithm, public: jwk.Key}
	return k, slices.ContainsFunc(Algorithms(), k.fits)
}

// fits reports whether signatures of an algorithm may be checked with k. That a key is of the right kind is not left to
// the algorithm: it is the token's word.
func (k key) fits(algorithm string) bool {
	if k.algorithm != "" && k.algorithm != algorithm {
		return false
	}
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		bits := public.N.BitLen()
		return (algorithm == string(jose.RS256) || algorithm == string(jose.PS256)) && bits >= minRSABits && bits <= maxRSABits
	case *ecdsa.PublicKey:
		return algorithm == string(jose.ES256) && public.Curve == elliptic.P256() ||
			algorithm == string(jose.ES384) && public.Curve == elliptic.P384()
	case ed25519.PublicKey:
		return algorithm == string(jose.EdDSA) && len(public) == ed25519.PublicKeySize
	}
	return false
}

// choose gives the keys that a token may be checked with: those of its kid, or, without one, the only key that fits. To
// try several would make every bad signature as costly as the set is long.
func choose(keys []key, t token) []key {
	var chosen []key
	for _, k := range keys {
		if k.fits(t.algorithm) && (t.key == "" || k.id == t.key) {
			chosen = append(chosen, k)
		}
	}
	if t.key == "" && len(chosen) > 1 {
		return nil
	}
	return chosen[:min(len(chosen), maxSameID)]
}

// maxSameID bounds the keys of one kid that are tried. RFC 7517 §4.5 wants them to differ; some issuers do not.
const maxSameID = 4
