package main

import (
	"github.com/spf13/cobra"

	"github.com/steward-mcp/steward/cmd/steward/app"
)

func pruneCommand() *cobra.Command {
	var before, archive string
	c := &cobra.Command{
		Use: "prune", Short: "Put whole segments away whose records are all older than a time", Args: cobra.NoArgs,
		Long: "Put the oldest segments of the server's journal away, as far as all their records are older than --before, and leave a\n" +
			"signed anchor, so that what stays still verifies. The act is on record. The state must not be in use: stop the server\n" +
			"first, or set audit.retention, by which the server does it itself.",
		RunE: func(c *cobra.Command, _ []string) error {
			until, err := parseTime(before)
			if err != nil {
				return err
			}
			if until.IsZero() {
				return errTime
			}
			cfg, err := load(c)
			if err != nil {
				return err
			}
			put, err := app.Prune(c.Context(), app.Settings{Config: cfg, Version: version}, until, archive)
			if err != nil {
				return err
			}
			if put.Segments == 0 {
				c.Println("No whole segment is that old.")
				return nil
			}
			c.Printf("Put away %d segments (%d bytes): records %d to %d. Their last hash is %s.\n", put.Segments, put.Bytes, put.First, put.Last, put.Head)
			return nil
		},
	}
	c.Flags().StringVar(&before, "before", "", "a time such as 2026-01-31, or how long ago, such as 365d")
	c.Flags().StringVar(&archive, "archive", "", "the directory to move them to (default: they are deleted)")
	_ = c.MarkFlagRequired("before") // fails for a flag that does not exist
	return c
}
