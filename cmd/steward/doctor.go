package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/steward-mcp/steward/cmd/steward/doctor"
)

// doctorPatience bounds the examination: starting Python and opening a warehouse may take a while.
const doctorPatience = 2 * time.Minute

func doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Check everything the server depends on and say how to mend what is wrong", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := load(c)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), doctorPatience)
			defer cancel()
			found, err := doctor.Doctor{}.Examine(ctx, cfg)
			if err != nil {
				return err
			}
			sick := false
			for _, f := range found {
				c.Printf("%-8s %-20s %s\n", f.Status, f.Name, f.Text)
				if f.Mend != "" {
					c.Printf("%-8s %-20s -> %s\n", "", "", f.Mend)
				}
				sick = sick || f.Status == "failed"
			}
			if sick {
				return errFound
			}
			return nil
		},
	}
}
