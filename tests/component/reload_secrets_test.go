package component_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/tests/harness"
)

// shown is an endpoint of the model provider that accepts no key, and tells the last one that it was shown.
func shown(t *testing.T) (url string, keys <-chan string) {
	t.Helper()
	seen := make(chan string, 10)
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Get("X-Api-Key")
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(endpoint.Close)
	return endpoint.URL, seen
}

func keyFile(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

// A secret in a file of its own is replaced without a restart: what was is refused, what is holds, and neither is told.
func TestReload_TakesSecretsAnewFromTheirFiles(t *testing.T) {
	t.Parallel()
	const (
		chosenOne, chosenTwo     = "0123456789abcdefghijklmnopqrstuv-one", "ZYXWVUTSRQPONMLKJIHGFEDCBA9876543210"
		providerOne, providerTwo = "provider-key-number-one-of-the-test", "a-second-secret-for-the-same-provider"
	)
	url, asked := shown(t)
	r := running{site: newSite(t)}
	more := mayEcho + "compat: {persona: analyst}\nclaude: {endpoint: \"" + url + "\"}\n"
	r.write(t, more)
	compat, provider := filepath.Join(r.folder, "compat.key"), filepath.Join(r.folder, "provider.key")
	keyFile(t, compat, chosenOne, 0o600)
	keyFile(t, provider, providerOne, 0o600)
	var err error
	r.server, err = harness.Start(t.Context(), r.binary, r.config, "STEWARD_COMPAT__API_KEY_FILE="+compat, "STEWARD_CLAUDE__API_KEY_FILE="+provider)
	if err != nil {
		t.Fatal(err)
	}
	one, two := harness.NewClient(r.server.URL, chosenOne, harness.Modern), harness.NewClient(r.server.URL, chosenTwo, harness.Modern)
	defer one.Close()
	defer two.Close()
	holds := func(when, held, other string) {
		t.Helper()
		for key, c := range map[string]*harness.Client{chosenOne: one, chosenTwo: two} {
			var result harness.Result
			err := c.Do(t.Context(), "tools/call", map[string]any{"name": "claude_conversation", "arguments": map[string]any{"message": "Think."}}, &result)
			switch {
			case key != held && (err == nil || !strings.Contains(err.Error(), "401")):
				t.Errorf("%s: the key that does not hold: %v", when, err)
			case key == held && (err != nil || !result.IsError):
				t.Errorf("%s: the key that holds: %v", when, err)
			}
		}
		if got := <-asked; got != other {
			t.Errorf("%s: the provider was shown %q", when, got)
		}
	}
	holds("at the start", chosenOne, providerOne)

	keyFile(t, provider, providerTwo, 0o644)
	keyFile(t, compat, chosenTwo, 0o600)
	if refused := r.reload(t); refused.Outcome != "policy.reload" {
		t.Errorf("a file that others read: %+v", refused)
	}
	holds("after a file that others can read", chosenOne, providerOne)

	keyFile(t, provider, providerTwo, 0o600)
	if taken := r.reload(t); taken.Outcome != "ok" || taken.Detail != "taken over: compat.api_key, claude.api_key" {
		t.Errorf("on record: %+v", taken)
	}
	holds("after the reload", chosenTwo, providerTwo)

	r.write(t, more+"log: {level: debug}\naudit: {retention: 24h}\n")
	const left = "needs a restart: audit.retention, log.level"
	if told := r.reload(t); told.Outcome != "ok" || told.Detail != "taken over: nothing; "+left {
		t.Errorf("on record: %+v", told)
	}
	log := r.server.Log()
	if !strings.Contains(log, `"keys":["audit.retention","log.level"]`) {
		t.Errorf("the log does not name what needs a restart:\n%s", log)
	}
	for _, secret := range []string{chosenOne, chosenTwo, providerOne, providerTwo} {
		if strings.Contains(log, secret) {
			t.Errorf("the log tells %q", secret)
		}
	}
	r.stop(t)
}
