// Command steward is the governed MCP server for a company's metrics and Claude.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

// version is set when a release is built.
var version = "dev"

// errFound is how a command says that it has told what is wrong, and that the exit code must say so too.
var errFound = errors.New("found problems")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := root().ExecuteContext(ctx)
	if err != nil && !errors.Is(err, errFound) {
		fmt.Fprintln(os.Stderr, "steward:", err)
	}
	if err != nil {
		stop()
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

func root() *cobra.Command {
	c := &cobra.Command{
		Use:           "steward",
		Short:         "The governed MCP server for a company's metrics and Claude",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	c.SetOut(os.Stdout)
	c.PersistentFlags().StringP("config", "c", "", "the configuration file (default: $STEWARD_CONFIG, else none)")
	c.AddCommand(serveCommand(), stdioCommand(), checkCommand(), configCommand(), doctorCommand(), keysCommand(), sessionsCommand(), auditCommand(), policyCommand(), versionCommand())
	return c
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		Run: func(c *cobra.Command, _ []string) {
			c.Printf("steward %s (%s, %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		},
	}
}

// load reads the configuration that the command's flags name.
func load(c *cobra.Command) (config.Config, error) {
	options, err := configOptions(c)
	if err != nil {
		return config.Config{}, err
	}
	return config.Load(options)
}

func configOptions(c *cobra.Command) (config.Options, error) {
	file, err := c.Flags().GetString("config")
	return config.Options{File: file, Env: os.Environ()}, err
}

func checkCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check-config", Short: "Check the configuration and tell everything that is wrong with it", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			options, err := configOptions(c)
			if err != nil {
				return err
			}
			if err := config.Check(options, c.OutOrStdout()); err != nil {
				return errFound
			}
			c.Println("The configuration is valid.")
			return nil
		},
	}
}
