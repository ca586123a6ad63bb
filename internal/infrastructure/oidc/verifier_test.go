package oidc_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/infrastructure/oidc"
)

func TestVerify_TellsWhomATokenStandsFor(t *testing.T) {
	p := newProvider(t, jwk(t, "rsa", "r", nil), jwk(t, "p256", "e", nil), jwk(t, "p384", "e3", map[string]any{"use": "sig", "alg": "ES384"}),
		jwk(t, "ed", "d", map[string]any{"key_ops": []string{"verify"}}))
	v := verifier(t, &clock{}, nil, p)
	for algorithm, with := range map[string][2]string{
		"RS256": {"rsa", "r"}, "PS256": {"rsa", "r"}, "ES256": {"p256", "e"}, "ES384": {"p384", "e3"}, "EdDSA": {"ed", "d"},
	} {
		got, err := v.Verify(t.Context(), raw(header(algorithm, with[1], nil), jsonOf(p.claims(nil)), signs(with[0], algorithm)))
		if err != nil {
			t.Errorf("%s: %v, because %v", algorithm, err, errors.Unwrap(err))
			continue
		}
		want := access.Principal{Issuer: p.URL, Subject: "ada", Name: "ada", Personas: []string{"analyst"}, Client: "claude", Expires: start.Add(time.Hour + time.Minute)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", algorithm, diff)
		}
	}
	if n := p.keySets.Load(); n != 1 {
		t.Errorf("the keys were fetched %d times", n)
	}
}

// hostile is a token that must not hold, and the reason that the operator is told.
type hostile struct{ token, reason string }

const (
	noForm      = "the access token is no signed JWT in compact form"
	badHeader   = "the header of the access token has parameters that are not accepted"
	badAlg      = "the access token is signed with an algorithm that is not accepted of its issuer"
	badType     = "the token is of a type that is not accepted of its issuer"
	badKey      = "the issuer has published no such key"
	badSig      = "the signature of the access token does not hold"
	badClaims   = "a claim of the access token is missing or malformed"
	badAudience = "the access token is for another audience"
	badPurpose  = "the token is no access token"
	badIssuer   = "no such issuer is configured"
	expired     = "the access token has expired"
	early       = "the access token is not yet valid"
)

// Everything here is signed as well as it can be: but for the one thing that is wrong, the token would hold.
func TestVerify_RefusesHostileTokensAlike(t *testing.T) {
	elsewhere := newProvider(t, jwk(t, "rsa2", "r", nil))
	p := newProvider(t, jwk(t, "rsa", "r", nil), jwk(t, "p256", "e", nil), jwk(t, "ed", "d", nil), jwk(t, "rsa-weak", "weak", nil),
		map[string]any{"kty": "oct", "kid": "mac", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}, jwk(t, "rsa2", "enc", map[string]any{"use": "enc"}),
		jwk(t, "rsa2", "ps", map[string]any{"alg": "PS256"}), jwk(t, "rsa2", "r2", nil))
	v := verifier(t, &clock{}, nil, p)
	for _, table := range []map[string]hostile{headers(t, p, elsewhere), claims(p), texts(p), signatures(p)} {
		for name, h := range table {
			who, err := v.Verify(t.Context(), h.token)
			if !who.IsZero() {
				t.Errorf("%s: lets in %+v", name, who)
			}
			if diff := cmp.Diff(identity.ErrUnauthenticated.Error(), fmt.Sprint(err)); diff != "" || !errors.Is(err, identity.ErrUnauthenticated) {
				t.Errorf("%s: is told apart: %s", name, diff)
			}
			if got := identity.ReasonOf(err); got != h.reason {
				t.Errorf("%s: because %q, want %q", name, got, h.reason)
			}
		}
	}
	if n := elsewhere.keySets.Load() + elsewhere.metadata.Load(); n != 0 {
		t.Errorf("a token had %d documents fetched from where it said", n)
	}
	if n := p.keySets.Load(); n > 2 { // the first, and one for a kid that nobody knew
		t.Errorf("the keys were fetched %d times", n)
	}
}

func headers(t *testing.T, p, elsewhere *provider) map[string]hostile {
	t.Helper()
	good, rs := jsonOf(p.claims(nil)), signs("rsa", "RS256")
	public, err := x509.MarshalPKIXPublicKey(pairs()["rsa"].Public())
	if err != nil {
		t.Fatal(err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	modulus := pairs()["rsa"].Public().(*rsa.PublicKey).N.Bytes()
	empty := func(string) []byte { return nil }
	own := jwk(t, "rsa2", "r", nil)
	table := map[string]hostile{
		"no algorithm, no signature": {raw(header("none", "r", nil), good, empty), noForm},
		"no algorithm, a signature":  {raw(header("none", "r", nil), good, rs), badAlg},
		"None":                       {raw(header("None", "r", nil), good, rs), badAlg},
		"a MAC by the public key":    {raw(header("HS256", "r", nil), good, mac(block)), badAlg},
		"a MAC by its DER":           {raw(header("HS256", "r", nil), good, mac(public)), badAlg},
		"a MAC by its modulus":       {raw(header("HS256", "r", nil), good, mac(modulus)), badAlg},
		"a MAC by a published key":   {raw(header("HS256", "mac", nil), good, mac([]byte("secretsecretsecretsecret"))), badAlg},
		"RS384":                      {raw(header("RS384", "r", nil), good, rs), badAlg},
		"ES256K":                     {raw(header("ES256K", "e", nil), good, signs("p256", "ES256")), badAlg},
		"rs256":                      {raw(header("rs256", "r", nil), good, rs), badAlg},
		"no alg":                     {raw(header("", "r", map[string]any{"alg": nil}), good, rs), badHeader},
		"alg as a list":              {raw(header("", "r", map[string]any{"alg": []string{"RS256"}}), good, rs), badHeader},
		"ES256 with an RSA key":      {raw(header("ES256", "r", nil), good, rs), badKey},
		"RS256 with an EC key":       {raw(header("RS256", "e", nil), good, rs), badKey},
		"EdDSA with an RSA key":      {raw(header("EdDSA", "r", nil), good, rs), badKey},
		"an RSA key that is weak":    {raw(header("RS256", "weak", nil), good, signs("rsa-weak", "RS256")), badKey},
		"a key for encryption":       {raw(header("RS256", "enc", nil), good, signs("rsa2", "RS256")), badKey},
		"a key for another alg":      {raw(header("RS256", "ps", nil), good, signs("rsa2", "RS256")), badKey},
		"another's key of that kid":  {raw(header("RS256", "r", nil), good, signs("rsa2", "RS256")), badSig},
		"kid of nobody":              {raw(header("RS256", "x", nil), good, rs), badKey},
		"kid in other case":          {raw(header("RS256", "R", nil), good, rs), badKey},
		"kid as a path":              {raw(header("RS256", "../../../../dev/null", nil), good, rs), badKey},
		"kid as a URL":               {raw(header("RS256", elsewhere.URL+"/jwks", nil), good, signs("rsa2", "RS256")), badKey},
		"kid as SQL":                 {raw(header("RS256", "x' UNION SELECT 'k'--", nil), good, rs), badKey},
		"kid with a NUL":             {raw(header("RS256", "r\x00", nil), good, rs), badKey},
		"kid that is empty":          {raw(header("RS256", "", nil), good, rs), badHeader},
		"kid that is huge":           {raw(header("RS256", strings.Repeat("r", 300), nil), good, rs), badHeader},
		"kid as a number":            {raw(header("RS256", "", map[string]any{"kid": 1}), good, rs), badHeader},
		"no kid, several keys":       {raw(header("RS256", "", map[string]any{"kid": nil}), good, rs), badKey},
		"no typ":                     {raw(header("RS256", "r", map[string]any{"typ": nil}), good, rs), badType},
		"typ JWT":                    {raw(header("RS256", "r", map[string]any{"typ": "JWT"}), good, rs), badType},
		"typ of a logout token":      {raw(header("RS256", "r", map[string]any{"typ": "logout+jwt"}), good, rs), badType},
		"typ of a DPoP proof":        {raw(header("RS256", "r", map[string]any{"typ": "dpop+jwt"}), good, rs), badType},
		"alg twice":                  {raw(`{"alg":"none","alg":"RS256","typ":"at+jwt","kid":"r"}`, good, rs), noForm},
		"header that is a list":      {raw(`["RS256"]`, good, rs), noForm},
		"header that is null":        {raw(`null`, good, rs), noForm},
		"header with more behind it": {raw(header("RS256", "r", nil)+"{}", good, rs), noForm},
	}
	for name, value := range map[string]any{
		"jku": elsewhere.URL + "/jwks", "x5u": elsewhere.URL + "/cert", "jwk": own, "x5c": []string{"MIIB"},
		"crit": []string{"exp"}, "b64": false, "zip": "DEF", "enc": "A128GCM",
	} {
		table["header "+name] = hostile{raw(header("RS256", "r", map[string]any{name: value}), good, signs("rsa2", "RS256")), badHeader}
		table["header "+name+", signed well"] = hostile{raw(header("RS256", "r", map[string]any{name: value}), good, rs), badHeader}
	}
	return table
}

func claims(p *provider) map[string]hostile {
	with := func(changes map[string]any) string {
		return raw(header("RS256", "r", nil), jsonOf(p.claims(changes)), signs("rsa", "RS256"))
	}
	at := func(d time.Duration) int64 { return start.Add(d).Unix() }
	return map[string]hostile{
		"another issuer":             {with(map[string]any{"iss": "https://evil.example.com"}), badIssuer},
		"the issuer with a slash":    {with(map[string]any{"iss": p.URL + "/"}), badIssuer},
		"the issuer in capitals":     {with(map[string]any{"iss": strings.ToUpper(p.URL)}), badIssuer},
		"issuers in a list":          {with(map[string]any{"iss": []string{p.URL}}), badIssuer},
		"no issuer":                  {with(map[string]any{"iss": nil}), badIssuer},
		"another audience":           {with(map[string]any{"aud": "https://other.example.com/mcp"}), badAudience},
		"the audience with a slash":  {with(map[string]any{"aud": audience + "/"}), badAudience},
		"the audience's beginning":   {with(map[string]any{"aud": strings.TrimSuffix(audience, "/mcp")}), badAudience},
		"audiences of others":        {with(map[string]any{"aud": []string{"a", "b"}}), badAudience},
		"no audience in a list":      {with(map[string]any{"aud": []string{}}), badAudience},
		"no audience":                {with(map[string]any{"aud": nil}), badClaims},
		"audience in a nested list":  {with(map[string]any{"aud": []any{[]string{audience}}}), badClaims},
		"audience among numbers":     {with(map[string]any{"aud": []any{audience, 1}}), badClaims},
		"audience as an object":      {with(map[string]any{"aud": map[string]any{audience: true}}), badClaims},
		"no expiry":                  {with(map[string]any{"exp": nil}), badClaims},
		"expiry as text":             {with(map[string]any{"exp": fmt.Sprint(at(time.Hour))}), badClaims},
		"expiry beyond all years":    {with(map[string]any{"exp": 1e18}), badClaims},
		"expiry before all years":    {with(map[string]any{"exp": -1}), badClaims},
		"expired long ago":           {with(map[string]any{"exp": at(-time.Hour)}), expired},
		"expired beyond the skew":    {with(map[string]any{"exp": at(-time.Minute)}), expired},
		"not before tomorrow":        {with(map[string]any{"nbf": at(24 * time.Hour)}), early},
		"not before beyond the skew": {with(map[string]any{"nbf": at(61 * time.Second)}), early},
		"nbf as text":                {with(map[string]any{"nbf": "0"}), badClaims},
		"issued in the future":       {with(map[string]any{"iat": at(61 * time.Second)}), early},
		"iat as null":                {raw(header("RS256", "r", nil), strings.Replace(jsonOf(p.claims(nil)), fmt.Sprint(`"iat":`, start.Unix()), `"iat":null`, 1), signs("rsa", "RS256")), badClaims},
		"no subject":                 {with(map[string]any{"sub": nil}), badClaims},
		"a subject that is empty":    {with(map[string]any{"sub": ""}), badClaims},
		"a subject that is a number": {with(map[string]any{"sub": 7}), badClaims},
		"a subject with a line end":  {with(map[string]any{"sub": "ada\nroot"}), badClaims},
		"a subject without end":      {with(map[string]any{"sub": strings.Repeat("a", 257)}), badClaims},
		"a client that is a list":    {with(map[string]any{"client_id": []string{"claude"}}), badClaims},
		"an ID token's nonce":        {with(map[string]any{"nonce": "n"}), badPurpose},
		"an ID token's at_hash":      {with(map[string]any{"at_hash": "h"}), badPurpose},
		"a logout token's events":    {with(map[string]any{"events": map[string]any{}}), badPurpose},
		"an ID token of Keycloak":    {with(map[string]any{"typ": "ID"}), badPurpose},
		"a refresh token":            {with(map[string]any{"typ": "Refresh"}), badPurpose},
		"an ID token of Cognito":     {with(map[string]any{"token_use": "id"}), badPurpose},
		"a token bound by DPoP": {
			with(map[string]any{"cnf": map[string]any{"jkt": "x"}}),
			"the access token is bound to a key of its client, and is no bearer token",
		},
	}
}

func texts(p *provider) map[string]hostile {
	good, rs := jsonOf(p.claims(nil)), signs("rsa", "RS256")
	whole := raw(header("RS256", "r", nil), good, rs)
	parts := strings.Split(whole, ".")
	twice := strings.Replace(good, `"sub":"ada"`, `"sub":"ada","sub":"root"`, 1)
	deep := strings.Replace(good, `"sub":"ada"`, `"sub":"ada","deep":{"a":1,"a":2}`, 1)
	return map[string]hostile{
		"nothing":                      {"..", noForm},
		"no token":                     {"a.b.c", noForm},
		"two parts":                    {parts[0] + "." + parts[1], noForm},
		"four parts":                   {whole + "." + parts[2], noForm},
		"five parts, as if encrypted":  {strings.Join(append(parts, parts[2], parts[2]), "."), noForm},
		"the JSON form":                {fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, parts[0], parts[1], parts[2]), noForm},
		"no signature":                 {parts[0] + "." + parts[1] + ".", noForm},
		"no claims":                    {parts[0] + ".." + parts[2], noForm},
		"padding":                      {whole + "=", noForm},
		"a line end inside":            {parts[0] + "." + parts[1] + ".\n" + parts[2], noForm},
		"base64 of the other alphabet": {strings.NewReplacer("-", "+", "_", "/").Replace(whole) + "+", noForm},
		"a subject twice":              {raw(header("RS256", "r", nil), twice, rs), noForm},
		"a member twice inside":        {raw(header("RS256", "r", nil), deep, rs), noForm},
		"claims in a list":             {raw(header("RS256", "r", nil), "["+good+"]", rs), noForm},
		"claims twice":                 {raw(header("RS256", "r", nil), good+good, rs), noForm},
		"claims as text":               {raw(header("RS256", "r", nil), `"ada"`, rs), noForm},
		"claims that are not UTF-8":    {raw(header("RS256", "r", nil), strings.Replace(good, "ada", "a\xffda", 1), rs), noForm},
		"lists in lists":               {raw(header("RS256", "r", nil), strings.Repeat("[", 5000), rs), noForm},
		"far too long": {
			raw(header("RS256", "r", nil), strings.Replace(good, "ada", strings.Repeat("a", identity.MaxToken), 1), rs),
			"the access token is too large",
		},
	}
}

// What signatures do wrong, after the cases that Project Wycheproof collects.
func signatures(p *provider) map[string]hostile {
	good := jsonOf(p.claims(nil))
	half := func(n int64) []byte { return big.NewInt(n).FillBytes(make([]byte, 32)) }
	order, ok := new(big.Int).SetString("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)
	if !ok {
		panic("no number")
	}
	es := func(change func(r, s []byte) []byte) hostile {
		return hostile{raw(header("ES256", "e", nil), good, func(input string) []byte {
			whole := signs("p256", "ES256")(input)
			return change(whole[:32], whole[32:])
		}), badSig}
	}
	spoilt := func(algorithm, kid, pair string, change func([]byte) []byte) hostile {
		return hostile{raw(header(algorithm, kid, nil), good, func(input string) []byte { return change(signs(pair, algorithm)(input)) }), badSig}
	}
	flip := func(s []byte) []byte { s[len(s)/2] ^= 1; return s }
	cut := func(s []byte) []byte { return s[:len(s)-1] }
	longer := func(s []byte) []byte { return append(s, 0) }
	zero := func(s []byte) []byte { return make([]byte, len(s)) }
	moved := raw(header("RS256", "r", nil), good, signs("rsa", "RS256"))
	other := raw(header("RS256", "r", nil), jsonOf(p.claims(map[string]any{"sub": "root"})), signs("rsa", "RS256"))
	table := map[string]hostile{
		"r and s zero":      es(func(_, _ []byte) []byte { return bytes.Repeat(half(0), 2) }),
		"r zero":            es(func(_, s []byte) []byte { return append(half(0), s...) }),
		"s zero":            es(func(r, _ []byte) []byte { return append(bytes.Clone(r), half(0)...) }),
		"r and s one":       es(func(_, _ []byte) []byte { return bytes.Repeat(half(1), 2) }),
		"r the order":       es(func(_, s []byte) []byte { return append(order.Bytes(), s...) }),
		"s the order":       es(func(r, _ []byte) []byte { return append(bytes.Clone(r), order.Bytes()...) }),
		"r and s exchanged": es(func(r, s []byte) []byte { return append(bytes.Clone(s), r...) }),
		"all bits set":      es(func(_, _ []byte) []byte { return bytes.Repeat([]byte{0xff}, 64) }),
		"ASN.1 in place of r|s": es(func(r, s []byte) []byte {
			return append(append(append([]byte{0x30, 0x44, 2, 0x20}, r...), 2, 0x20), s...)
		}),
		"another token's":        {strings.Join(append(strings.Split(other, ".")[:2], strings.Split(moved, ".")[2]), "."), badSig},
		"PKCS #1 said to be PSS": {raw(header("PS256", "r", nil), good, signs("rsa", "RS256")), badSig},
		"PSS said to be PKCS #1": {raw(header("RS256", "r", nil), good, signs("rsa", "PS256")), badSig},
	}
	for algorithm, with := range map[string][2]string{"RS256": {"r", "rsa"}, "PS256": {"r", "rsa"}, "ES256": {"e", "p256"}, "EdDSA": {"d", "ed"}} {
		for name, change := range map[string]func([]byte) []byte{"a bit flipped": flip, "cut short": cut, "too long": longer, "zeros": zero} {
			table[algorithm+" "+name] = spoilt(algorithm, with[0], with[1], change)
		}
	}
	return table
}

func TestVerify_AllowsForTheSkewOfClocks(t *testing.T) {
	p := newProvider(t, jwk(t, "ed", "d", nil))
	v := verifier(t, &clock{}, nil, p)
	for name, changes := range map[string]map[string]any{
		"expired a moment ago":      {"exp": start.Add(-59 * time.Second).Unix()},
		"issued in a moment":        {"iat": start.Add(60 * time.Second).Unix()},
		"valid in a moment":         {"nbf": start.Add(60 * time.Second).Unix()},
		"without iat":               {"iat": nil},
		"with fractions of seconds": {"exp": float64(start.Unix()) + 0.5},
	} {
		token := raw(header("EdDSA", "d", nil), jsonOf(p.claims(changes)), signs("ed", "EdDSA"))
		if _, err := v.Verify(t.Context(), token); err != nil {
			t.Errorf("%s: %v", name, errors.Unwrap(err))
		}
	}
}

func TestVerify_TakesOfAnIssuerOnlyWhatIsConfigured(t *testing.T) {
	p := newProvider(t, jwk(t, "rsa", "r", nil), jwk(t, "ed", "d", nil))
	v := verifier(t, &clock{}, func(c *oidc.Config) {
		c.Issuers[0].Algorithms, c.Issuers[0].Types, c.Issuers[0].Audiences = []string{"EdDSA"}, []string{"jwt", "at+jwt"}, []string{"api://steward", "b"}
	}, p)
	try := func(algorithm, kid, pair, kind, audience string) string {
		token := raw(header(algorithm, kid, map[string]any{"typ": kind}), jsonOf(p.claims(map[string]any{"aud": []string{"x", audience}})), signs(pair, algorithm))
		_, err := v.Verify(t.Context(), token)
		return identity.ReasonOf(err)
	}
	for _, c := range [][6]string{
		{"EdDSA", "d", "ed", "JWT", "api://steward", ""},
		{"EdDSA", "d", "ed", "application/at+jwt", "b", ""},
		{"EdDSA", "d", "ed", "AT+JWT", "b", ""},
		{"RS256", "r", "rsa", "JWT", "b", badAlg},
		{"EdDSA", "d", "ed", "at+jwt", audience, badAudience},
	} {
		if got := try(c[0], c[1], c[2], c[3], c[4]); got != c[5] {
			t.Errorf("%v: %q", c, got)
		}
	}
}

// Two issuers may use the same kid. Neither's key opens the other's tokens.
func TestVerify_KeepsIssuersApart(t *testing.T) {
	one, two := newProvider(t, jwk(t, "rsa", "1", nil)), newProvider(t, jwk(t, "rsa2", "1", nil))
	v := verifier(t, &clock{}, nil, one, two)
	for _, c := range []struct {
		of   *provider
		pair string
		want string
	}{{one, "rsa", ""}, {two, "rsa2", ""}, {one, "rsa2", badSig}, {two, "rsa", badSig}} {
		who, err := v.Verify(t.Context(), raw(header("RS256", "1", nil), jsonOf(c.of.claims(nil)), signs(c.pair, "RS256")))
		if got := identity.ReasonOf(err); got != c.want {
			t.Errorf("%s with %s: %q", c.of.URL, c.pair, got)
		}
		if c.want == "" && who.ID() != c.of.URL+":ada" {
			t.Errorf("%s is %s", c.of.URL, who.ID())
		}
	}
}

func TestVerify_MapsClaims(t *testing.T) {
	p := newProvider(t, jwk(t, "ed", "", nil)) // one key, and no kid
	v := verifier(t, &clock{}, func(c *oidc.Config) {
		i := &c.Issuers[0]
		i.Groups = oidc.Groups{Claim: must(oidc.ParsePointer("/https:~1~1example.com~1roles/0/names")), Personas: map[string][]string{"heads": {"regional", "analyst"}, "staff": {"analyst"}}}
		i.Scopes = map[string][]string{"metrics:read": {"reader"}, "metrics:all": {"analyst"}}
		i.Attributes = map[string]oidc.Pointer{"regions": must(oidc.ParsePointer("/claims/regions")), "level": must(oidc.ParsePointer("/level"))}
	}, p)
	roles := func(names any) map[string]any {
		return map[string]any{"https://example.com/roles": []any{map[string]any{"names": names}}}
	}
	both := roles([]string{"heads"})
	both["scope"] = "openid metrics:read"
	for name, c := range map[string]struct {
		claims     map[string]any
		personas   []string
		attributes map[string][]string
		scopes     bool // whether the answer is that a scope is missing
	}{
		"a group":              {claims: roles([]string{"staff"}), personas: []string{"analyst"}},
		"a group as text":      {claims: roles("staff"), personas: []string{"analyst"}},
		"groups that overlap":  {claims: roles([]string{"staff", "heads", "staff"}), personas: []string{"analyst", "regional"}},
		"group and scope":      {claims: both, personas: []string{"analyst", "reader", "regional"}},
		"scp":                  {claims: map[string]any{"scp": []string{"metrics:all"}}, personas: []string{"analyst"}},
		"unknown groups":       {claims: roles([]string{"Staff", "staff ", "STAFF"}), scopes: true},
		"groups among numbers": {claims: roles([]any{"staff", 1}), scopes: true},
		"groups in lists":      {claims: roles([]any{[]string{"staff"}}), scopes: true},
		"groups as members":    {claims: roles(map[string]any{"staff": true}), scopes: true},
		"nothing":              {scopes: true},
		"a scope's beginning":  {claims: map[string]any{"scope": "metrics:rea metrics"}, scopes: true},
		"attributes": {
			claims:     map[string]any{"scope": "metrics:read", "claims": map[string]any{"regions": []any{"EU", 7, true}}, "level": 12345678901234567890.0},
			personas:   []string{"reader"},
			attributes: map[string][]string{"regions": {"EU", "7", "true"}, "level": {"12345678901234567000"}},
		},
		"attributes of another shape": {
			claims:   map[string]any{"scope": "metrics:read", "claims": map[string]any{"regions": []any{"EU", []string{"US"}}}, "level": map[string]any{"a": 1}},
			personas: []string{"reader"},
		},
	} {
		who, err := v.Verify(t.Context(), raw(header("EdDSA", "", map[string]any{"kid": nil}), jsonOf(p.claims(c.claims)), signs("ed", "EdDSA")))
		if errors.Is(err, identity.ErrScope) != c.scopes || err != nil && !c.scopes {
			t.Errorf("%s: %v, because %v", name, err, errors.Unwrap(err))
			continue
		}
		if diff := cmp.Diff(c.personas, who.Personas); diff != "" {
			t.Errorf("%s: personas: %s", name, diff)
		}
		if diff := cmp.Diff(c.attributes, who.Attributes); diff != "" {
			t.Errorf("%s: attributes: %s", name, diff)
		}
		if who.Subject != "ada" {
			t.Errorf("%s: it is not said whose token it is: %+v", name, who)
		}
	}
}

func TestParsePointer_FollowsRFC6901(t *testing.T) {
	for text, ok := range map[string]bool{
		"/groups": true, "/a/0/b": true, "/a~1b/c~0d": true, "/": true, "": false, "groups": false, "/a~": false, "/a~2": false,
		"/" + strings.Repeat("a", 600): false, strings.Repeat("/a", 17): false, strings.Repeat("/a", 16): true,
	} {
		if _, err := oidc.ParsePointer(text); (err == nil) != ok || err != nil && !errors.Is(err, oidc.ErrPointer) {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}
