package component_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/fx"

	"github.com/steward-mcp/steward/internal/application/identityapp"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/internal/infrastructure/database"
)

// refusal is everything that a caller can see of one.
type refusal struct {
	Status  int
	Headers http.Header
	Body    string
}

func (w *world) refused(t *testing.T, key string) refusal {
	t.Helper()
	r := w.post(t, echo("hello", ""))
	r.Header.Set("Authorization", "Bearer "+key)
	status, headers, body := send(t, r)
	request := headers.Get("X-Request-Id")
	if request == "" || !strings.Contains(body, request) {
		t.Fatalf("an answer without its request: %v %s", headers, body)
	}
	headers.Del("X-Request-Id")
	headers.Del("Date")
	return refusal{status, headers, strings.ReplaceAll(body, request, "REQUEST")}
}

// Why a key does not hold is for the operator: the caller is told the same, byte for byte.
func TestKeys_ThatDoNotHoldAreRefusedAlike(t *testing.T) {
	t.Parallel()
	c := configured(t, func(c *config.Config) { c.Environment = "staging" })
	w := serveConfigured(t, c)
	foreign := w.key // known here, and made for another environment
	w.stop()
	c.Environment = "dev"
	w = serveConfigured(t, c)

	absent, err := identity.Generate("dev")
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := identity.Generate("prod")
	if err != nil {
		t.Fatal(err)
	}
	grant := identity.Grant{Name: "short", Personas: []string{"caller"}, Lifetime: time.Microsecond}
	expired := w.issue(t, grant)
	grant.Lifetime = time.Hour
	k, credential := w.issued(t, grant)
	if _, err := identityapp.Revoke(t.Context(), w.keys, k.ID, time.Now()); err != nil {
		t.Fatal(err)
	}
	other, _ := w.issued(t, grant)
	swapped := strings.Replace(w.key, strings.Split(w.key, "_")[2], other.ID, 1)

	want := w.refused(t, "")
	if want.Status != http.StatusUnauthorized || want.Headers.Get("WWW-Authenticate") == "" {
		t.Errorf("without a key: %+v", want)
	}
	for name, key := range map[string]string{
		"no key at all": "hello", "an unknown key": absent.Reveal(), "one of nowhere": elsewhere.Reveal(),
		"one of another environment": foreign, "an expired key": expired, "a revoked key": credential.Reveal(),
		"a mistyped key": w.key[:len(w.key)-1] + "!", "the id of another": swapped, "the id alone": k.ID,
		"far too long a text": strings.Repeat("stw_dev_", 1000),
	} {
		before := len(w.requests(t))
		if diff := cmp.Diff(want, w.refused(t, key)); diff != "" {
			t.Errorf("%s is told apart (-want +got):\n%s", name, diff)
		}
		if r := w.newest(t, before); len(r) != 1 || r[0].Outcome != "identity.unauthenticated" || r[0].DeniedBy != audit.ByAuthentication || r[0].Actor != "" {
			t.Errorf("%s: records: %+v", name, r)
		}
	}
}

func TestKeys_ARevokedKeyIsRefusedAtTheNextRequest(t *testing.T) {
	t.Parallel()
	w := serve(t, nil)
	k, credential := w.issued(t, identity.Grant{Name: "leaver", Personas: []string{"caller"}})
	ask := func() int {
		r := w.post(t, echo("hello", ""))
		r.Header.Set("Authorization", "Bearer "+credential.Reveal())
		status, _, _ := send(t, r)
		return status
	}
	if status := ask(); status != http.StatusOK {
		t.Fatalf("before: HTTP %d", status)
	}
	if _, err := identityapp.Revoke(t.Context(), w.keys, k.ID, time.Now()); err != nil {
		t.Fatal(err)
	}
	if status := ask(); status != http.StatusUnauthorized {
		t.Errorf("after: HTTP %d", status)
	}
}

// A key that cannot be looked up is not called wrong, and nobody is let in: it is the server that is not well.
func TestKeys_ThatCannotBeLookedUpMakeTheServerUnready(t *testing.T) {
	t.Parallel()
	var db *database.DB
	w := serve(t, nil, fx.Populate(&db))
	if status, body := get(t, w.admin+"/readyz"); status != http.StatusOK || !strings.Contains(body, `"keys":"ok"`) {
		t.Errorf("before: HTTP %d %s", status, body)
	}
	if _, err := db.Write.ExecContext(t.Context(), "DROP INDEX api_keys_terms"); err != nil {
		t.Fatal(err)
	}
	if status, _, body := send(t, w.post(t, echo("canary", ""))); status != http.StatusInternalServerError ||
		strings.Contains(body, "canary") || strings.Contains(body, "api_keys") {
		t.Errorf("a request: HTTP %d %s", status, body)
	}
	status, body := get(t, w.admin+"/readyz")
	if status != http.StatusServiceUnavailable || !strings.Contains(body, "api_keys_terms") || !strings.Contains(body, `"database":"ok"`) {
		t.Errorf("after: HTTP %d %s", status, body)
	}
}

func TestKeys_OutliveARestart(t *testing.T) {
	t.Parallel()
	c := configured(t, nil)
	w := serveConfigured(t, c)
	key, before := w.key, w.records(t)
	w.stop()
	w = serveRestarted(t, c)
	w.key = key
	if status, _, body := send(t, w.post(t, echo("hello", ""))); status != http.StatusOK {
		t.Errorf("HTTP %d: %s", status, body)
	}
	after := w.records(t)
	if len(after) < len(before)+3 { // laid down, took up, the call
		t.Fatalf("%d records before, %d after", len(before), len(after))
	}
	if diff := cmp.Diff(before, after[:len(before)]); diff != "" {
		t.Errorf("the journal before the restart has changed (-want +got):\n%s", diff)
	}
}
