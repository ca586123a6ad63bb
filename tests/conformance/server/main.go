// Command server is steward serve with the fixture of the conformance suite among its contexts.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/steward-mcp/steward/cmd/steward/app"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/tests/conformance/fixture"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

// serve takes the command line as steward does: serve --config FILE.
func serve(ctx context.Context, args []string) error {
	if len(args) != 3 || args[0] != "serve" || args[1] != "--config" {
		return errors.New("usage: server serve --config FILE")
	}
	c, err := config.Load(config.Options{File: args[2]})
	if err != nil {
		return err
	}
	return app.Run(ctx, app.Options(app.Settings{Config: c, Version: "conformance"}), app.Serve(), fixture.Module())
}
