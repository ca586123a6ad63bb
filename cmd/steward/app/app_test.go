package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/fx"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/cmd/steward/app"
	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/identityapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/internal/presentation/mcpapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// settings are of a server whose state is the test's alone, on free ports.
func settings(t *testing.T) app.Settings {
	t.Helper()
	c := config.Default()
	c.StateDir = t.TempDir()
	c.Audit.Dir = filepath.Join(c.StateDir, "audit")
	c.Server.Listen, c.Server.AdminListen = "127.0.0.1:0", "127.0.0.1:0"
	c.Log.Level = "error"
	c.Personas = map[string]config.Persona{"analyst": {}}
	return app.Settings{Config: c, Version: "test"}
}

func quiet() fx.Option { return fx.Replace(zap.NewNop()) }

func idle(ctx context.Context, _ *mcpapi.Server, _ access.Principal) error {
	<-ctx.Done()
	return nil
}

func TestOptions_AreComplete(t *testing.T) {
	t.Parallel()
	for name, transport := range map[string]fx.Option{"serve": app.Serve(), "stdio": app.Stdio(idle)} {
		if err := fx.ValidateApp(app.Options(settings(t)), transport); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The validation would say nothing of a module that is in the list twice or not at all; a stranger must be noticed.
func TestOptions_ValidationFindsWhatIsMissing(t *testing.T) {
	t.Parallel()
	type nobodyMakesThis struct{}
	err := fx.ValidateApp(app.Options(settings(t)), app.Serve(), fx.Invoke(func(nobodyMakesThis) {}))
	if err == nil || !strings.Contains(err.Error(), "nobodyMakesThis") {
		t.Errorf("validated: %v", err)
	}
}

func TestServe_StartsAndStopsCleanly(t *testing.T) {
	t.Parallel()
	s := settings(t)
	var listeners *app.Listeners
	a := fx.New(app.Options(s), app.Serve(), quiet(), fx.Populate(&listeners))
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{listeners.Main.Address() + "/health", listeners.Admin.Address() + "/livez", listeners.Admin.Address() + "/readyz"} {
		if status := get(t, "http://"+url); status != http.StatusOK {
			t.Errorf("%s: HTTP %d", url, status)
		}
	}
	if err := a.Stop(t.Context()); err != nil {
		t.Errorf("stop: %v", err)
	}
	want := []audit.Phase{audit.Note, audit.Note}
	if diff := cmp.Diff(want, phases(records(t, s))); diff != "" {
		t.Errorf("on record of a server that nobody asked anything (-want +got):\n%s", diff)
	}
	// Everything was let go of: the next one takes it up.
	again := fx.New(app.Options(s), app.Serve(), quiet())
	if err := errors.Join(again.Start(t.Context()), again.Stop(t.Context())); err != nil {
		t.Errorf("a second start on the same state: %v", err)
	}
}

func TestRun_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	started := make(chan struct{})
	go func() { <-started; interrupt() }()
	err := app.Run(ctx, app.Options(settings(t)), app.Serve(), quiet(),
		fx.Invoke(func(lc fx.Lifecycle) { lc.Append(fx.StartHook(func() { close(started) })) }))
	if err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestRun_EndsWithTheInputOfStdio(t *testing.T) {
	t.Parallel()
	s := settings(t)
	s.Stdio = true
	err := app.Run(t.Context(), app.Options(s), quiet(), app.Stdio(func(ctx context.Context, m *mcpapi.Server, who access.Principal) error {
		return m.Stdio(ctx, strings.NewReader(""), io.Discard, who, 1<<20)
	}))
	if err != nil {
		t.Errorf("ended with %v", err)
	}
}

// A state belongs to one server. The second is told so in one sentence, touches nothing, and leaves the first alone.
func TestServe_RefusesAStateThatIsServed(t *testing.T) {
	t.Parallel()
	s := settings(t)
	var listeners *app.Listeners
	first := fx.New(app.Options(s), app.Serve(), quiet(), fx.Populate(&listeners))
	if err := first.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := first.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("stop: %v", err)
		}
	}()
	before := records(t, s)
	for name, err := range map[string]error{
		"a second server": app.Run(t.Context(), app.Options(s), app.Serve(), quiet()),
		"keys":            app.Administer(t.Context(), s, "keys", nil),
	} {
		if !errors.Is(err, auditlog.ErrLocked) || err.Error() != auditlog.ErrLocked.Error() {
			t.Errorf("%s: %v, want %v alone", name, err, auditlog.ErrLocked)
		}
	}
	if diff := cmp.Diff(before, records(t, s)); diff != "" {
		t.Errorf("the journal has changed (-want +got):\n%s", diff)
	}
	if status := get(t, "http://"+listeners.Main.Address()+"/health"); status != http.StatusOK {
		t.Errorf("the first server answers HTTP %d", status)
	}
}

func TestServe_SaysThatAPortIsTaken(t *testing.T) {
	t.Parallel()
	s, other := settings(t), settings(t)
	var listeners *app.Listeners
	first := fx.New(app.Options(s), app.Serve(), quiet(), fx.Populate(&listeners))
	if err := first.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := first.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("stop: %v", err)
		}
	}()
	other.Config.Server.Listen = listeners.Main.Address()
	err := app.Run(t.Context(), app.Options(other), app.Serve(), quiet())
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("ended with %v", err)
	}
	if got := phases(records(t, other)); !cmp.Equal(got, []audit.Phase{audit.Note, audit.Note}) {
		t.Errorf("what had started was not stopped: %v", got)
	}
}

// Several desktop clients start one stdio process each, on a state that a server may have too; each writes a chain of
// its own.
func TestStdio_SharesAState(t *testing.T) {
	t.Parallel()
	s := settings(t)
	for _, transport := range []fx.Option{app.Serve(), app.Stdio(idle), app.Stdio(idle), app.Stdio(idle)} {
		a := fx.New(app.Options(s), transport, quiet())
		s.Stdio = true // from the second on
		if err := a.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := a.Stop(context.WithoutCancel(t.Context())); err != nil {
				t.Errorf("stop: %v", err)
			}
		}()
	}
	chains := app.Chains(s.Config)
	if len(chains) != 4 { // the server's own, and three
		t.Errorf("the chains are %v", chains)
	}
	for _, chain := range chains {
		if report, err := chain.Verify(t.Context(), nil); err != nil || report.Bad != nil || report.Records != 1 || report.Signed != 1 {
			t.Errorf("%s: %+v, %v", filepath.Base(chain.Dir), report, err)
		}
	}
}

func TestAdminister_IsOnRecord(t *testing.T) {
	t.Parallel()
	s := settings(t)
	act := func(do func(context.Context, app.Acts, access.Principal) error) {
		t.Helper()
		if err := app.Administer(t.Context(), s, "keys", do); err != nil {
			t.Fatal(err)
		}
	}
	var made identityapp.Created
	act(func(ctx context.Context, acts app.Acts, by access.Principal) (err error) {
		made, err = acts.Keys.Create.Do(ctx, identityapp.CreateKey{Change: cqrs.Change{By: by}, Grant: identity.Grant{Name: "alice", Personas: []string{"analyst"}}})
		return err
	})
	act(func(ctx context.Context, acts app.Acts, by access.Principal) error {
		all, err := acts.Keys.List.Do(ctx, identityapp.ListKeys{Read: cqrs.Read{By: by}})
		if len(all) != 1 || all[0].ID != made.Key.ID || all[0].State != identity.Active {
			t.Errorf("listed %+v", all)
		}
		return err
	})
	act(func(ctx context.Context, acts app.Acts, by access.Principal) error {
		k, err := acts.Keys.Revoke.Do(ctx, identityapp.RevokeKey{Change: cqrs.Change{By: by}, ID: made.Key.ID})
		if k.State != identity.Revoked {
			t.Errorf("revoked %+v", k)
		}
		return err
	})
	err := app.Administer(t.Context(), s, "keys", func(ctx context.Context, acts app.Acts, by access.Principal) error {
		_, err := acts.Keys.Create.Do(ctx, identityapp.CreateKey{Change: cqrs.Change{By: by}, Grant: identity.Grant{Name: "bob", Personas: []string{"absent"}}})
		return err
	})
	if !errors.Is(err, identityapp.ErrUnknownPersona) {
		t.Errorf("a persona that is not configured: %v", err)
	}
	var got []string
	for _, r := range records(t, s) {
		if r.Phase == audit.Note {
			continue
		}
		if r.Transport != "cli" || !strings.HasPrefix(r.Actor, "local:") || r.Request == "" {
			t.Errorf("the record does not say who and how: %+v", r)
		}
		got = append(got, strings.Join([]string{string(r.Phase), r.Action, r.Target, r.Outcome}, " "))
	}
	want := []string{
		"intent admin.keys.create key:alice ", "closed admin.keys.create key:alice ok",
		"closed admin.keys.list key:all ok",
		"intent admin.keys.revoke key:" + made.Key.ID + " ", "closed admin.keys.revoke key:" + made.Key.ID + " ok",
		"intent admin.keys.create key:bob ", "closed admin.keys.create key:bob identity.unknown_persona",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("on record (-want +got):\n%s", diff)
	}
	for _, r := range records(t, s) {
		if secret := strings.Split(made.Credential.Reveal(), "_")[3]; strings.Contains(string(r.AppendJSON(nil)), secret) {
			t.Errorf("a record holds the secret: %+v", r)
		}
	}
}

// The files of the state belong to their owner alone: they decide who gets in and tell what was done.
func TestServe_KeepsItsStateToItself(t *testing.T) {
	t.Parallel()
	s := settings(t)
	s.Config.StateDir = filepath.Join(s.Config.StateDir, "new", "state")
	s.Config.Audit.Dir = filepath.Join(s.Config.StateDir, "audit")
	a := fx.New(app.Options(s), app.Serve(), quiet())
	if err := errors.Join(a.Start(t.Context()), a.Stop(t.Context())); err != nil {
		t.Fatal(err)
	}
	files := 0
	err := filepath.WalkDir(s.Config.StateDir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %s", path, info.Mode())
		}
		files++
		return nil
	})
	if err != nil || files < 5 { // folder, database, pepper, journal's folder, segment
		t.Errorf("%d files, %v", files, err)
	}
}

// records reads the server's journal.
func records(t *testing.T, s app.Settings) []audit.Record {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(s.Config.Audit.Dir, "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var all []audit.Record
	for _, segment := range segments {
		text, err := os.ReadFile(segment)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(bytes.TrimRight(text, "\n")) { // what follows is room for more
			var r audit.Record
			if err := json.Unmarshal(line, &r); err != nil {
				t.Fatal(err)
			}
			all = append(all, r)
		}
	}
	return all
}

func phases(all []audit.Record) []audit.Phase {
	var found []audit.Phase
	for _, r := range all {
		found = append(found, r.Phase)
	}
	return found
}

func get(t *testing.T, url string) int {
	t.Helper()
	const patience = 20 * time.Second
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}
