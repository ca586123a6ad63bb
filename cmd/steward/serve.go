package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/steward-mcp/steward/cmd/steward/app"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/internal/presentation/mcpapi"
)

func serveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "Serve MCP over HTTP until interrupted", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			settings, err := settle(c, false)
			if err != nil {
				return err
			}
			outliveReaders()
			return app.Run(c.Context(), app.Options(settings), app.Serve())
		},
	}
}

func stdioCommand() *cobra.Command {
	return &cobra.Command{
		Use: "stdio", Short: "Serve MCP to the one client at standard input and output", Args: cobra.NoArgs,
		Long: "Serve MCP to the one client at standard input and output. The client is the user that stdio.user and\n" +
			"stdio.personas of the configuration name; whoever can start the command needs no key.",
		RunE: func(c *cobra.Command, _ []string) error {
			settings, err := settle(c, true)
			if err != nil {
				return err
			}
			outliveReaders()
			serve := func(ctx context.Context, s *mcpapi.Server, who access.Principal) error {
				return s.Stdio(ctx, os.Stdin, os.Stdout, who, int(settings.Config.Server.MaxBodyBytes))
			}
			return app.Run(c.Context(), app.Options(settings), app.Stdio(serve))
		},
	}
}

// settle reads what a server of either transport runs with.
func settle(c *cobra.Command, stdio bool) (app.Settings, error) {
	options, err := configOptions(c)
	if err != nil {
		return app.Settings{}, err
	}
	options.Stdio = stdio
	cfg, err := config.Load(options)
	if err != nil {
		return app.Settings{}, err
	}
	return app.Settings{
		Config: cfg, Version: version, Stdio: stdio, Differences: config.Differences(options),
		Reload: func() (config.Config, error) { return config.Load(options) },
	}, nil
}

// outliveReaders makes writing to a standard stream that nobody reads any more an error, instead of the end of the
// process: what runs is still finished, and recorded.
func outliveReaders() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
