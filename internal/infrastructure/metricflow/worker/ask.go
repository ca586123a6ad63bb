package worker

import (
	"context"
	"errors"
	"time"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

// bound is a question in the dialect of the warehouse, resting on one manifest.
type bound struct {
	asked

	adapter  string
	manifest string
}

func (b bound) digest() (digest, error) { return digestOf(b.adapter, b.manifest, b.asked) }

// bind waits until the dialect is known, which filters need, and settles which manifest a question rests on.
func (s *Source) bind(ctx context.Context, manifest string, build func(adapter string) (asked, error)) (bound, error) {
	s.Start(ctx)
	adapter, err := s.adapter(ctx)
	if err != nil {
		return bound{}, err
	}
	a, err := build(adapter)
	if err != nil {
		return bound{}, err
	}
	if manifest == "" {
		if manifest, err = s.manifests.Present(ctx); err != nil {
			return bound{}, err
		}
	}
	return bound{asked: a, adapter: adapter, manifest: manifest}, nil
}

// adapter is the name of the dbt adapter. Until a worker has told it, it waits in the queue for one that does.
func (s *Source) adapter(ctx context.Context) (string, error) {
	if r, known := s.pool.known(); known {
		return r.Adapter, nil
	}
	metric.Progress(ctx)(metric.StageWaiting)
	p, err := s.pool.acquire(ctx, false)
	if err != nil {
		return "", err
	}
	defer s.pool.release(p)
	return p.ready.Adapter, nil
}

func (s *Source) table(ctx context.Context, manifest string, build func(adapter string) (asked, error)) (metric.Table, error) {
	b, err := s.bind(ctx, manifest, build)
	if err != nil {
		return metric.Table{}, err
	}
	limit := b.question.Limit
	b.question.Limit++ // one row more than is answered tells whether there are more
	key, err := b.digest()
	if err != nil {
		return metric.Table{}, err
	}
	return s.answers.do(ctx, key, func(ctx context.Context) (metric.Table, error) {
		var t metric.Table
		err := s.on(ctx, func(p *process) error {
			made, err := s.compile(ctx, p, key, b)
			if err != nil {
				return err
			}
			t, err = run(ctx, p, made, limit, len(b.question.Where) > 0)
			return err
		})
		return t, err
	})
}

// secondChance is how long a question whose worker has ended waits for another one, before all others. Its asker hears
// within a second of what has happened, and it is the asker who decides whether that was reason enough to ask again.
const secondChance = 500 * time.Millisecond

// on has work done by a worker, in its turn. A worker that ends in the middle takes nothing with it, because questions
// only read: the question goes to another worker once, if one becomes free soon, and otherwise its asker is told to ask
// again. Never twice: it may be the question that ends workers.
func (s *Source) on(ctx context.Context, work func(p *process) error) error {
	metric.Progress(ctx)(metric.StageWaiting)
	err := s.once(ctx, work)
	if !errors.Is(err, errEnded) {
		return s.translate(err)
	}
	metric.Progress(ctx)(metric.StageWaiting)
	soon, cancel := context.WithTimeout(ctx, secondChance)
	defer cancel()
	p, none := s.pool.acquire(soon, true)
	if none != nil {
		return s.translate(err)
	}
	defer s.pool.release(p)
	return s.translate(work(p))
}

func (s *Source) once(ctx context.Context, work func(p *process) error) error {
	p, err := s.pool.acquire(ctx, false)
	if err != nil {
		return err
	}
	defer s.pool.release(p)
	return work(p)
}

func (s *Source) translate(err error) error {
	if err == nil {
		return nil
	}
	if f := broken(err); f.Kind != fault.Unavailable || !s.pool.isClosed() {
		return f
	}
	return errClosing.Because(err)
}

// compile returns the statement of a question, remembered or made by p.
func (s *Source) compile(ctx context.Context, p *process, key digest, b bound) (statement, error) {
	return s.statements.compiled(ctx, key, func() (statement, error) {
		metric.Progress(ctx)(metric.StageCompiling)
		if err := s.hand(ctx, p, b.manifest); err != nil {
			return statement{}, err
		}
		r, err := p.ask(ctx, request{Op: opCompile, Manifest: b.manifest, Question: &b.question, Field: b.field}, nil)
		if err != nil {
			return statement{}, err
		}
		return statement{sql: r.SQL, columns: r.Columns}, nil
	})
}

func run(ctx context.Context, p *process, made statement, limit int, filtered bool) (metric.Table, error) {
	metric.Progress(ctx)(metric.StageRunning)
	r, err := p.ask(ctx, request{Op: opRun, SQL: made.sql, Columns: made.columns, Limit: limit, Filtered: filtered}, nil)
	if err != nil {
		return metric.Table{}, err
	}
	if r.Rows == nil {
		r.Rows = [][]any{}
	}
	return metric.Table{Columns: r.Columns, Rows: r.Rows, Truncated: r.More, SQL: made.sql}, nil
}
