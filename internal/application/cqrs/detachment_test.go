package cqrs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
)

func (f *fixture) recorder() *cqrs.Recorder { return cqrs.NewRecorder(f, time.Now) }

func (f *fixture) note(event string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events = append(f.events, event)
}

func TestDetachment_LetsAMessageOutliveItsRequest(t *testing.T) {
	for name, c := range map[string]struct {
		read bool
		want []string
	}{
		"a change, whose intent is there": {want: []string{"intent ", "begun", "run", "closed ok"}},
		"a read, whose intent is not":     {read: true, want: []string{"begun", "intent ", "run", "closed ok"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fixture{}
			gate := f.gate()
			bound := f.bound(done)
			bound.ReadOnly, bound.Arguments = c.read, "digest"
			ctx, request := f.recorder().Open(t.Context(), cqrs.Arrival{Transport: "http"})
			var d *cqrs.Detachment
			var told cqrs.Detached
			ctx, d = cqrs.Detachable(ctx, func(ctx context.Context) (err error) {
				f.note("begun")
				if told, err = d.Detach(ctx); err != nil {
					t.Error(err)
				}
				if !request.Closed() {
					t.Error("the request is not free to be answered")
				}
				if _, err := d.Detach(ctx); !errors.Is(err, cqrs.ErrNotRunning) {
					t.Errorf("a second time: %v", err)
				}
				return nil
			})
			if _, err := cqrs.GovernCommand(gate, handler[change]{bound: bound}).Do(ctx, change{cqrs.Change{By: somebody}}); err != nil {
				t.Fatal(err)
			}
			if err := request.Close(ctx, cqrs.Outcome{Fault: errThing}); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(c.want, f.events); diff != "" {
				t.Errorf("what happened (-want +got):\n%s", diff)
			}
			for _, r := range f.records {
				if r.Request != request.ID() || r.Request != told.Request.String() || r.Transport != "http" {
					t.Errorf("on record of %s: %+v", told.Request, r)
				}
			}
			if told.Arguments != "digest" {
				t.Errorf("told %+v", told)
			}
		})
	}
}

func TestDetachment_HasNothingToDetachBeforeAndAfterTheRun(t *testing.T) {
	f := &fixture{}
	ctx, d := cqrs.Detachable(t.Context(), func(context.Context) error { return nil })
	if _, err := d.Detach(ctx); !errors.Is(err, cqrs.ErrNotRunning) {
		t.Errorf("before: %v", err)
	}
	if _, err := cqrs.GovernCommand(f.gate(), handler[change]{bound: f.bound(done)}).Do(ctx, change{cqrs.Change{By: somebody}}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Detach(ctx); !errors.Is(err, cqrs.ErrNotRunning) {
		t.Errorf("after: %v", err)
	}
}

func TestDetachment_KeepsARefusedMessageFromBeginning(t *testing.T) {
	f := &fixture{denied: map[string]bool{"thing.change thing:a": true}}
	ctx, _ := cqrs.Detachable(t.Context(), func(context.Context) error { t.Error("it began"); return nil })
	_, _ = cqrs.GovernCommand(f.gate(), handler[change]{bound: f.bound(done)}).Do(ctx, change{cqrs.Change{By: somebody}})
}

func TestDetachment_RunsNothingWhenItsBeginningFails(t *testing.T) {
	f := &fixture{}
	ctx, _ := cqrs.Detachable(t.Context(), func(context.Context) error { return errThing })
	_, err := cqrs.GovernCommand(f.gate(), handler[change]{bound: f.bound(done)}).Do(ctx, change{cqrs.Change{By: somebody}})
	if diff := cmp.Diff([]string{"intent ", "closed thing.closed"}, f.events); diff != "" || !errors.Is(err, errThing) {
		t.Errorf("%v, and on record:\n%s", err, diff)
	}
}

// What a message sends on does not take the place of the message.
func TestDetachment_IsOfTheFirstMessageOnly(t *testing.T) {
	f := &fixture{}
	begun := 0
	ctx, _ := cqrs.Detachable(t.Context(), func(context.Context) error { begun++; return nil })
	gate := f.gate()
	outer := f.bound(func(ctx context.Context) (string, error) {
		return cqrs.GovernCommand(gate, handler[change]{bound: f.bound(done)}).Do(ctx, change{cqrs.Change{By: somebody}})
	})
	if _, err := cqrs.GovernCommand(gate, handler[change]{bound: outer}).Do(ctx, change{cqrs.Change{By: somebody}}); err != nil || begun != 1 {
		t.Errorf("%v; begun %d times", err, begun)
	}
}

// An intent that cannot be kept leaves everything as it was: the message answers its request.
func TestDetachment_ThatCannotBeRecordedIsNone(t *testing.T) {
	f := &fixture{broken: func(r audit.Record) error {
		if r.Phase == audit.Intent {
			return errDisk
		}
		return nil
	}}
	ctx, request := f.recorder().Open(t.Context(), cqrs.Arrival{})
	var d *cqrs.Detachment
	ctx, d = cqrs.Detachable(ctx, func(ctx context.Context) error {
		_, err := d.Detach(ctx)
		if fault.From(err).Code != errDisk.Code || request.Closed() {
			t.Errorf("%v; closed %t", err, request.Closed())
		}
		return nil
	})
	bound := f.bound(done)
	bound.ReadOnly = true
	if _, err := cqrs.GovernCommand(f.gate(), handler[change]{bound: bound}).Do(ctx, change{cqrs.Change{By: somebody}}); err != nil || !request.Closed() {
		t.Errorf("%v; closed %t", err, request.Closed())
	}
}

func TestDetachment_IsNotForWhatIsNoWork(t *testing.T) {
	f := &fixture{}
	bound := f.bound(done)
	bound.Brief = true
	ctx, d := cqrs.Detachable(t.Context(), func(context.Context) error {
		f.note("begun")
		return nil
	})
	if _, err := cqrs.GovernQuery(f.gate(), handler[read]{bound: bound}).Do(ctx, read{cqrs.Read{By: somebody}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"run", "closed ok"}, f.events); diff != "" {
		t.Errorf("what happened (-want +got):\n%s", diff)
	}
	if _, err := d.Detach(ctx); !errors.Is(err, cqrs.ErrNotRunning) {
		t.Errorf("it could be detached: %v", err)
	}
}
