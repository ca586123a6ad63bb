package app

import (
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/conversationapp"
	domain "github.com/steward-mcp/steward/internal/domain/conversation"
	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/infrastructure/claude"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/internal/infrastructure/conversationstore"
)

var conversationModule = fx.Module("conversation",
	fx.Provide(
		newLiveSecrets,
		fx.Annotate(conversationstore.NewSQLite, fx.As(new(domain.Repository)), fx.As(new(domain.Ledger))),
		fx.Annotate(newConversationTools, fx.ResultTags(`group:"tools,flatten"`)),
	),
)

type conversationParts struct {
	fx.In
	Config     config.Config
	Repository domain.Repository
	Ledger     domain.Ledger
	Secrets    *liveSecrets
	Now        now
	Log        *zap.Logger
}

// newConversationTools offers nothing without a key: a tool that can only fail is worse than none.
func newConversationTools(lc fx.Lifecycle, p conversationParts) ([]tool.Tool, error) {
	c := p.Config
	if !c.Claude.APIKey.IsSet() {
		p.Log.Warn("there is no conversation tool: set ANTHROPIC_API_KEY or STEWARD_CLAUDE__API_KEY_FILE")
		return nil, nil
	}
	client, err := claude.New(claude.Config{Endpoint: c.Claude.Endpoint, Proxy: c.Claude.Proxy, Timeout: c.Claude.Timeout, Retries: c.Claude.Retries}, p.Secrets.claudeKey, p.Now)
	if err != nil {
		return nil, err
	}
	lc.Append(fx.StopHook(client.Close))
	return conversationapp.Tools(p.Repository, client, conversationapp.Options{
		Model: c.Claude.Model, Models: c.Claude.Models, MaxTokens: c.Claude.MaxTokens, Timeout: client.Timeout(),
		Limits: domain.Limits{
			Messages: c.Conversations.MaxMessages, PerOwner: c.Conversations.MaxPerPrincipal,
			MessageChars: c.Conversations.MaxMessageChars, SystemChars: c.Conversations.MaxSystemChars,
			ConversationChars: c.Conversations.MaxChars, TokensPerDay: c.Conversations.MaxTokensPerDay,
		},
		Ledger: p.Ledger,
	}, p.Now)
}
