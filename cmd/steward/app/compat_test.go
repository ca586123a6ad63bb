package app_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/fx"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/steward-mcp/steward/cmd/steward/app"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/internal/presentation/mcpapi"
)

// Policies that depend on the person hold over stdio as they do for keys.
func TestStdio_ServesTheConfiguredUser(t *testing.T) {
	t.Parallel()
	s := settings(t)
	s.Config.Stdio = config.Stdio{User: "ada", Personas: []string{"analyst"}, Attributes: map[string]config.Words{"regions": {"EU", "US"}}}
	var who access.Principal
	err := app.Run(t.Context(), app.Options(s), quiet(), app.Stdio(func(_ context.Context, _ *mcpapi.Server, p access.Principal) error {
		who = p
		return nil
	}))
	want := access.Principal{
		Issuer: "local", Subject: "ada", Name: "ada", Personas: []string{"analyst"}, Attributes: map[string][]string{"regions": {"EU", "US"}},
	}
	if diff := cmp.Diff(want, who); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// What a former user must know is said once, before anything is served.
func TestStart_TellsDifferences(t *testing.T) {
	t.Parallel()
	for name, transport := range map[string]fx.Option{"serve": app.Serve(), "stdio": app.Stdio(idle)} {
		s := settings(t)
		s.Differences = []config.Difference{{About: "MCP_PORT", Text: "has no effect"}, {About: ".env", Text: "is not read"}}
		core, logged := observer.New(zapcore.InfoLevel)
		a := fx.New(app.Options(s), transport, fx.Replace(zap.New(core)))
		if err := a.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := a.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, entry := range logged.All() {
			if entry.Message == "differs from mcp-metricflow" {
				got = append(got, entry.ContextMap()["about"].(string)+" "+entry.ContextMap()["difference"].(string))
			} else if entry.Message == "serving" && len(got) == 0 {
				t.Error("it is said after the server serves")
			}
		}
		if diff := cmp.Diff([]string{"MCP_PORT has no effect", ".env is not read"}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
