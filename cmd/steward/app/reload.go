package app

import (
	"context"
	"os"
	"os/signal"
	"reflect"
	"sync"
	"sync/atomic"
	"syscall"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/observe"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

// reloadModule reads the personas anew whenever the process gets SIGHUP. Whatever else the configuration says needs a
// restart.
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

type reloader struct {
	load    func() (config.Config, error)
	running config.Config
	policy  *access.Switch
	records *cqrs.Recorder
	log     *zap.Logger
	refused atomic.Pointer[fault.Fault] // why the last attempt failed; nil when it did not
}

func newReloader(lc fx.Lifecycle, s Settings, policy *access.Switch, records *cqrs.Recorder, log *zap.Logger) *reloader {
	r := &reloader{load: s.Reload, running: s.Config, policy: policy, records: records, log: log}
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

// reload puts the policy of the file in place, unless the file has any error or the act cannot be recorded: then all
// stays as it is.
func (r *reloader) reload(ctx context.Context) {
	ctx, request := r.records.Open(ctx, cqrs.Arrival{Transport: "signal", Method: "SIGHUP"})
	request.Identify(reloadActor)
	request.Concerns(reloadDemand)
	loaded, err := r.load()
	var rules *access.RuleSet
	if err == nil {
		rules, err = loaded.Policy()
	}
	outcome := cqrs.Outcome{Decision: access.Decision{Policy: r.policy.Rules().Hash()}}
	if err != nil {
		outcome.Fault = errReload
		r.log.Error("the policy from before holds: the configuration has errors", zap.String("request_id", request.ID()), zap.Error(err))
	} else {
		outcome.Decision.Policy = rules.Hash()
	}
	if lost := request.Close(ctx, outcome); lost != nil {
		outcome.Fault = fault.From(lost)
		r.log.Error("audit.lost", zap.String("request_id", request.ID()), observe.Error(lost))
	}
	r.refused.Store(outcome.Fault)
	if outcome.Fault != nil {
		return
	}
	before := r.policy.Replace(rules)
	r.log.Info("the personas were read anew", zap.String("request_id", request.ID()),
		zap.String("policy", rules.Hash()), zap.String("before", before.Hash()))
	if loaded.Personas = r.running.Personas; !reflect.DeepEqual(loaded, r.running) {
		r.log.Warn("the configuration has other changes, which need a restart")
	}
}

func (r *reloader) check(context.Context) error {
	if f := r.refused.Load(); f != nil {
		return f
	}
	return nil
}
