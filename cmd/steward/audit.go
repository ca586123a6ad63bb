package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/steward-mcp/steward/cmd/steward/app"
	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
)

func auditCommand() *cobra.Command {
	c := &cobra.Command{Use: "audit", Short: "Look into the audit journal"}
	c.AddCommand(verifyCommand())
	return c
}

func verifyCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use: "verify", Short: "Check that the journal is whole, and name the first record that is not", Args: cobra.NoArgs,
		Long: "Check every record of the journal against its digest and its predecessor. It works offline, and beside a\n" +
			"running server. Exit code 1 says that a record does not hold.",
		RunE: func(c *cobra.Command, _ []string) error {
			dirs := []string{dir}
			if dir == "" {
				cfg, err := load(c)
				if err != nil {
					return err
				}
				dirs = app.Journals(cfg)
			}
			return verify(c, dirs)
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "the journal's directory (default: that of the configuration)")
	return c
}

// verify checks every chain and tells of each. A chain that no process has begun is none to check, unless none is.
func verify(c *cobra.Command, dirs []string) (found error) {
	checked := 0
	for _, dir := range dirs {
		report, err := auditlog.Verify(c.Context(), dir, progress(c.ErrOrStderr(), "verify"))
		if errors.Is(err, auditlog.ErrNoJournal) && (checked > 0 || len(dirs) > 1) {
			continue
		}
		if err != nil {
			return err
		}
		checked++
		c.Printf("%s: ", dir)
		if err := tell(c, report); err != nil {
			found = err
		}
	}
	return found
}

func tell(c *cobra.Command, r auditlog.Report) error {
	c.Printf("%d records in %d segments", r.Records, r.Segments)
	if r.Records > 0 {
		c.Printf(", from %s to %s", r.First.Format("2006-01-02 15:04:05Z07:00"), r.Last.Format("2006-01-02 15:04:05Z07:00"))
	}
	c.Println()
	if r.TornTail > 0 {
		c.Printf("The last line is torn (%d bytes): written to just now, or cut by a crash; the next start sets it aside.\n", r.TornTail)
	}
	if r.OpenIntents > 0 {
		c.Printf("%d changes have an intent without an outcome: %v\n", r.OpenIntents, r.OpenRequests)
	}
	if r.Bad != nil {
		c.Printf("NOT WHOLE: %s\n", r.Bad)
		return errFound
	}
	c.Println("Every record holds.")
	return nil
}

const barWidth = 30

// progress draws a bar on a terminal, and nothing elsewhere.
func progress(out io.Writer, what string) func(done, total int64) {
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return func(done, total int64) {
		if total == 0 {
			return
		}
		filled := int(barWidth * done / total)
		end := "\r"
		if done >= total {
			end = "\n"
		}
		_, _ = fmt.Fprintf(out, "%s [%-*s] %3d %%%s", what, barWidth, bar[:filled], 100*done/total, end) // only decoration
	}
}

const bar = "##############################"
