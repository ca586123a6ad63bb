package identityapp_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/identityapp"
	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/domain/identity/identitytest"
	"github.com/steward-mcp/steward/internal/infrastructure/identitystore"
)

// fullDisk writes nothing, and lets something else happen while it tries.
type fullDisk struct {
	identity.Repository
	meanwhile func()
	tried     int
}

func (d *fullDisk) Touch(context.Context, []identity.Use) error {
	d.tried++
	d.meanwhile()
	return errors.New("no space left")
}

func TestUsage_KeepsWhatComesWhileItCannotBeWritten(t *testing.T) {
	keys := identitystore.NewMemory()
	usage, now := &identityapp.Usage{}, start
	authn := identityapp.NewAuthenticator(keys, identitytest.Authority(t, "dev"), func() time.Time { return now }, identityapp.WithUsage(usage))
	k, credential := create(t, keys)
	use := func() {
		now = now.Add(time.Minute)
		ctx, _ := cqrs.NewRecorder(nil, time.Now).Open(t.Context(), cqrs.Arrival{Address: "192.0.2.7"})
		if _, err := authn.Authenticate(ctx, credential.Reveal()); err != nil {
			t.Fatal(err)
		}
	}
	full := &fullDisk{Repository: keys, meanwhile: use}
	if err := usage.Flush(t.Context(), full); err != nil || full.tried != 0 {
		t.Errorf("where nothing was used, %d writings: %v", full.tried, err)
	}
	use()
	if err := usage.Flush(t.Context(), full); err == nil || full.tried != 1 {
		t.Errorf("%d writings to a full disk: %v", full.tried, err)
	}
	if err := usage.Flush(t.Context(), keys); err != nil {
		t.Fatal(err)
	}
	all, err := identityapp.List(t.Context(), keys, 0, now)
	if err != nil || len(all) != 1 || all[0].ID != k.ID || !all[0].LastUsed.Equal(now) {
		t.Errorf("written, with the last use at %s: %+v, %v", now, all, err)
	}
}
