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
		fx.Annotate(conversationstore.NewSQLite, fx.As(new(domain.Repository))),
		fx.Annotate(newConversationTools, fx.ResultTags(`group:"tools,flatten"`)),
	),
)

// newConversationTools offers nothing without a key: a tool that can only fail is worse than none.
func newConversationTools(lc fx.Lifecycle, c config.Config, repository domain.Repository, n now, log *zap.Logger) ([]tool.Tool, error) {
	if !c.Claude.APIKey.IsSet() {
		log.Warn("there is no conversation tool: set ANTHROPIC_API_KEY or STEWARD_CLAUDE__API_KEY_FILE")
		return nil, nil
	}
	client, err := claude.New(claude.Config{Endpoint: c.Claude.Endpoint, Timeout: c.Claude.Timeout, Retries: c.Claude.Retries}, c.Claude.APIKey.Reveal, n)
	if err != nil {
		return nil, err
	}
	lc.Append(fx.StopHook(client.Close))
	return conversationapp.Tools(repository, client, conversationapp.Options{
		Model: c.Claude.Model, Models: c.Claude.Models, MaxTokens: c.Claude.MaxTokens, Timeout: client.Timeout(),
		Limits: domain.Limits{
			Messages: c.Conversations.MaxMessages, PerOwner: c.Conversations.MaxPerPrincipal,
			MessageChars: c.Conversations.MaxMessageChars, SystemChars: c.Conversations.MaxSystemChars,
			ConversationChars: c.Conversations.MaxChars,
		},
	}, n)
}
