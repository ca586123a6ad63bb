package auditapp

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/observe"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/identity"
)

// Watch counts events and writes a line to the log for each, up to ten of a kind between two Flushes: more are told of in one
// line, so that a flood cannot fill the log. It keeps nothing but counts and the habits of those who are known, in bounded
// memory, and waits for nothing. Safe for concurrent use.
type Watch struct {
	now     func() time.Time
	log     *zap.Logger
	counter metric.Int64Counter
	of      map[Event]metric.AddOption

	places places
	paces  paces

	mu    sync.Mutex
	lines map[Event]*lines
}

// linesKept is how many lines of one kind are written between two Flushes.
const linesKept = 10

type lines struct {
	written int
	silent  int64
}

// NewWatch makes a watch whose counts begin at 0, so that the first event is an increase.
func NewWatch(meters metric.MeterProvider, log *zap.Logger, now func() time.Time) (*Watch, error) {
	counter, err := meters.Meter(observe.Scope).Int64Counter(observe.SecurityEvents, metric.WithUnit("{event}"),
		metric.WithDescription("What may be an attack, or the beginning of one."))
	if err != nil {
		return nil, err
	}
	w := &Watch{now: now, log: log, counter: counter, of: make(map[Event]metric.AddOption), lines: make(map[Event]*lines)}
	for _, event := range Events() {
		w.of[event] = metric.WithAttributes(observe.SecurityEvent.String(string(event)))
		w.lines[event] = &lines{}
	}
	return w, nil
}

// Begin shows every count at 0.
func (w *Watch) Begin(ctx context.Context) {
	for _, option := range w.of {
		w.counter.Add(ctx, 0, option)
	}
}

// Concluded implements cqrs.Watcher.
func (w *Watch) Concluded(ctx context.Context, r audit.Record) {
	if event := EventOf(r); event != "" {
		w.tell(ctx, event, append(about(r), zap.String("denied_by", r.DeniedBy), zap.String("code", r.Outcome))...)
	}
	if r.Actor == "" {
		return
	}
	usual, burst := w.paces.count(r.Actor, w.now())
	if burst {
		w.tell(ctx, Burst, append(about(r), zap.String("principal", r.Actor), zap.Float64("usual_per_minute", usual))...)
	}
}

// about leads from a line to the record, which says more.
func about(r audit.Record) []zap.Field {
	fields := []zap.Field{zap.String("request_id", r.Request), zap.String("address", r.Address)}
	if r.Trace != "" {
		fields = append(fields, zap.String(observe.TraceID, r.Trace))
	}
	return fields
}

// Lost implements cqrs.Watcher.
func (w *Watch) Lost(ctx context.Context, err error) {
	if errors.Is(err, audit.ErrBroken) {
		w.tell(ctx, JournalBroken)
	}
}

// Sighted hears that a key has let somebody in from an address. before is the last address that the store knows of; it counts
// when the key is seen for the first time. A key that was never used comes from nowhere new.
func (w *Watch) Sighted(ctx context.Context, key identity.KeyID, before, address string) {
	if address == "" {
		return
	}
	if w.places.visit(key, before, cqrs.Origin(address)) {
		return
	}
	fields := []zap.Field{zap.Stringer("key", key), zap.String("address", address), observe.Trace(ctx)}
	if request := cqrs.RequestFrom(ctx); request != nil {
		fields = append(fields, zap.String("request_id", request.ID()))
	}
	w.tell(ctx, NewAddress, fields...)
}

// Took hears that a secret was taken out of a text. It only counts: the text may be a line of the log, which is being written.
func (w *Watch) Took(ctx context.Context) {
	w.counter.Add(ctx, 1, w.of[Redacted])
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines[Redacted].silent++
}

// Flush tells of what had no line of its own since the last time. Whoever owns the watch calls it once a minute and at the end.
func (w *Watch) Flush() {
	for _, event := range Events() {
		w.mu.Lock()
		silent := w.lines[event].silent
		*w.lines[event] = lines{}
		w.mu.Unlock()
		if silent > 0 {
			w.log.Warn("security events without a line of their own", zap.String("event", string(event)), zap.Int64("count", silent))
		}
	}
}

func (w *Watch) tell(ctx context.Context, event Event, fields ...zap.Field) {
	w.counter.Add(ctx, 1, w.of[event])
	w.mu.Lock()
	l := w.lines[event]
	speak := l.written < linesKept
	if speak {
		l.written++
	} else {
		l.silent++
	}
	w.mu.Unlock()
	if speak {
		w.log.Warn("security event", append([]zap.Field{zap.String("event", string(event))}, fields...)...)
	}
}
