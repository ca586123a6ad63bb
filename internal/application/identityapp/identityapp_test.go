package identityapp_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/steward-mcp/steward/internal/application/identityapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/domain/identity/identitytest"
	"github.com/steward-mcp/steward/internal/infrastructure/identitystore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	start    = identitytest.Start
	personas = []string{"analyst", "regional"}
	grant    = identity.Grant{Name: "Ada", Personas: []string{"regional"}, Attributes: map[string][]string{"regions": {"north"}}}
)

func create(t *testing.T, keys identity.Repository) (identityapp.Key, identity.Credential) {
	t.Helper()
	k, c, err := identityapp.Create(t.Context(), keys, identitytest.Authority(t, "dev"), personas, grant, start)
	if err != nil {
		t.Fatal(err)
	}
	return k, c
}

// at makes an authenticator whose clock stands.
func at(t *testing.T, keys identity.Repository, now time.Time) *identityapp.Authenticator {
	t.Helper()
	return identityapp.NewAuthenticator(keys, identitytest.Authority(t, "dev"), func() time.Time { return now })
}

func TestAuthenticate_KnowsTheHolderOfAKey(t *testing.T) {
	keys := identitystore.NewMemory()
	k, c := create(t, keys)
	got, err := at(t, keys, start.Add(time.Hour)).Authenticate(t.Context(), c.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	want := access.Principal{Issuer: "key", Subject: k.ID, Name: "Ada", Personas: grant.Personas, Attributes: grant.Attributes, Expires: k.Expires}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAuthenticate_RefusesAllOthersAlike(t *testing.T) {
	keys := identitystore.NewMemory()
	_, c := create(t, keys)
	gone, revoked := create(t, keys)
	if _, err := identityapp.Revoke(t.Context(), keys, gone.ID, start); err != nil {
		t.Fatal(err)
	}
	_, unknown := create(t, identitystore.NewMemory())
	for name, refused := range map[string]struct {
		key string
		at  time.Time
	}{
		"nothing":         {"", start},
		"a bare password": {"hunter2", start},
		"a typing error":  {c.Reveal()[:len(c.Reveal())-1] + "0", start},
		"an unknown key":  {unknown.Reveal(), start},
		"a revoked key":   {revoked.Reveal(), start},
		"an expired key":  {c.Reveal(), start.Add(identity.DefaultLifetime)},
	} {
		p, err := at(t, keys, refused.at).Authenticate(t.Context(), refused.key)
		if !errors.Is(err, identity.ErrUnauthenticated) || err.Error() != identity.ErrUnauthenticated.Error() || !p.IsZero() {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

const chosen = "chosen-by_the-operator_0123456789"

func static(t *testing.T) identityapp.Option {
	t.Helper()
	k, err := identitytest.Authority(t, "dev").Static("compat", chosen, "analyst")
	if err != nil {
		t.Fatal(err)
	}
	return identityapp.WithStaticKey(k)
}

func TestAuthenticate_KnowsTheHolderOfTheStaticKey(t *testing.T) {
	_, kept := create(t, identitystore.NewMemory())
	// Where the keys are is never asked: an outage does not shut its holder out, and a wrong text costs no look-up.
	a := identityapp.NewAuthenticator(brokenKeys{}, identitytest.Authority(t, "dev"), time.Now, static(t))
	got, err := a.Authenticate(t.Context(), chosen)
	want := access.Principal{Issuer: "key", Subject: "compat", Name: "compat", Personas: []string{"analyst"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, presented := range []string{"", chosen + "x", kept.Reveal()[1:], "stw_" + chosen} {
		if p, err := a.Authenticate(t.Context(), presented); !errors.Is(err, identity.ErrUnauthenticated) || !p.IsZero() {
			t.Errorf("%q: %+v, %v", presented, p, err)
		}
	}
}

func TestAuthenticate_KeptKeysHoldBesideTheStaticOne(t *testing.T) {
	keys := identitystore.NewMemory()
	k, c := create(t, keys)
	a := identityapp.NewAuthenticator(keys, identitytest.Authority(t, "dev"), func() time.Time { return start }, static(t))
	if got, err := a.Authenticate(t.Context(), c.Reveal()); err != nil || got.Subject != k.ID {
		t.Errorf("got %+v, %v", got, err)
	}
}

// Whoever shows a key that does not hold is not nobody.
func TestAuthenticate_LetsInNobodyOnlyWhenTold(t *testing.T) {
	keys := identitystore.NewMemory()
	_, c := create(t, keys)
	nobody := access.Principal{Issuer: "anonymous", Subject: "nobody", Personas: []string{"analyst"}}
	a := identityapp.NewAuthenticator(keys, identitytest.Authority(t, "dev"), func() time.Time { return start.Add(identity.DefaultLifetime) },
		identityapp.WithAnonymous(nobody))
	got, err := a.Authenticate(t.Context(), "")
	if diff := cmp.Diff(nobody, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, presented := range []string{"x", chosen, c.Reveal()} { // the last has expired
		if p, err := a.Authenticate(t.Context(), presented); !errors.Is(err, identity.ErrUnauthenticated) || !p.IsZero() {
			t.Errorf("%q: %+v, %v", presented, p, err)
		}
	}
}

type brokenKeys struct{ identity.Repository }

var errBroken = fault.New(fault.Unavailable, "test.broken", "broken")

func (brokenKeys) Terms(context.Context, identity.KeyID) (identity.Terms, error) {
	return identity.Terms{}, errBroken
}

// halfBroken are keys whose terms can be read.
type halfBroken struct{ identity.Repository }

func (halfBroken) Get(context.Context, identity.KeyID) (*identity.Key, error) { return nil, errBroken }

func TestAuthenticate_LetsNobodyInWhenKeysCannotBeRead(t *testing.T) {
	kept := identitystore.NewMemory()
	_, c := create(t, kept)
	for name, keys := range map[string]identity.Repository{"no terms": brokenKeys{}, "no key": halfBroken{kept}} {
		p, err := at(t, keys, start).Authenticate(t.Context(), c.Reveal())
		if !errors.Is(err, errBroken) || !p.IsZero() {
			t.Errorf("%s: got %+v, %v", name, p, err)
		}
	}
	if _, err := at(t, halfBroken{kept}, start.Add(identity.DefaultLifetime)).Authenticate(t.Context(), c.Reveal()); !errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("whoever holds no key hears of what cannot be read: %v", err)
	}
}

func TestRevoke_HoldsFromTheNextRequestOn(t *testing.T) {
	keys := identitystore.NewMemory()
	k, c := create(t, keys)
	a := at(t, keys, start)
	if _, err := a.Authenticate(t.Context(), c.Reveal()); err != nil {
		t.Fatal(err)
	}
	first, err := identityapp.Revoke(t.Context(), keys, k.ID, start)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Authenticate(t.Context(), c.Reveal()); !errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("after the revocation: %v", err)
	}
	second, err := identityapp.Revoke(t.Context(), keys, k.ID, start.Add(time.Hour))
	if diff := cmp.Diff(first, second); err != nil || diff != "" {
		t.Errorf("revoked again: %v %s", err, diff)
	}
	for id, want := range map[string]error{"nonsense": identity.ErrKeyID, strings.Repeat("a", 16): identity.ErrNotFound} {
		if _, err := identityapp.Revoke(t.Context(), keys, id, start); !errors.Is(err, want) {
			t.Errorf("Revoke(%q) = %v, want %v", id, err, want)
		}
	}
}

func TestCreate_RefusesPersonasThatAreNotConfigured(t *testing.T) {
	keys := identitystore.NewMemory()
	for _, configured := range [][]string{nil, {"analyst"}} {
		_, c, err := identityapp.Create(t.Context(), keys, identitytest.Authority(t, "dev"), configured, grant, start)
		if !errors.Is(err, identityapp.ErrUnknownPersona) || !c.IsZero() {
			t.Errorf("with %v configured: %v", configured, err)
		}
	}
	if got, err := identityapp.List(t.Context(), keys, 0, start); err != nil || len(got) != 0 {
		t.Errorf("refused keys are listed: %v, %v", got, err)
	}
}

func TestList_TellsHowKeysStandWithoutTheirSecrets(t *testing.T) {
	keys := identitystore.NewMemory()
	k, c := create(t, keys)
	end := start.Add(identity.DefaultLifetime)
	got, err := identityapp.List(t.Context(), keys, 0, end)
	if err != nil {
		t.Fatal(err)
	}
	want := k
	want.State = identity.Expired
	if diff := cmp.Diff([]identityapp.Key{want}, got); diff != "" {
		t.Error(diff)
	}
	if !want.Expires.Equal(end) || k.State != identity.Active {
		t.Errorf("created as %+v", k)
	}
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if secret := strings.Split(c.Reveal(), "_")[3]; strings.Contains(string(text), secret[:10]) || strings.Contains(string(text), "revoked") {
		t.Errorf("the list holds %s", text)
	}
}

// verifier knows one token.
type verifier struct{ asked []string }

func (v *verifier) Verify(_ context.Context, token string) (access.Principal, error) {
	v.asked = append(v.asked, token)
	switch token {
	case "a.good.token":
		return access.Principal{Issuer: "https://one.example.com", Subject: "ada"}, nil
	case "a.poor.token":
		return access.Principal{Issuer: "https://one.example.com", Subject: "bob"}, identity.ErrScope
	}
	return access.Principal{}, identity.ErrUnauthenticated.Because(identity.Reason("it is bad"))
}

func TestAuthenticate_TellsTokensFromKeysByTheirForm(t *testing.T) {
	keys := identitystore.NewMemory()
	k, c := create(t, keys)
	v := &verifier{}
	a := identityapp.NewAuthenticator(keys, identitytest.Authority(t, "dev"), func() time.Time { return start }, identityapp.WithTokens(v))
	for presented, want := range map[string]struct {
		id    string
		err   error
		asked bool
	}{
		"a.good.token":         {"https://one.example.com:ada", nil, true},
		"a.poor.token":         {"https://one.example.com:bob", identity.ErrScope, true},
		"a.bad.token":          {":", identity.ErrUnauthenticated, true},
		c.Reveal():             {"key:" + k.ID, nil, false},
		c.Reveal() + ".a.b":    {":", identity.ErrUnauthenticated, true},
		"neither key nor jwt":  {":", identity.ErrUnauthenticated, false},
		"":                     {":", identity.ErrUnauthenticated, false},
		"five.parts.are.a.jwe": {":", identity.ErrUnauthenticated, false},
	} {
		v.asked = nil
		who, err := a.Authenticate(t.Context(), presented)
		if who.ID() != want.id || !errors.Is(err, want.err) || (len(v.asked) == 1) != want.asked {
			t.Errorf("%q: %s, %v, verifier asked %v", presented, who.ID(), err, v.asked)
		}
		if err != nil && errors.Is(err, identity.ErrUnauthenticated) && (err.Error() != identity.ErrUnauthenticated.Error() || identity.ReasonOf(err) == "") {
			t.Errorf("%q: %v, because %q", presented, err, identity.ReasonOf(err))
		}
	}
	if _, err := at(t, keys, start).Authenticate(t.Context(), "a.good.token"); !errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("without issuers a token is answered %v", err)
	}
}
