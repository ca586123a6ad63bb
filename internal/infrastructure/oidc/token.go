package oidc

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/steward-mcp/steward/internal/domain/identity"
)

// Why a token does not hold.
const (
	errSize      = identity.Reason("the access token is too large")
	errForm      = identity.Reason("the access token is no signed JWT in compact form")
	errHeader    = identity.Reason("the header of the access token has parameters that are not accepted")
	errIssuer    = identity.Reason("no such issuer is configured")
	errAlgorithm = identity.Reason("the access token is signed with an algorithm that is not accepted of its issuer")
	errType      = identity.Reason("the token is of a type that is not accepted of its issuer")
	errNoKeys    = identity.Reason("the keys of the issuer are not known")
	errNoKey     = identity.Reason("the issuer has published no such key")
	errSignature = identity.Reason("the signature of the access token does not hold")
	errClaims    = identity.Reason("a claim of the access token is missing or malformed")
	errPurpose   = identity.Reason("the token is no access token")
	errBound     = identity.Reason("the access token is bound to a key of its client, and is no bearer token")
	errAudience  = identity.Reason("the access token is for another audience")
	errExpired   = identity.Reason("the access token has expired")
	errEarly     = identity.Reason("the access token is not yet valid")
)

const maxKeyID = 256 // bytes

// token is a JWT whose signature nobody has checked yet.
type token struct {
	text      string
	algorithm string
	kind      string // typ in lower case, less "application/"
	key       string // kid; empty when there is none
	issuer    string // what the claims say of themselves
}

// parse takes a token apart, strictly: no other text means the same.
func parse(text string) (token, error) {
	t, payload, err := take(text)
	if err != nil {
		return token{}, err
	}
	claims, err := object(payload)
	if err != nil {
		return token{}, errForm
	}
	t.issuer, _ = claims["iss"].(string)
	return t, nil
}

// take takes a JWS in compact form apart (RFC 7515 §7.1), whatever its payload is. What the payload says is nobody's word
// yet.
func take(text string) (t token, payload []byte, err error) {
	if len(text) > identity.MaxToken {
		return token{}, nil, errSize
	}
	parts := strings.Split(text, ".")
	if len(parts) != 3 || parts[2] == "" {
		return token{}, nil, errForm
	}
	var decoded [3][]byte
	for i, part := range parts {
		if decoded[i], err = decode(part); err != nil {
			return token{}, nil, errForm
		}
	}
	header, err := object(decoded[0])
	if err != nil {
		return token{}, nil, errForm
	}
	t = token{text: text}
	return t, decoded[1], t.read(header)
}

// decode accepts the one spelling that an encoder gives (RFC 7515 §2): no padding, no line ends, no spare bits.
func decode(part string) ([]byte, error) {
	if strings.ContainsAny(part, "\r\n") {
		return nil, errForm
	}
	return base64.RawURLEncoding.Strict().DecodeString(part)
}

// object reads a JSON object. Names differ by their case, and a name that stands twice is an error.
func object(text []byte) (map[string]any, error) {
	if !utf8.Valid(text) {
		return nil, errForm
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.SetNumberType(json.UnmarshalJSONNumber)
	var members map[string]any
	if err := d.Decode(&members); err != nil {
		return nil, err
	}
	var more any
	if err := d.Decode(&more); !errors.Is(err, io.EOF) || members == nil {
		return nil, errForm
	}
	return members, nil
}

// refused are header parameters that would lead to keys by the word of whoever made the token (jku, jwk, x5u, x5c), that
// demand what is not understood (crit, RFC 7515 §4.1.11), or that change what the signature covers (b64, enc, zip).
var refused = []string{"jku", "jwk", "x5u", "x5c", "crit", "b64", "enc", "zip"}

func (t *token) read(header map[string]any) error {
	for _, name := range refused {
		if _, present := header[name]; present {
			return errHeader
		}
	}
	algorithm, ok := header["alg"].(string)
	if !ok {
		return errHeader
	}
	t.algorithm = algorithm
	for name, into := range map[string]*string{"typ": &t.kind, "kid": &t.key} {
		value, present := header[name]
		text, ok := value.(string)
		if present && (!ok || text == "" || len(text) > maxKeyID) {
			return errHeader
		}
		*into = text
	}
	t.kind = strings.TrimPrefix(strings.ToLower(t.kind), "application/")
	return nil
}
