package worker

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

// Source is a metric.Source on warm workers. The zero value is not usable; see New. Safe for concurrent use.
type Source struct {
	cfg    Config
	env    []string
	redact *strings.Replacer
	source []byte // the worker's program
	now    func() time.Time
	log    *zap.Logger

	begin   sync.Once
	keepers sync.WaitGroup
	lanes   chan struct{} // one token for each question that may run; taken in the order of asking
	waiting atomic.Int64

	mu      sync.Mutex
	idle    []*process
	changed chan struct{} // closed and replaced when idle, failure or closed change
	failure *notStarted   // why there is no worker; nil while one runs or starts
	again   time.Time     // when the next start follows a failure
	running int           // workers that are ready, idle or not
	closed  bool
	cancel  context.CancelFunc
}

var _ metric.Source = (*Source)(nil)

var (
	errClosing  = metric.ErrEngineUnavailable.Saying("The server is shutting down.")
	errStarting = metric.ErrEngineUnavailable.Saying("The metrics engine is starting; ask again in a moment.").After(time.Second)
)

// New makes a source; nothing runs before Start or the first question. It is ErrEnv when cfg would hand on a
// variable that it may not.
func New(cfg Config, now func() time.Time, log *zap.Logger) (*Source, error) {
	cfg, err := cfg.withDefaults().located()
	if err != nil {
		return nil, err
	}
	env, secrets, err := cfg.environment(ambient())
	if err != nil {
		return nil, err
	}
	pairs := make([]string, 0, 2*len(secrets))
	for _, secret := range secrets {
		pairs = append(pairs, secret, "[redacted]")
	}
	return &Source{
		cfg: cfg, env: env, redact: strings.NewReplacer(pairs...), source: program, now: now, log: log,
		lanes: make(chan struct{}, workers), changed: make(chan struct{}), cancel: func() {},
	}, nil
}

// Start begins to warm a worker and returns at once; Health says how it goes. Only the first call does anything.
// The workers live until Close, not until ctx ends.
func (s *Source) Start(ctx context.Context) {
	s.begin.Do(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.closed {
			return
		}
		ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		s.cancel = cancel
		for range workers {
			s.keepers.Go(func() { s.keep(ctx) })
		}
	})
}

// Close ends every worker with its process group and waits until they are gone. Questions that run, wait or come
// later are refused. Closing again does nothing.
func (s *Source) Close() {
	s.mu.Lock()
	s.closed = true
	s.cancel()
	s.announce()
	s.mu.Unlock()
	s.keepers.Wait()
}

// Health is nil when a worker is ready, else why there is none.
func (s *Source) Health() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return errClosing
	case s.running > 0:
		return nil
	case s.failure != nil:
		return s.refusal()
	}
	return errStarting
}

// Answer implements metric.Source.
func (s *Source) Answer(ctx context.Context, q metric.Question) (metric.Table, error) {
	r, err := s.ask(ctx, func(adapter string) (request, error) { return questionRequest(opQuery, adapter, q) })
	if err != nil {
		return metric.Table{}, err
	}
	return table(r), nil
}

// Compile implements metric.Source.
func (s *Source) Compile(ctx context.Context, q metric.Question) (string, error) {
	r, err := s.ask(ctx, func(adapter string) (request, error) { return questionRequest(opCompile, adapter, q) })
	if err != nil {
		return "", err
	}
	return r.SQL, nil
}

// Values implements metric.Source.
func (s *Source) Values(ctx context.Context, l metric.Listing) (metric.Table, error) {
	r, err := s.ask(ctx, func(adapter string) (request, error) { return listingRequest(adapter, l) })
	if err != nil {
		return metric.Table{}, err
	}
	return table(r), nil
}

func table(r *result) metric.Table {
	if r.Rows == nil {
		r.Rows = [][]any{}
	}
	return metric.Table{Columns: r.Columns, Rows: r.Rows, Truncated: r.More, SQL: r.SQL}
}

// ask waits for a worker, has it answer, and gives it back. build sees the adapter, whose dialect filters need.
func (s *Source) ask(ctx context.Context, build func(adapter string) (request, error)) (*result, error) {
	s.Start(ctx)
	p, err := s.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer s.release(p)
	r, err := build(p.ready.Adapter)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		r.Deadline = deadline.Sub(s.now()).Milliseconds()
	}
	answered, err := p.ask(ctx, r)
	if err != nil {
		return nil, s.translate(err)
	}
	return answered, nil
}

func (s *Source) translate(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := broken(err); !s.closed || f.Kind != fault.Unavailable {
		return f
	}
	return errClosing.Because(err)
}

// acquire takes a lane, in the order of asking, and then a worker. It refuses at once when the queue is full, and
// when there is no worker because none can be started.
func (s *Source) acquire(ctx context.Context) (*process, error) {
	if free := cap(s.lanes) - len(s.lanes); s.waiting.Add(1) > int64(s.cfg.QueueDepth+free) {
		s.waiting.Add(-1)
		return nil, metric.ErrBusy.After(time.Second)
	}
	defer s.waiting.Add(-1)
	select {
	case s.lanes <- struct{}{}:
	case <-ctx.Done():
		return nil, fault.From(ctx.Err())
	}
	p, err := s.take(ctx)
	if err != nil {
		<-s.lanes
	}
	return p, err
}

func (s *Source) take(ctx context.Context) (*process, error) {
	for {
		p, changed, err := s.look()
		if p != nil || err != nil {
			return p, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fault.From(ctx.Err())
		}
	}
}

// look is one attempt of take: a worker, a refusal, or a channel that is closed when looking again makes sense.
func (s *Source) look() (*process, <-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, nil, errClosing
	}
	for len(s.idle) > 0 {
		p := s.idle[0]
		s.idle = s.idle[1:]
		if p.alive() {
			return p, nil, nil
		}
	}
	if s.failure != nil && s.running == 0 {
		return nil, nil, s.refusal()
	}
	return nil, s.changed, nil
}

// refusal is the last failure, with the time left until the next attempt. The caller holds mu.
func (s *Source) refusal() *fault.Fault {
	return s.failure.fault.After(max(s.again.Sub(s.now()), time.Second))
}

func (s *Source) release(p *process) {
	s.mu.Lock()
	if p.alive() {
		s.idle = append(s.idle, p)
		s.announce()
	}
	s.mu.Unlock()
	<-s.lanes
}

// offer puts a worker that has just become ready at the disposal of questions.
func (s *Source) offer(p *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = nil
	s.running++
	s.idle = append(s.idle, p)
	s.announce()
}

// withdraw forgets a worker that has ended.
func (s *Source) withdraw(p *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	s.idle = slices.DeleteFunc(s.idle, func(other *process) bool { return other == p })
}

// announce wakes whoever waits for a change. The caller holds mu.
func (s *Source) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}
