package metric

import "context"

// Stage is what is being done for a question at the moment.
type Stage string

// The stages, in the order in which a question passes them. A stage that takes no time may not be told of, and a
// question that has to begin anew is waiting again.
const (
	StageWaiting   Stage = "waiting"   // for its turn, or for the engine to start
	StageCompiling Stage = "compiling" // the engine turns it into SQL
	StageRunning   Stage = "running"   // the warehouse works
	StageReading   Stage = "reading"   // the answer comes in
)

type progressKey struct{}

// WithProgress returns a ctx with which a Source or Validator tells seen what it does, at every change of stage. seen
// is called on the goroutine that asks and never after the answer, so it needs no lock, and an answer waits for it.
func WithProgress(ctx context.Context, seen func(Stage)) context.Context {
	last := Stage("")
	return context.WithValue(ctx, progressKey{}, func(now Stage) {
		if now != last {
			last = now
			seen(now)
		}
	})
}

// Progress returns the function that WithProgress has put into ctx, or one that does nothing.
func Progress(ctx context.Context) func(Stage) {
	if seen, ok := ctx.Value(progressKey{}).(func(Stage)); ok {
		return seen
	}
	return func(Stage) {}
}
