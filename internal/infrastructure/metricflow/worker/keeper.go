package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
)

const (
	firstBackOff = time.Second
	lastBackOff  = 30 * time.Second
)

// keep has one worker running until ctx ends: it starts one, offers it, waits for its end, starts the next. A
// worker that was ended by a deadline, or that had served, is replaced at once; one that failed to start, or
// ended before it served anything, is replaced after a pause that doubles.
func (s *Source) keep(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		p, err := s.start(ctx)
		if err == nil {
			s.offer(p)
			<-p.done
			s.withdraw(p)
			err = prematureEnd(p)
		}
		if err == nil {
			failures = 0
			continue
		}
		failures++
		pause := backOff(failures)
		s.fail(ctx, err, pause)
		wait(ctx, pause)
	}
}

// prematureEnd is an error when p ended by itself without having served.
func prematureEnd(p *process) error {
	if p.served.Load() || p.stopped.Load() {
		return nil
	}
	return cannotGreet(errors.New("the worker ended before its first answer"), false)
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

// start launches a worker and waits until it is ready. A notStarted error says why there is none.
func (s *Source) start(ctx context.Context) (*process, error) {
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
		Manifest:    s.cfg.manifest(),
		IdleRelease: s.cfg.IdleRelease.Milliseconds(),
		LockWait:    s.cfg.LockWait.Milliseconds(),
		MaxFrame:    s.cfg.MaxAnswer,
	})
	if err == nil && p.ready.Ready {
		s.log.Info("metrics engine ready", zap.String("metricflow", p.ready.Versions.MetricFlow), zap.String("adapter", p.ready.Adapter))
		return p, nil
	}
	p.kill()
	<-p.done
	if err != nil {
		return nil, cannotGreet(err, soon.Err() != nil && ctx.Err() == nil)
	}
	if p.ready.Problem == nil {
		return nil, cannotGreet(errGarbage, false)
	}
	return nil, cannotServe(*p.ready.Problem)
}

// fail remembers why there is no worker, so that questions are refused with the reason instead of waiting.
func (s *Source) fail(ctx context.Context, err error, pause time.Duration) {
	if ctx.Err() != nil {
		return
	}
	var n *notStarted
	if !errors.As(err, &n) {
		n = cannotGreet(err, false)
	}
	s.log.Warn("metrics engine not available", zap.String("at", string(n.at)), zap.String("reason", n.fault.Message),
		zap.String("detail", s.redact.Replace(n.detail)), zap.Duration("again_in", pause), zap.NamedError("cause", redacted(n.fault.Unwrap(), s)))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure, s.again = n, s.now().Add(pause)
	s.announce()
}

func redacted(err error, s *Source) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s", s.redact.Replace(err.Error()))
}
