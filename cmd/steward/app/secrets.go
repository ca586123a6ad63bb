package app

import (
	"sync/atomic"

	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

// liveSecrets are those that a running server takes anew from their files.
type liveSecrets struct{ claude atomic.Pointer[config.Secret] }

func newLiveSecrets(c config.Config) *liveSecrets {
	s := &liveSecrets{}
	s.claude.Store(&c.Claude.APIKey)
	return s
}

// claudeKey is the key that holds at the moment.
func (s *liveSecrets) claudeKey() string { return s.claude.Load().Reveal() }
