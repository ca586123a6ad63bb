package component_test

import (
	"net/http"
	"net/http/httptrace"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/application/identityapp"
	"github.com/steward-mcp/steward/internal/domain/identity"
)

// Who asks is found out for each request: neither the connection nor what came over it before stands for anybody.
func TestKeys_AConnectionVouchesForNobody(t *testing.T) {
	t.Parallel()
	w := serve(t, nil)
	k, credential := w.issued(t, identity.Grant{Name: "leaver", Personas: []string{"caller"}})
	one := client(t)
	reused := false
	ask := func(key string) int {
		t.Helper()
		r := w.post(t, echo("hello", ""))
		r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }}))
		r.Header.Set("Authorization", "Bearer "+key)
		if key == "" {
			r.Header.Del("Authorization")
		}
		response, err := one.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		buffer := make([]byte, 1<<16)
		for err == nil {
			_, err = response.Body.Read(buffer)
		}
		_ = response.Body.Close()
		return response.StatusCode
	}
	if status := ask(credential.Reveal()); status != http.StatusOK {
		t.Fatalf("HTTP %d", status)
	}
	for _, c := range []struct {
		name, key string
		want      int
	}{
		{"another key", w.key, http.StatusOK},
		{"no key", "", http.StatusUnauthorized},
		{"the first key", credential.Reveal(), http.StatusOK},
		{"half of it", credential.Reveal()[:20], http.StatusUnauthorized},
	} {
		if status := ask(c.key); status != c.want || !reused {
			t.Errorf("%s over the same connection (%t): HTTP %d, want %d", c.name, reused, status, c.want)
		}
	}
	if _, err := identityapp.Revoke(t.Context(), w.keys, k.ID, time.Now()); err != nil {
		t.Fatal(err)
	}
	if status := ask(credential.Reveal()); status != http.StatusUnauthorized || !reused {
		t.Errorf("revoked, over the same connection (%t): HTTP %d", reused, status)
	}
	if status := ask(w.key); status != http.StatusOK {
		t.Errorf("another key after that: HTTP %d", status)
	}
}
