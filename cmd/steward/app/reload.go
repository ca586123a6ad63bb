package app

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/changes"
	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/identityapp"
	"github.com/steward-mcp/steward/internal/application/observe"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	domain "github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/domain/redact"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

// reloadModule reads the configuration anew whenever the process gets SIGHUP, and takes from it the personas and the
// secrets in files of their own. Whatever else it says needs a restart.
var reloadModule = fx.Module("reload",
	fx.Provide(
		newReloader,
		check("policy", false, func(r *reloader) func(context.Context) error { return r.check }),
	),
	fx.Invoke(func(*reloader) {}),
)

// errReload is what readiness tells while the policy is not that of the file. Where the file is wrong is for the log.
var errReload = fault.New(fault.Precondition, "policy.reload",
	"The configuration could not be taken over when it was read anew; the policy from before holds. The log says what is wrong and where; mend it and send SIGHUP again.")

// What a reload is on record as.
var (
	reloadDemand = access.On("policy.reload", "policy", "personas")
	reloadActor  = access.Principal{Issuer: "system", Subject: "signal", Name: "SIGHUP"}
)

// The keys that a reload takes over.
const (
	personasAt = "personas"
	claudeAt   = "claude.api_key" // if there was one, and is
	staticAt   = "compat.api_key"
)

type reloader struct {
	load    func() (config.Config, error)
	running config.Config
	parts   reloadable
	records *cqrs.Recorder
	log     *zap.Logger
	refused atomic.Pointer[fault.Fault] // why the last attempt failed; nil when it did not
}

// reloadable are what a reload gives something else to.
type reloadable struct {
	fx.In
	Policy    *access.Switch
	Authn     *identityapp.Authenticator
	Authority domain.Authority
	Secrets   *liveSecrets
	Redact    *redact.Redactor
	Changes   *changes.Board
}

func newReloader(lc fx.Lifecycle, s Settings, parts reloadable, records *cqrs.Recorder, log *zap.Logger) *reloader {
	r := &reloader{load: s.Reload, running: s.Config, parts: parts, records: records, log: log}
	if s.Reload == nil {
		return r
	}
	hangups := make(chan os.Signal, 1)
	ctx, cancel := context.WithCancel(context.Background())
	var listening sync.WaitGroup
	lc.Append(fx.StartStopHook(
		func() {
			signal.Notify(hangups, syscall.SIGHUP)
			listening.Go(func() { r.listen(ctx, hangups) })
		},
		func() {
			cancel()
			listening.Wait()
			signal.Stop(hangups)
		},
	))
	return r
}

func (r *reloader) listen(ctx context.Context, hangups <-chan os.Signal) {
	for {
		select {
		case <-hangups:
			r.reload(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// reading is a configuration that was read anew, ready to be put in place.
type reading struct {
	config config.Config
	rules  *access.RuleSet
	static domain.StaticKey
	taken  []string // keys that are other than before, and are taken over
	left   []string // those that need a restart
}

func (r *reloader) read() (reading, error) {
	loaded, err := r.load()
	if err != nil {
		return reading{}, err
	}
	n := reading{config: loaded}
	if n.rules, err = loaded.Policy(); err != nil {
		return reading{}, err
	}
	compat := r.running.Compat
	compat.APIKey = loaded.Compat.APIKey
	if n.static, err = staticKey(r.parts.Authority, compat); err != nil {
		return reading{}, err
	}
	for _, key := range config.Changes(r.running, loaded) {
		live := key == personasAt || key == staticAt ||
			key == claudeAt && loaded.Claude.APIKey.IsSet() && r.running.Claude.APIKey.IsSet()
		if live {
			n.taken = append(n.taken, key)
		} else {
			n.left = append(n.left, key)
		}
	}
	return n, nil
}

// reload puts in place what the file and the files of secrets say now, unless there is any error or the act cannot be
// recorded: then all stays as it is.
func (r *reloader) reload(ctx context.Context) {
	ctx, request := r.records.Open(ctx, cqrs.Arrival{Transport: "signal", Method: "SIGHUP"})
	request.Identify(reloadActor)
	request.Concerns(reloadDemand)
	n, err := r.read()
	outcome := cqrs.Outcome{Decision: access.Decision{Policy: r.parts.Policy.Rules().Hash()}}
	if err != nil {
		outcome.Fault = errReload
		r.log.Error("the policy from before holds: the configuration has errors", zap.String("request_id", request.ID()), observe.Error(err))
	} else {
		outcome.Decision.Policy = n.rules.Hash()
		request.Explain(n.summary())
	}
	if lost := request.Close(ctx, outcome); lost != nil {
		outcome.Fault = fault.From(lost)
		r.log.Error("audit.lost", zap.String("request_id", request.ID()), observe.Error(lost))
	}
	r.refused.Store(outcome.Fault)
	if outcome.Fault == nil {
		r.apply(n, request.ID())
	}
}

// apply puts n in place. What it leaves is told of again at the next reload.
func (r *reloader) apply(n reading, request string) {
	r.parts.Redact.Learn(n.config.Claude.APIKey.Reveal(), n.config.Compat.APIKey.Reveal()) // before either is used
	r.parts.Authn.ReplaceStaticKey(n.static)
	r.running.Compat.APIKey = n.config.Compat.APIKey
	if slices.Contains(n.taken, claudeAt) {
		r.parts.Secrets.claude.Store(&n.config.Claude.APIKey)
		r.running.Claude.APIKey = n.config.Claude.APIKey
	}
	before := r.parts.Policy.Replace(n.rules)
	r.running.Personas = n.config.Personas
	r.parts.Changes.Announce(changes.Change{Rights: true})
	r.log.Info("the personas were read anew", zap.String("request_id", request), zap.Strings("changed", n.taken),
		zap.String("policy", n.rules.Hash()), zap.String("before", before.Hash()))
	if len(n.left) > 0 {
		r.log.Warn("the configuration has other changes, which need a restart", zap.Strings("keys", n.left))
	}
}

// summary is what the record says of n: keys, never values.
func (n reading) summary() string {
	parts := []string{"taken over: " + listed(n.taken)}
	if len(n.left) > 0 {
		parts = append(parts, "needs a restart: "+listed(n.left))
	}
	return strings.Join(parts, "; ")
}

func listed(keys []string) string {
	if len(keys) == 0 {
		return "nothing"
	}
	return strings.Join(keys, ", ")
}

func (r *reloader) check(context.Context) error {
	if f := r.refused.Load(); f != nil {
		return f
	}
	return nil
}
