package worker

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

// statement is a compiled question: SQL, and the columns that it yields in the order asked for, without their types.
type statement struct {
	sql     string
	columns []metric.Column
}

func (s statement) size() int {
	n := len(s.sql)
	for _, c := range s.columns {
		n += len(c.Name) + len(c.Grain)
	}
	return n
}

// digest stands for a request: all that decides its statement, and nothing else. A caller's policy is in it, because
// its filters and its limit are.
type digest [sha256.Size]byte

// digestOf is that of a compilation by the engine of one manifest in one dialect.
func digestOf(adapter, manifest string, a asked) (digest, error) {
	text, err := json.Marshal([]any{adapter, manifest, a.field, a.question})
	if err != nil {
		return digest{}, fmt.Errorf("encode a question: %w", err)
	}
	return sha256.Sum256(text), nil
}

// statements remembers compiled questions for all workers, as many as its bounds allow, the least recently used going
// first. A question that several workers are about to compile is compiled by one. No answer is remembered.
type statements struct {
	mu      sync.Mutex
	kept    *simplelru.LRU[digest, statement]
	bytes   int
	most    int
	pending map[digest]chan struct{} // closed when whoever compiles is through
	made    int                      // how many were compiled, for tests and for whoever wonders
}

const (
	statementsKept     = 4096
	statementsKeptSize = 32 << 20
)

func newStatements(entries, bytes int) *statements {
	s := &statements{most: bytes, pending: map[digest]chan struct{}{}}
	// It fails on a size below one only.
	s.kept, _ = simplelru.NewLRU(max(entries, 1), func(_ digest, gone statement) { s.bytes -= gone.size() })
	return s
}

func (s *statements) get(key digest) (statement, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept.Get(key)
}

// compiled returns what is remembered for key, or what compile returns, and then remembers that. While another compiles
// the same it waits for that one. Only who holds a worker may call it: then whoever is waited for never waits for one.
func (s *statements) compiled(ctx context.Context, key digest, compile func() (statement, error)) (statement, error) {
	for {
		found, other, mine := s.claim(key)
		switch {
		case mine != nil:
			made, err := compile()
			s.settle(key, mine, made, err == nil)
			return made, err
		case other == nil:
			return found, nil
		}
		select {
		case <-other:
		case <-ctx.Done():
			return statement{}, fault.From(ctx.Err())
		}
	}
}

// claim returns what is remembered, or who compiles it at the moment, or a promise for the caller to keep.
func (s *statements) claim(key digest) (found statement, other <-chan struct{}, mine chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found, ok := s.kept.Get(key); ok {
		return found, nil, nil
	}
	if pending := s.pending[key]; pending != nil {
		return statement{}, pending, nil
	}
	mine = make(chan struct{})
	s.pending[key] = mine
	return statement{}, nil, mine
}

func (s *statements) settle(key digest, mine chan struct{}, made statement, good bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pending, key)
	close(mine)
	if !good {
		return
	}
	s.made++
	if made.size() > s.most {
		return
	}
	s.kept.Add(key, made)
	s.bytes += made.size()
	for s.bytes > s.most {
		s.kept.RemoveOldest()
	}
}
