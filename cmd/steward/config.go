package main

import (
	"github.com/spf13/cobra"

	"github.com/steward-mcp/steward/configs"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

func configCommand() *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Show the configuration, or what can be written in it"}
	origin := false
	show := &cobra.Command{
		Use: "print", Short: "Print the configuration that holds, without secrets", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			options, err := configOptions(c)
			if err != nil {
				return err
			}
			return config.Print(options, origin, c.OutOrStdout())
		},
	}
	show.Flags().BoolVar(&origin, "origin", false, "say of each value where it comes from")
	schema := &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema of the configuration file, for editors", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			text, err := config.Schema(configs.Example)
			if err == nil {
				c.Println(string(text))
			}
			return err
		},
	}
	c.AddCommand(show, schema)
	return c
}
