package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/steward-mcp/steward/cmd/steward/app"
	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/identityapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/identity"
)

func keysCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "keys", Short: "Create, list and revoke API keys",
		Long: "Create, list and revoke API keys in the state of the configuration. The state must not be in use: stop the\n" +
			"server first.",
	}
	c.AddCommand(createCommand(), listCommand(), revokeCommand())
	return c
}

// administer runs one act on the keys.
func administer(c *cobra.Command, act func(context.Context, identityapp.Administration, access.Principal) error) error {
	cfg, err := load(c)
	if err != nil {
		return err
	}
	cfg.Log.Level = "error" // people are watching
	return app.Administer(c.Context(), app.Settings{Config: cfg, Version: version}, act)
}

func createCommand() *cobra.Command {
	var grant identity.Grant
	var attributes []string
	var quiet bool
	c := &cobra.Command{
		Use: "create", Short: "Issue a key and print it, this once", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			if grant.Attributes, err = parseAttributes(attributes); err != nil {
				return err
			}
			return administer(c, func(ctx context.Context, keys identityapp.Administration, by access.Principal) error {
				made, err := keys.Create.Do(ctx, identityapp.CreateKey{Change: cqrs.Change{By: by}, Grant: grant})
				if err != nil {
					return err
				}
				if !quiet {
					c.PrintErrf("Key %s for %s, until %s. It is shown this once:\n", made.Key.ID, made.Key.Name, made.Key.Expires.Format(time.DateOnly))
				}
				c.Println(made.Credential.Reveal())
				return nil
			})
		},
	}
	c.Flags().StringVar(&grant.Name, "name", "", "whose key it is")
	c.Flags().StringSliceVar(&grant.Personas, "persona", nil, "a persona whose rights the key has; may be repeated")
	c.Flags().StringArrayVar(&attributes, "attribute", nil, "name=value that policies may ask for; may be repeated, for one name too")
	c.Flags().DurationVar(&grant.Lifetime, "expires", identity.DefaultLifetime, "how long it holds, at most 8784h (366 days)")
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "print the key and nothing else")
	_ = c.MarkFlagRequired("name") // fails on an unknown flag only
	_ = c.MarkFlagRequired("persona")
	return c
}

// parseAttributes gathers the values of each name, in their order.
func parseAttributes(pairs []string) (map[string][]string, error) {
	attributes := map[string][]string{}
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, fmt.Errorf("--attribute %q is not written name=value", pair)
		}
		attributes[name] = append(attributes[name], value)
	}
	return attributes, nil
}

func listCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the keys as JSON, one a line", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return administer(c, func(ctx context.Context, keys identityapp.Administration, by access.Principal) error {
				all, err := keys.List.Do(ctx, identityapp.ListKeys{Read: cqrs.Read{By: by}})
				if err != nil {
					return err
				}
				lines := json.NewEncoder(c.OutOrStdout())
				for _, k := range all {
					if err := lines.Encode(k); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

func revokeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "revoke KEY_ID", Short: "End a key", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return administer(c, func(ctx context.Context, keys identityapp.Administration, by access.Principal) error {
				k, err := keys.Revoke.Do(ctx, identityapp.RevokeKey{Change: cqrs.Change{By: by}, ID: args[0]})
				if err != nil {
					return err
				}
				c.PrintErrf("Key %s for %s is revoked.\n", k.ID, k.Name)
				return nil
			})
		},
	}
}
