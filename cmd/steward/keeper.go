package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/steward-mcp/steward/cmd/steward/app"
	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/identityapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/internal/presentation/adminapi"
)

// keeper is who does what the commands on keys ask: this process, or the server that runs.
type keeper interface {
	create(ctx context.Context, g identity.Grant) (identityapp.Key, string, error)
	list(ctx context.Context, unused time.Duration) ([]identityapp.Key, error)
	rotate(ctx context.Context, id string, r identity.Rotation) (identityapp.Key, string, error)
	revoke(ctx context.Context, id string) (identityapp.Key, error)
}

// answerTime is how long a running server may take over an act.
const answerTime = time.Minute

var errNoAdminKey = errors.New("a server runs on this state, and takes such acts of known operators only: show it a key with " +
	"--admin-key FILE, STEWARD_ADMIN_KEY_FILE or STEWARD_ADMIN_KEY. Its persona needs a rule such as " +
	"{action: \"admin.*\", target: \"*\"}. To make the first one, stop the server and run steward keys create, which then needs no key")

// administer does what is asked of keys.
func administer(c *cobra.Command, act func(context.Context, keeper) error) error {
	return operate(c, "keys", func(ctx context.Context, acts app.Acts, by access.Principal) error {
		return act(ctx, localKeeper{acts.Keys, by})
	}, func(ctx context.Context, server adminapi.Client) error {
		return act(ctx, remoteKeeper{server})
	})
}

// attend does what is asked of sessions.
func attend(c *cobra.Command, act func(context.Context, sessionKeeper) error) error {
	return operate(c, "sessions", func(ctx context.Context, acts app.Acts, by access.Principal) error {
		return act(ctx, localSessions{acts.Sessions, by})
	}, func(ctx context.Context, server adminapi.Client) error {
		return act(ctx, remoteSessions{server})
	})
}

// operate does it here, unless a server holds the state: then that is asked.
func operate(c *cobra.Command, about string, here func(context.Context, app.Acts, access.Principal) error, there func(context.Context, adminapi.Client) error) error {
	cfg, err := load(c)
	if err != nil {
		return err
	}
	cfg.Log.Level = "error" // people are watching
	err = app.Administer(c.Context(), app.Settings{Config: cfg, Version: version}, about, here)
	if !errors.Is(err, auditlog.ErrLocked) {
		return err
	}
	server, err := reach(c, cfg)
	if err != nil {
		return err
	}
	defer server.HTTP.CloseIdleConnections()
	return there(c.Context(), server)
}

// reach finds the server that holds the state, and the key to show it.
func reach(c *cobra.Command, cfg config.Config) (adminapi.Client, error) {
	address, err := app.Running(cfg)
	if err != nil {
		return adminapi.Client{}, err
	}
	key, err := adminKey(c)
	if err != nil {
		return adminapi.Client{}, err
	}
	direct := &http.Transport{DisableKeepAlives: true} // through no proxy that the environment names
	return adminapi.Client{Address: address, Key: key, HTTP: &http.Client{Transport: direct, Timeout: answerTime}}, nil
}

func adminKey(c *cobra.Command) (string, error) {
	named, err := c.Flags().GetString("admin-key")
	if err != nil {
		return "", err
	}
	if file := cmp.Or(named, os.Getenv(config.AdminKeyVariable+"_FILE")); file != "" {
		text, err := os.ReadFile(file) //nolint:gosec // the operator names their own file
		if err != nil {
			return "", fmt.Errorf("read the key to show: %w", err)
		}
		return strings.TrimSpace(string(text)), nil
	}
	if key := os.Getenv(config.AdminKeyVariable); key != "" {
		return key, nil
	}
	return "", errNoAdminKey
}

// localKeeper acts on the state, which this process has locked.
type localKeeper struct {
	keys identityapp.Administration
	by   access.Principal
}

func (l localKeeper) create(ctx context.Context, g identity.Grant) (identityapp.Key, string, error) {
	made, err := l.keys.Create.Do(ctx, identityapp.CreateKey{Change: cqrs.Change{By: l.by}, Grant: g})
	return made.Key, made.Credential.Reveal(), err
}

func (l localKeeper) list(ctx context.Context, unused time.Duration) ([]identityapp.Key, error) {
	return l.keys.List.Do(ctx, identityapp.ListKeys{Read: cqrs.Read{By: l.by}, Unused: unused})
}

func (l localKeeper) rotate(ctx context.Context, id string, r identity.Rotation) (identityapp.Key, string, error) {
	made, err := l.keys.Rotate.Do(ctx, identityapp.RotateKey{Change: cqrs.Change{By: l.by}, ID: id, Rotation: r})
	return made.Key, made.Credential.Reveal(), err
}

func (l localKeeper) revoke(ctx context.Context, id string) (identityapp.Key, error) {
	return l.keys.Revoke.Do(ctx, identityapp.RevokeKey{Change: cqrs.Change{By: l.by}, ID: id})
}

// remoteKeeper asks the server that runs.
type remoteKeeper struct{ server adminapi.Client }

func (r remoteKeeper) create(ctx context.Context, g identity.Grant) (identityapp.Key, string, error) {
	asked := adminapi.NewKey{
		Name: g.Name, Personas: g.Personas, Attributes: g.Attributes, Lifetime: adminapi.Duration(g.Lifetime), Networks: g.Networks,
	}
	for _, rule := range g.Scope {
		asked.Scope = append(asked.Scope, identityapp.Narrowing{Actions: rule.Actions, Targets: rule.Targets})
	}
	made, err := r.server.Create(ctx, asked)
	return made.Key, made.Credential, err
}

func (r remoteKeeper) list(ctx context.Context, unused time.Duration) ([]identityapp.Key, error) {
	return r.server.List(ctx, unused)
}

func (r remoteKeeper) rotate(ctx context.Context, id string, rotation identity.Rotation) (identityapp.Key, string, error) {
	made, err := r.server.Rotate(ctx, id, adminapi.Rotation{
		Overlap: adminapi.Duration(rotation.Overlap), Lifetime: adminapi.Duration(rotation.Lifetime),
	})
	return made.Key, made.Credential, err
}

func (r remoteKeeper) revoke(ctx context.Context, id string) (identityapp.Key, error) {
	return r.server.Revoke(ctx, id)
}
