package identityapp_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/identityapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/domain/identity/identitytest"
	"github.com/steward-mcp/steward/internal/infrastructure/identitystore"
)

func TestAttendance_EndsWhatRunsUnderAKeyThatIsEnded(t *testing.T) {
	keys := identitystore.NewMemory()
	now := start
	authority := identitytest.Authority(t, "dev")
	authn := identityapp.NewAuthenticator(keys, authority, func() time.Time { return now }, identityapp.WithTokens(tokens{}), static(t))
	a := identityapp.NewAttendance(authn)
	records := cqrs.NewRecorder(nil, time.Now)
	revoked, first := create(t, keys)
	_, second := create(t, keys)
	rotated, third := create(t, keys)
	running := map[string]context.Context{}
	for name, presented := range map[string]string{
		"one": first.Reveal(), "another": first.Reveal(), "of another key": second.Reveal(), "of an old secret": third.Reveal(),
		"of a token": "a.b.c", "of another token": "a.b.d", "of a static key": chosen, "of nobody": "",
	} {
		ctx, request := records.Open(t.Context(), cqrs.Arrival{})
		if p, err := authn.Authenticate(ctx, presented); err == nil {
			request.Identify(p)
		}
		attended, leave := a.Attend(ctx, presented)
		defer leave()
		running[name] = attended //nolint:fatcontext // each is a request of its own
	}
	_, left := a.Attend(t.Context(), first.Reveal())
	left()
	left()
	if ended := a.Check(t.Context()); len(ended) != 0 {
		t.Errorf("ended while all hold: %v", ended)
	}
	if _, err := identityapp.Revoke(t.Context(), keys, revoked.ID, now); err != nil {
		t.Fatal(err)
	}
	if _, err := identityapp.Rotate(t.Context(), keys, authority, rotated.ID, identity.Rotation{}, now); err != nil {
		t.Fatal(err)
	}
	if ended := a.Check(t.Context()); len(ended) != 2 {
		t.Errorf("ended %v, want the revoked and the rotated", ended)
	}
	for name, over := range map[string]bool{"one": true, "another": true, "of another key": false, "of an old secret": true, "of a token": false, "of a static key": false} {
		if got := running[name].Err() != nil; got != over {
			t.Errorf("%s: over %v, want %v", name, got, over)
		}
		if over && !errors.Is(context.Cause(running[name]), identity.ErrUnauthenticated) {
			t.Errorf("%s: because of %v", name, context.Cause(running[name]))
		}
	}
	now = start.Add(time.Hour)                          // when one of the tokens ends
	if ended := a.Check(t.Context()); len(ended) != 3 { // those of before are still there
		t.Errorf("ended %v, want the token beside those of before", ended)
	}
	if running["of a token"].Err() == nil || running["of another token"].Err() != nil || !errors.Is(context.Cause(running["of a token"]), identity.ErrUnauthenticated) {
		t.Errorf("after its time a token: %v; another: %v", context.Cause(running["of a token"]), running["of another token"].Err())
	}
	another, err := authority.Static("compat", chosen+"-and-more", "analyst")
	if err != nil {
		t.Fatal(err)
	}
	authn.ReplaceStaticKey(another)
	if a.Check(t.Context()); running["of a static key"].Err() == nil {
		t.Error("a static key that was replaced goes on")
	}
	if p, err := authn.Authenticate(t.Context(), chosen+"-and-more"); err != nil || p.Subject != "compat" {
		t.Errorf("the key in its place: %+v, %v", p, err)
	}
	now = start.Add(identity.DefaultLifetime)
	if a.Check(t.Context()); running["of another key"].Err() == nil {
		t.Error("a key that expired goes on")
	}
	if running["of nobody"].Err() != nil {
		t.Error("whoever needs no credential was cut off")
	}
}

// Requests of one key come and go in any order: those that are there when it ends are ended, and nobody else.
func TestAttendance_EndsThoseWhoAreThere(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		keys := identitystore.NewMemory()
		authority := identitytest.Authority(t, "dev")
		a := identityapp.NewAttendance(identityapp.NewAuthenticator(keys, authority, func() time.Time { return start }))
		k, credential := create(t, keys)
		type visit struct {
			ctx   context.Context
			leave func()
		}
		var there, gone []visit
		for range rapid.IntRange(0, 20).Draw(rt, "steps") {
			if len(there) > 0 && rapid.Bool().Draw(rt, "one leaves") {
				i := rapid.IntRange(0, len(there)-1).Draw(rt, "which")
				there[i].leave()
				if rapid.Bool().Draw(rt, "twice") {
					there[i].leave()
				}
				gone, there = append(gone, there[i]), slices.Delete(there, i, i+1)
				continue
			}
			ctx, leave := a.Attend(t.Context(), credential.Reveal())
			there = append(there, visit{ctx, leave})
		}
		if _, err := identityapp.Revoke(t.Context(), keys, k.ID, start); err != nil {
			rt.Fatal(err)
		}
		if ended := a.Check(t.Context()); len(ended) != min(1, len(there)) {
			rt.Errorf("%d requests of the key, and ended are those of %v", len(there), ended)
		}
		for i, v := range there {
			if !errors.Is(context.Cause(v.ctx), identity.ErrUnauthenticated) {
				rt.Errorf("request %d of %d goes on: %v", i, len(there), context.Cause(v.ctx))
			}
		}
		for _, v := range gone {
			if errors.Is(context.Cause(v.ctx), identity.ErrUnauthenticated) {
				rt.Error("one that had left was ended")
			}
		}
	})
}

// tokens lets in whoever presents a token: the one of them for an hour.
type tokens struct{}

func (tokens) Verify(_ context.Context, token string) (access.Principal, error) {
	p := access.Principal{Issuer: "https://issuer.example", Subject: token, Expires: start.Add(time.Hour)}
	if token != "a.b.c" {
		p.Expires = start.Add(24 * 365 * time.Hour)
	}
	return p, nil
}

func TestUsage_IsWrittenWhenItIsFlushedAndNotBefore(t *testing.T) {
	keys := identitystore.NewMemory()
	usage := &identityapp.Usage{}
	authn := identityapp.NewAuthenticator(keys, identitytest.Authority(t, "dev"), func() time.Time { return start.Add(time.Hour) }, identityapp.WithUsage(usage))
	used, credential := create(t, keys)
	_, refused := create(t, keys)
	ctx, _ := cqrs.NewRecorder(nil, time.Now).Open(t.Context(), cqrs.Arrival{Address: "192.0.2.7"})
	if _, err := authn.Authenticate(ctx, credential.Reveal()); err != nil {
		t.Fatal(err)
	}
	if _, err := authn.Authenticate(ctx, refused.Reveal()[:20]); err == nil {
		t.Fatal("half a key lets in")
	}
	list := func() (known map[string]time.Time) {
		t.Helper()
		all, err := identityapp.List(t.Context(), keys, 0, start.Add(2*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		known = map[string]time.Time{}
		for _, k := range all {
			if known[k.ID] = k.LastUsed; !k.LastUsed.IsZero() && k.LastAddress != "192.0.2.7" {
				t.Errorf("used from %q", k.LastAddress)
			}
		}
		return known
	}
	if at := list()[used.ID]; !at.IsZero() {
		t.Errorf("written at once: %s", at)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := usage.Flush(ended, keys); err == nil {
		t.Error("a flush that wrote nothing succeeds")
	}
	if err := usage.Flush(t.Context(), keys); err != nil {
		t.Fatal(err)
	}
	for id, at := range list() {
		if want := id == used.ID; at.Equal(start.Add(time.Hour)) != want || at.IsZero() == want {
			t.Errorf("%s: %s", id, at)
		}
	}
	stale, err := identityapp.List(t.Context(), keys, 24*time.Hour, start.Add(24*time.Hour+time.Minute))
	if err != nil || len(stale) != 1 || stale[0].ID == used.ID {
		t.Errorf("unused for a day: %+v, %v", stale, err)
	}
}
