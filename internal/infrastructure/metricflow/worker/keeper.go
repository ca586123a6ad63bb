package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

const (
	firstBackOff = time.Second
	lastBackOff  = 30 * time.Second
	drainTime    = 2 * time.Second // for a worker that is no longer needed to close its session with the warehouse
)

// keep has one worker running until ctx ends: it starts one, offers it, waits for its end, starts the next. A worker
// that was ended by a deadline, or that had served, is replaced at once, and so is one that was struck before it could
// serve, for once. One that fails to start, or ends unused again, is replaced after a pause that doubles.
func (s *Source) keep(ctx context.Context, keeper int) {
	failures := 0
	for ctx.Err() == nil {
		p, err := s.start(ctx)
		if err != nil {
			failures++
		} else {
			s.pool.offer(keeper, p)
			attend(ctx, p)
			if failures++; p.served.Load() || p.stopped.Load() {
				failures = 0
			}
			s.pool.withdraw(keeper, p, failures <= 1)
			if failures <= 1 {
				continue
			}
			err = cannotGreet(errors.New("the worker ended before its first answer"), false)
		}
		pause := backOff(failures)
		s.fail(ctx, keeper, err, pause)
		wait(ctx, pause)
	}
}

// attend waits for the end of p, or brings it about when p is to be replaced: it lets p end by itself, and then ends it.
func attend(ctx context.Context, p *process) {
	select {
	case <-p.done:
		return
	case <-p.retired:
	}
	p.closeInput()
	soon, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	select {
	case <-p.done:
	case <-soon.Done():
		p.kill()
		<-p.done
	}
}

func backOff(failures int) time.Duration {
	pause := firstBackOff
	for i := 1; i < failures && pause < lastBackOff; i++ {
		pause *= 2
	}
	return min(pause, lastBackOff)
}

func wait(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause) //nolint:forbidigo // a pause in the outside world, not a reading of the clock
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// start launches a worker and waits until it is ready and has the engine of the present manifest. A notStarted error
// says why there is none. Only so many start at a time: the first is ready sooner when it has a processor to itself.
func (s *Source) start(ctx context.Context) (*process, error) {
	select {
	case s.starting <- struct{}{}:
		defer func() { <-s.starting }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p, err := launch(ctx, s.cfg, s.env, s.source, s.log, s.redact)
	if err != nil {
		return nil, cannotLaunch(err)
	}
	soon, cancel := context.WithTimeout(ctx, s.cfg.ReadyTimeout)
	defer cancel()
	err = p.greet(soon, hello{
		ProjectDir:  s.cfg.ProjectDir,
		ProfilesDir: s.cfg.ProfilesDir,
		Target:      s.cfg.Target,
		IdleRelease: s.cfg.IdleRelease.Milliseconds(),
		LockWait:    s.cfg.LockWait.Milliseconds(),
		MaxFrame:    s.cfg.MaxAnswer,
	})
	if err == nil && p.ready.Ready {
		s.warm(soon, p)
		if p.alive() {
			p.lease = newLease(s.cfg, s.now())
			s.log.Info("metrics engine ready", zap.String("metricflow", p.ready.Versions.MetricFlow), zap.String("adapter", p.ready.Adapter))
			return p, nil
		}
		err = errEnded
	}
	p.kill()
	<-p.done
	return nil, notReady(p, err, soon.Err() != nil && ctx.Err() == nil)
}

func notReady(p *process, err error, timedOut bool) *notStarted {
	switch {
	case err != nil:
		return cannotGreet(err, timedOut)
	case p.ready.Problem == nil:
		return cannotGreet(errGarbage, false)
	}
	return cannotServe(*p.ready.Problem)
}

// warm has p build the engine of the present manifest. When there is none, or none that the engine can read, questions
// are told so in their turn; the worker is well.
func (s *Source) warm(ctx context.Context, p *process) {
	hash, err := s.manifests.Present(ctx)
	if err == nil {
		err = s.hand(ctx, p, hash)
	}
	if err != nil {
		s.log.Debug("metrics engine without a manifest", zap.Error(redacted(err, s)))
	}
}

// fail remembers why there is no worker, and tells the operator.
func (s *Source) fail(ctx context.Context, keeper int, err error, pause time.Duration) {
	if ctx.Err() != nil {
		return
	}
	var n *notStarted
	if !errors.As(err, &n) {
		n = cannotGreet(err, false)
	}
	s.log.Warn("metrics engine not available", zap.String("at", string(n.at)), zap.String("reason", n.fault.Message),
		zap.String("detail", s.redact.Replace(n.detail)), zap.Duration("again_in", pause),
		zap.NamedError("cause", redacted(n.fault.Unwrap(), s)), zap.Stringer("workers", s.State()))
	s.pool.fail(keeper, n, pause)
}

func redacted(err error, s *Source) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s", s.redact.Replace(err.Error()))
}

// tendEvery is how often somebody looks whether the manifest is a new one and whether a worker has aged.
const tendEvery = time.Second

// tend has idle workers build the engine of a new manifest before a question needs it, and replaces those whose time
// is up. One worker at a time is taken, the one used longest ago first, so that questions go on meanwhile.
func (s *Source) tend(ctx context.Context) {
	ticker := time.NewTicker(tendEvery) //nolint:forbidigo // a look at the outside world, not a reading of the clock
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		s.pool.replaceAged()
		s.prepare(ctx)
	}
}

func (s *Source) prepare(ctx context.Context) {
	hash, err := s.manifests.Present(ctx)
	if err != nil {
		return
	}
	for {
		p := s.pool.borrow(func(p *process) bool { return !p.knows(hash) })
		if p == nil {
			return
		}
		soon, cancel := context.WithTimeout(ctx, s.cfg.ReadyTimeout)
		err := s.hand(soon, p, hash)
		cancel()
		s.pool.giveBack(p)
		if err != nil {
			s.log.Warn("metrics engine cannot take the new manifest", zap.Error(redacted(err, s)))
			return
		}
	}
}

// hand gives p the manifest with this hash, unless p has it. It is ErrManifestChanged when nobody has its bytes any
// more, and ErrManifest when the engine cannot read it.
func (s *Source) hand(ctx context.Context, p *process, hash string) error {
	if p.has(hash) {
		return nil
	}
	data, found := s.manifests.Bytes(hash)
	if !found {
		return metric.ErrManifestChanged.After(time.Second)
	}
	return p.load(ctx, hash, data)
}
