package identityapp_test

import (
	"errors"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/application/identityapp"
	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/domain/identity/identitytest"
	"github.com/steward-mcp/steward/internal/infrastructure/identitystore"
)

// To guess must not be work for the server. What is refused here in a second takes some milliseconds.
func TestAuthenticate_AFloodOfWrongKeysIsCheap(t *testing.T) {
	keys := identitystore.NewMemory()
	create(t, keys)
	a := at(t, keys, start)
	const flood = 1000
	wrong := make([]string, flood)
	for i := range wrong {
		c, err := identity.Generate("dev")
		if err != nil {
			t.Fatal(err)
		}
		wrong[i] = c.Reveal()
	}
	begun := time.Now()
	for _, key := range wrong {
		if _, err := a.Authenticate(t.Context(), key); !errors.Is(err, identity.ErrUnauthenticated) {
			t.Fatal(err)
		}
	}
	if took := time.Since(begun); took > flood*time.Millisecond {
		t.Errorf("%d wrong keys took %s", flood, took)
	}
}

// A typing error is found before anything is looked up.
func TestAuthenticate_LooksUpNothingThatIsMistyped(t *testing.T) {
	c, err := identity.Generate("dev")
	if err != nil {
		t.Fatal(err)
	}
	text := c.Reveal()
	a := identityapp.NewAuthenticator(brokenKeys{}, identitytest.Authority(t, "dev"), time.Now)
	if _, err := a.Authenticate(t.Context(), text); errors.Is(err, identity.ErrUnauthenticated) {
		t.Fatal("a key that is spelt well is not looked up; nothing is proved")
	}
	for i := range text {
		spoilt := []byte(text)
		spoilt[i]++
		if _, err := a.Authenticate(t.Context(), string(spoilt)); !errors.Is(err, identity.ErrUnauthenticated) {
			t.Errorf("with another character %d: %v", i, err)
		}
	}
}
