package app

import (
	"context"
	"os"
	"sync/atomic"

	"go.opentelemetry.io/otel/metric"

	"github.com/steward-mcp/steward/internal/application/auditapp"
	"github.com/steward-mcp/steward/internal/application/observe"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/redact"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

// firings counts what is taken out of texts. The log is there before anything is counted, and misses nothing.
type firings struct {
	counter atomic.Pointer[metric.Int64Counter]
	watch   atomic.Pointer[auditapp.Watch]
}

func (f *firings) count(to redact.Sink, c redact.Class) {
	if counter := f.counter.Load(); counter != nil {
		(*counter).Add(context.Background(), 1, metric.WithAttributes(
			observe.RedactionSink.String(string(to)), observe.RedactionClass.String(string(c))))
	}
	if watch := f.watch.Load(); watch != nil && c.Secret() {
		watch.Took(context.Background())
	}
}

// newRedactor makes the one redactor of the process.
func newRedactor(c config.Config) (*redact.Redactor, *firings) {
	f := &firings{}
	return redact.New(f.count, c.Secrets(os.Environ())...), f
}

// countFirings begins to count.
func countFirings(f *firings, meters metric.MeterProvider, watch *auditapp.Watch) error {
	f.watch.Store(watch)
	counter, err := meters.Meter(observe.Scope).Int64Counter(observe.Redactions, metric.WithUnit("{redaction}"),
		metric.WithDescription("Secrets and hidden characters that were taken out of a text on its way out."))
	if err == nil {
		f.counter.Store(&counter)
	}
	return err
}

// discreetLog is a journal whose records hold no secret that a caller has put into a word of its own.
type discreetLog struct {
	audit.Log
	redact *redact.Redactor
}

// Append implements audit.Log.
func (d discreetLog) Append(ctx context.Context, r audit.Record) error {
	for _, text := range []*string{&r.Actor, &r.Client, &r.Method, &r.Revision, &r.Target, &r.Redacted, &r.Purpose, &r.Detail} {
		*text = d.redact.Text(redact.Audit, *text)
	}
	cloned := false
	for i, demand := range r.Demands {
		clean := d.redact.Text(redact.Audit, demand)
		if clean == demand {
			continue
		}
		if !cloned {
			r.Demands, cloned = append([]string(nil), r.Demands...), true
		}
		r.Demands[i] = clean
	}
	return d.Log.Append(ctx, r)
}
