package worker

import (
	"context"
	"sync"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

// flights has work that several ask for at the same time done once. What has been done is not kept: whoever asks
// afterwards has it done again, and a number is never older than the question before it was.
type flights[K comparable, V any] struct {
	mu     sync.Mutex
	flying map[K]*flight[V]
	closed bool
	crew   sync.WaitGroup
}

// flight is one piece of work and those who wait for it.
type flight[V any] struct {
	cancel  context.CancelFunc
	waiters int // under the mutex of flights
	landed  chan struct{}
	value   V // with err, written before landed is closed
	err     error

	mu      sync.Mutex
	stage   metric.Stage
	changed chan struct{} // closed and replaced when stage changes
}

// do returns what work returns, which it begins unless it is under way for the same key. The work has the values of
// the first asker's ctx and nobody's deadline: each waiter leaves by itself, at once, when its own ctx ends, and the
// work's ctx ends with the last. Whoever asks then does not join what is about to be given up.
func (f *flights[K, V]) do(ctx context.Context, key K, work func(context.Context) (V, error)) (V, error) {
	joined, err := f.join(ctx, key, work)
	if err != nil {
		var none V
		return none, err
	}
	seen := metric.Progress(ctx)
	for told := metric.Stage(""); ; {
		stage, changed := joined.look()
		if stage != told {
			seen(stage)
			told = stage
		}
		select {
		case <-joined.landed:
			return joined.value, joined.err
		case <-ctx.Done():
			f.leave(key, joined)
			var none V
			return none, fault.From(ctx.Err())
		case <-changed:
		}
	}
}

func (f *flights[K, V]) join(ctx context.Context, key K, work func(context.Context) (V, error)) (*flight[V], error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, errClosing
	}
	if joined := f.flying[key]; joined != nil {
		joined.waiters++
		return joined, nil
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	begun := &flight[V]{
		cancel: cancel, waiters: 1, landed: make(chan struct{}),
		stage: metric.StageWaiting, changed: make(chan struct{}),
	}
	if f.flying == nil {
		f.flying = map[K]*flight[V]{}
	}
	f.flying[key] = begun
	f.crew.Go(func() {
		defer cancel()
		begun.value, begun.err = work(metric.WithProgress(ctx, begun.reach))
		f.forget(key, begun)
		close(begun.landed)
	})
	return begun, nil
}

func (f *flights[K, V]) leave(key K, left *flight[V]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if left.waiters--; left.waiters > 0 {
		return
	}
	if f.flying[key] == left {
		delete(f.flying, key)
	}
	left.cancel()
}

func (f *flights[K, V]) forget(key K, landed *flight[V]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.flying[key] == landed {
		delete(f.flying, key)
	}
}

// close refuses new work and waits for what is under way, which somebody else has brought to its end.
func (f *flights[K, V]) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.crew.Wait()
}

func (f *flight[V]) reach(stage metric.Stage) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stage = stage
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *flight[V]) look() (metric.Stage, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stage, f.changed
}
