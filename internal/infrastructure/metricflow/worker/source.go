package worker

import (
	"context"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/infrastructure/metricflow/manifest"
)

// Manifests gives the semantic manifests that questions rest on.
type Manifests interface {
	// Present returns the hash of the project's present manifest, quickly, or a fault that says why there is none.
	Present(ctx context.Context) (string, error)
	// Bytes returns the manifest with this hash, at least of the present one and the one before. They are shared: the
	// receiver reads them only.
	Bytes(hash string) ([]byte, bool)
	// Place says where a thing is written down that the engine names by kind and name, as metric.ValidationIssue does,
	// and false when nothing tells.
	Place(ctx context.Context, kind, name string) (metric.Location, bool)
}

var _ Manifests = (*manifest.Loader)(nil)

// Source is a metric.Source and a metric.Validator on warm workers. The zero value is not usable; see New. Safe for
// concurrent use. Identical questions that are asked at the same time are answered once, by one Table that all of them
// get: nobody writes to a Table.
type Source struct {
	cfg       Config
	env       []string
	redact    *strings.Replacer
	source    []byte // the worker's program
	now       func() time.Time
	log       *zap.Logger
	manifests Manifests

	pool       *pool
	statements *statements
	answers    flights[digest, metric.Table]
	explained  flights[digest, statement]
	validated  flights[validationKey, []metric.ValidationIssue]
	inspected  flights[struct{}, Inspection]

	begin    sync.Once
	keepers  sync.WaitGroup
	starting chan struct{} // one token for each worker that may start at a time
	mu       sync.Mutex
	cancel   context.CancelFunc
}

var (
	_ metric.Source    = (*Source)(nil)
	_ metric.Validator = (*Source)(nil)
)

// Option changes what New would take by default.
type Option func(*Source)

// WithManifests has the workers' engines built from m, which then holds the only copy of a manifest. By default a source
// reads the project's manifest by itself.
func WithManifests(m Manifests) Option { return func(s *Source) { s.manifests = m } }

// New makes a source; nothing runs before Start or the first question. It is ErrEnv when cfg would hand on a
// variable that it may not.
func New(cfg Config, now func() time.Time, log *zap.Logger, options ...Option) (*Source, error) {
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
	s := &Source{
		cfg: cfg, env: env, redact: strings.NewReplacer(pairs...), source: program, now: now, log: log,
		manifests: manifest.NewLoader(cfg.ProjectDir, cfg.TargetPath, now), pool: newPool(cfg, now),
		statements: newStatements(statementsKept, statementsKeptSize),
		starting:   make(chan struct{}, max(cfg.Workers/2, 1)), cancel: func() {},
	}
	for _, option := range options {
		option(s)
	}
	return s, nil
}

// Start begins to warm the workers and returns at once; Health says how it goes. Only the first call does anything.
// The workers live until Close, not until ctx ends.
func (s *Source) Start(ctx context.Context) {
	s.begin.Do(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.pool.isClosed() {
			return
		}
		ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		s.cancel = cancel
		for keeper := range s.pool.total {
			s.keepers.Go(func() { s.keep(ctx, keeper) })
		}
		s.keepers.Go(func() { s.tend(ctx) })
	})
}

// Close ends every worker with its process group and waits until they are gone. Questions that run, wait or come
// later are refused. Closing again does nothing.
func (s *Source) Close() {
	s.mu.Lock()
	s.pool.close()
	s.cancel()
	s.mu.Unlock()
	s.keepers.Wait()
	s.answers.close()
	s.explained.close()
	s.validated.close()
	s.inspected.close()
}

// Answer implements metric.Source. An identical question that is being answered already is joined, and its Table shared.
func (s *Source) Answer(ctx context.Context, q metric.Question) (metric.Table, error) {
	return s.table(ctx, q.Manifest, func(adapter string) (asked, error) { return toAsked(adapter, q) })
}

// Values implements metric.Source, and joins as Answer does.
func (s *Source) Values(ctx context.Context, l metric.Listing) (metric.Table, error) {
	return s.table(ctx, l.Manifest, func(adapter string) (asked, error) { return toListing(adapter, l) })
}

// Compile implements metric.Source.
func (s *Source) Compile(ctx context.Context, q metric.Question) (string, error) {
	b, err := s.bind(ctx, q.Manifest, func(adapter string) (asked, error) { return toAsked(adapter, q) })
	if err != nil {
		return "", err
	}
	key, err := b.digest()
	if err != nil {
		return "", err
	}
	if found, ok := s.statements.get(key); ok {
		return found.sql, nil
	}
	compiled, err := s.explained.do(ctx, key, func(ctx context.Context) (statement, error) {
		var made statement
		err := s.on(ctx, func(p *process) (err error) {
			made, err = s.compile(ctx, p, key, b)
			return err
		})
		return made, err
	})
	return compiled.sql, err
}
