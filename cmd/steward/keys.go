package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/steward-mcp/steward/cmd/steward/app"
	"github.com/steward-mcp/steward/internal/application/identityapp"
	"github.com/steward-mcp/steward/internal/domain/identity"
)

func keysCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "keys", Short: "Create, list, rotate and revoke API keys",
		Long: "Create, list, rotate and revoke API keys in the state of the configuration. A server that runs on that state is\n" +
			"asked to do it, which takes the key of somebody who is permitted admin.keys.create, list, rotate or revoke:\n" +
			"--admin-key or STEWARD_ADMIN_KEY_FILE names a file that holds it, STEWARD_ADMIN_KEY is the key itself. While no\n" +
			"server runs, no key is needed.",
	}
	c.PersistentFlags().String("admin-key", "", "a file that holds the key to show to a running server")
	c.AddCommand(createCommand(), listCommand(), rotateCommand(), revokeCommand())
	return c
}

func createCommand() *cobra.Command {
	var grant identity.Grant
	var attributes, scope, networks []string
	var quiet bool
	c := &cobra.Command{
		Use: "create", Short: "Issue a key and print it, this once", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if grant.Attributes, err = parseAttributes(attributes); err != nil {
				return err
			}
			if grant.Scope, err = app.ParseScope(scope); err != nil {
				return err
			}
			if grant.Networks, err = parseNetworks(networks); err != nil {
				return err
			}
			return administer(c, func(ctx context.Context, keys keeper) error {
				k, credential, err := keys.create(ctx, grant)
				if err == nil {
					show(c, quiet, k, credential)
				}
				return err
			})
		},
	}
	c.Flags().StringVar(&grant.Name, "name", "", "whose key it is")
	c.Flags().StringSliceVar(&grant.Personas, "persona", nil, "a persona whose rights the key has; may be repeated")
	c.Flags().StringArrayVar(&attributes, "attribute", nil, "name=value that policies may ask for; may be repeated, for one name too")
	c.Flags().StringArrayVar(&scope, "scope", nil, "\"ACTION,... TARGET,...\": of the personas' rights only these; may be repeated")
	c.Flags().StringSliceVar(&networks, "network", nil, "a network, such as 10.1.0.0/16, in which alone the key holds; may be repeated")
	c.Flags().DurationVar(&grant.Lifetime, "expires", identity.DefaultLifetime, "how long it holds, at most 8784h (366 days)")
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "print the key and nothing else")
	_ = c.MarkFlagRequired("name") // fails on an unknown flag only
	_ = c.MarkFlagRequired("persona")
	return c
}

// show prints a credential, this once.
func show(c *cobra.Command, quiet bool, k identityapp.Key, credential string) {
	if !quiet {
		c.PrintErrf("Key %s for %s, until %s. It is shown this once:\n", k.ID, k.Name, k.Expires.Format(time.DateOnly))
		if !k.Overlaps.IsZero() {
			c.PrintErrf("The old one holds until %s.\n", k.Overlaps.Format(time.RFC3339))
		}
	}
	c.Println(credential)
}

// parseAttributes gathers the values of each name, in their order.
func parseAttributes(pairs []string) (map[string][]string, error) {
	attributes := map[string][]string{}
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--attribute %q is not written name=value", pair)
		}
		attributes[name] = append(attributes[name], value)
	}
	return attributes, nil
}

// parseNetworks takes an address for the network of itself.
func parseNetworks(words []string) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for _, word := range words {
		network, err := netip.ParsePrefix(word)
		if address, single := netip.ParseAddr(word); single == nil {
			network, err = netip.PrefixFrom(address, address.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("--network %q is no network, such as 10.1.0.0/16", word)
		}
		networks = append(networks, network)
	}
	return networks, nil
}

func listCommand() *cobra.Command {
	var stale string
	c := &cobra.Command{
		Use: "list", Short: "List the keys as JSON, one a line", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var unused time.Duration
			if stale != "" {
				var err error
				if unused, err = parseDuration(stale); err != nil || unused == 0 {
					return fmt.Errorf("--stale %q is no time, such as 30d", stale)
				}
			}
			return administer(c, func(ctx context.Context, keys keeper) error {
				all, err := keys.list(ctx, unused)
				if err != nil {
					return err
				}
				return writeLines(c.OutOrStdout(), all)
			})
		},
	}
	c.Flags().StringVar(&stale, "stale", "", "only keys that hold and were neither used nor issued for so long, such as 30d")
	return c
}

// writeLines prints values as JSON, one a line.
func writeLines[T any](out io.Writer, all []T) error {
	lines := json.NewEncoder(out)
	for _, one := range all {
		if err := lines.Encode(one); err != nil {
			return err
		}
	}
	return nil
}

func rotateCommand() *cobra.Command {
	var overlap string
	var rotation identity.Rotation
	var quiet bool
	c := &cobra.Command{
		Use: "rotate KEY_ID", Short: "Give a key another secret and term, and print it, this once", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if rotation.Overlap, err = parseDuration(overlap); err != nil {
				return fmt.Errorf("--overlap: %w", err)
			}
			return administer(c, func(ctx context.Context, keys keeper) error {
				k, credential, err := keys.rotate(ctx, args[0], rotation)
				if err == nil {
					show(c, quiet, k, credential)
				}
				return err
			})
		},
	}
	c.Flags().StringVar(&overlap, "overlap", identity.DefaultOverlap.String(), "how long the old secret holds too, at most 7d; 0s ends it at once")
	c.Flags().DurationVar(&rotation.Lifetime, "expires", 0, "how long the key holds from now on (default: as long as its term before)")
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "print the key and nothing else")
	return c
}

func revokeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "revoke KEY_ID", Short: "End a key, and whatever runs under it", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return administer(c, func(ctx context.Context, keys keeper) error {
				k, err := keys.revoke(ctx, args[0])
				if err != nil {
					return err
				}
				c.PrintErrf("Key %s for %s is revoked.\n", k.ID, k.Name)
				return nil
			})
		},
	}
}
