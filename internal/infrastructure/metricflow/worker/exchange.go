package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

// slowGrace lets the engine finish what is sooner finished than begun anew by another worker, and lets drivers which
// stop a statement by means of another session open that one. DuckDB and PostgreSQL stop at once.
const slowGrace = 2 * time.Second

// errEnded is a worker that was gone before it had answered.
var errEnded = errors.New("the worker ended")

// greet says hello and waits for the ready frame, until ctx ends.
func (p *process) greet(ctx context.Context, h hello) error {
	err := p.exchange(ctx, 0, 0, parcel{head: h}, &p.ready)
	if err == nil && p.ready.Protocol != protocolVersion {
		p.kill()
		err = errGarbage
	}
	return err
}

// load has the worker build the engine of the manifest with this hash and these bytes, beside the one that it has.
func (p *process) load(ctx context.Context, hash string, data []byte) error {
	_, err := p.ask(ctx, request{Op: opLoad, Manifest: hash}, data)
	switch {
	case err == nil:
		p.manifests = append(p.manifests, hash)
		p.manifests = p.manifests[max(len(p.manifests)-enginesKept, 0):]
	case errors.Is(err, metric.ErrManifest):
		p.unfit = hash
	}
	return err
}

// ask sends one request, with the bytes that go with it if any, and reads its answer. When ctx ends first the worker
// is told to stop; one that does not in time, or breaks the protocol, is ended with its process group.
func (p *process) ask(ctx context.Context, r request, with []byte) (*result, error) {
	p.requests++
	r.ID = uint64(p.requests) //nolint:gosec // it counts up from 1
	var a answer
	send := parcel{head: r, body: with}
	if r.Op == opRun {
		send.heard = metric.Progress(ctx)
	}
	if err := p.exchange(ctx, r.ID, p.patience(r.Op), send, &a); err != nil {
		return nil, err
	}
	if a.ID != r.ID || (a.Result == nil) == (a.Error == nil) {
		p.kill()
		return nil, errGarbage
	}
	p.rss = a.RSS
	if r.Op != opLoad {
		p.served.Store(true)
	}
	switch {
	case a.Error == nil:
		return a.Result, nil
	case a.Error.Code == codeCanceled && ctx.Err() != nil:
		return nil, fault.From(ctx.Err())
	}
	return nil, a.Error.fault()
}

// patience is how long a worker may go on with a request that nobody waits for, before it is ended.
func (p *process) patience(op string) time.Duration {
	quick := p.ready.Adapter == "duckdb" || p.ready.Adapter == "postgres"
	if quick && op != opCompile && op != opLoad {
		return p.grace
	}
	return max(p.grace, slowGrace)
}

// parcel is what one exchange sends: a document, and bytes that follow it as they are.
type parcel struct {
	head  any
	body  []byte
	heard func(metric.Stage) // told when the answer begins to come; may be nil
}

func (f parcel) send(w io.Writer) error {
	head, err := json.Marshal(f.head)
	if err != nil {
		return fmt.Errorf("encode a request: %w", err)
	}
	if err := writeFrame(w, head); err != nil || f.body == nil {
		return err
	}
	return writeFrame(w, f.body)
}

func (f parcel) begun() {
	if f.heard != nil {
		f.heard(metric.StageReading)
	}
}

// exchange sends a parcel and reads one frame. The number is that of the request, 0 for none that could be stopped.
func (p *process) exchange(ctx context.Context, number uint64, grace time.Duration, send parcel, receive any) error {
	p.talk.Lock()
	defer p.talk.Unlock()
	settled := p.heed(ctx, number, grace)
	defer settled()
	err := send.send(p.in)
	if err == nil {
		err = readFrame(p.out, p.limit, receive, send.begun)
	}
	if err == nil {
		return nil
	}
	p.kill()
	switch {
	case ctx.Err() != nil:
		p.stopped.Store(true)
		return fault.From(ctx.Err())
	case errors.Is(err, errGarbage), errors.Is(err, errOversize):
		return err
	}
	return errors.Join(errEnded, err)
}

// heed watches ctx while a request is under way: when it ends, the worker is told, and ended when it does not answer
// within grace. The function it returns ends the watch, and returns when it is over.
func (p *process) heed(ctx context.Context, number uint64, grace time.Duration) (settled func()) {
	answered, over := make(chan struct{}), make(chan struct{})
	detach := context.AfterFunc(ctx, func() {
		defer close(over)
		if number == 0 || !p.stop(number) {
			p.kill()
			return
		}
		timer := time.NewTimer(grace) //nolint:forbidigo // a pause in the outside world, not a reading of the clock
		defer timer.Stop()
		select {
		case <-answered:
		case <-timer.C:
			p.kill()
		}
	})
	return func() {
		close(answered)
		if !detach() {
			<-over
		}
	}
}

// stop tells the worker that nobody waits for the request with this number, and reports whether it could be told.
func (p *process) stop(number uint64) bool {
	return writeNumber(p.stops, number) == nil
}
