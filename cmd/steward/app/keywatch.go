package app

import (
	"context"
	"sync"
	"time"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/identityapp"
	"github.com/steward-mcp/steward/internal/application/observe"
	domain "github.com/steward-mcp/steward/internal/domain/identity"
)

// How often a running server looks at its keys.
const (
	attendanceEvery = 2 * time.Second // whether those under which something runs still hold
	usageEvery      = time.Minute     // to write down when they were used
	expiryEvery     = 24 * time.Hour  // to warn of those that end soon
)

// newUsage writes down, once a minute and before the store closes, when keys were used.
func newUsage(lc fx.Lifecycle, keys domain.Repository, log *zap.Logger) *identityapp.Usage {
	usage := &identityapp.Usage{}
	flush := func(ctx context.Context) {
		if err := usage.Flush(ctx, keys); err != nil {
			log.Error("the use of keys could not be written down", observe.Error(err))
		}
	}
	repeat(lc, usageEvery, nil, flush, flush)
	return usage
}

// newAttendance ends requests whose credential has ended: a key by this process or another, a token by its time.
func newAttendance(lc fx.Lifecycle, a *identityapp.Authenticator, log *zap.Logger) *identityapp.Attendance {
	attendance := identityapp.NewAttendance(a)
	repeat(lc, attendanceEvery, nil, func(ctx context.Context) {
		for _, who := range attendance.Check(ctx) {
			log.Warn("requests were ended because their credential holds no more", zap.String("holder", who))
		}
	}, nil)
	return attendance
}

// warnOfExpiry tells of keys that end soon, at the start and once a day.
func warnOfExpiry(lc fx.Lifecycle, keys domain.Repository, n now, log *zap.Logger) {
	tell := func(ctx context.Context) {
		all, err := identityapp.List(ctx, keys, 0, n())
		if err != nil {
			log.Warn("the keys could not be listed", observe.Error(err))
		}
		for _, k := range all {
			if k.State == domain.Expiring {
				log.Warn("a key ends soon; steward keys rotate gives it another secret and term",
					zap.String("key", k.ID), zap.String("name", k.Name), zap.Time("expires", k.Expires))
			}
		}
	}
	repeat(lc, expiryEvery, tell, tell, nil)
}

// repeat does something while the application runs: first at the start, then every so often, last at the stop. first and
// last may be nil.
func repeat(lc fx.Lifecycle, period time.Duration, first, do, last func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	lc.Append(fx.StartStopHook(
		func(starting context.Context) {
			if first != nil {
				first(starting)
			}
			running.Go(func() { every(ctx, period, do) })
		},
		func(stopping context.Context) {
			cancel()
			running.Wait()
			if last != nil {
				last(stopping)
			}
		},
	))
}

// every does it until ctx ends.
func every(ctx context.Context, period time.Duration, do func(context.Context)) {
	ticks := time.NewTicker(period) //nolint:forbidigo // it happens although nothing else does; the lifecycle owns it
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			do(ctx)
		case <-ctx.Done():
			return
		}
	}
}
