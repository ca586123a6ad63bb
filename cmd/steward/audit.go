package main

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/steward-mcp/steward/cmd/steward/app"
	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
)

func auditCommand() *cobra.Command {
	c := &cobra.Command{Use: "audit", Short: "Look into the audit journal"}
	c.AddCommand(verifyCommand(), searchCommand(), exportCommand(), reportCommand(), pruneCommand(), checkpointsCommand())
	return c
}

// verification is what the flags of verify say.
type verification struct {
	dir, key    string
	checkpoints []string
}

func verifyCommand() *cobra.Command {
	var v verification
	c := &cobra.Command{
		Use: "verify", Short: "Check that the journal is whole, and name the first record that is not", Args: cobra.NoArgs,
		Long: "Check every record of the journal against its digest, its predecessor and the signed checkpoints: those beside the\n" +
			"journal, those in audit.checkpoint_dir, and those that --checkpoint names. It works offline, and beside a running\n" +
			"server. Exit code 1 says that a record or a checkpoint does not hold.",
		RunE: func(c *cobra.Command, _ []string) error { return v.run(c) },
	}
	c.Flags().StringVar(&v.dir, "dir", "", "the journal's directory (default: those of the configuration)")
	c.Flags().StringArrayVar(&v.checkpoints, "checkpoint", nil, "a file of checkpoints that was kept elsewhere; may be repeated")
	c.Flags().StringVar(&v.key, "key", "", "the public key that signed them (default: that of the configuration's journal)")
	return c
}

// run checks every chain and tells of each. A chain that no process has begun is none to check, unless none is.
func (v verification) run(c *cobra.Command) (found error) {
	if v.dir != "" {
		trust, err := v.widen(auditlog.Trust{})
		if err != nil {
			return err
		}
		return v.check(c, v.dir, trust)
	}
	cfg, err := load(c)
	if err != nil {
		return err
	}
	missing, chains := 0, app.Chains(cfg)
	for i, chain := range chains {
		trust, err := chain.Trust()
		if err == nil && i == 0 { // files that are named are the server's
			trust, err = v.widen(trust)
		}
		if err == nil {
			err = v.check(c, chain.Dir, trust)
		}
		switch {
		case errors.Is(err, errFound):
			found = err
		case errors.Is(err, auditlog.ErrNoJournal) && missing+1 < len(chains):
			missing++
		case err != nil:
			return err
		}
	}
	return found
}

// widen adds what the flags name.
func (v verification) widen(t auditlog.Trust) (auditlog.Trust, error) {
	t.Files = append(t.Files, v.checkpoints...)
	if v.key == "" {
		return t, nil
	}
	key, err := auditlog.PublicKey(v.key)
	t.Keys, t.Signed = []ed25519.PublicKey{key}, true
	return t, err
}

func (v verification) check(c *cobra.Command, dir string, trust auditlog.Trust) error {
	report, err := auditlog.Verify(c.Context(), dir, trust, progress(c.ErrOrStderr(), "verify"))
	if err != nil {
		return err
	}
	c.Printf("%s: ", dir)
	return tell(c, report)
}

func checkpointsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "export-checkpoints", Short: "Print the signed checkpoints of the server's journal, to be kept elsewhere", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := load(c)
			if err != nil {
				return err
			}
			text, err := os.ReadFile(auditlog.CheckpointsFile(cfg.Audit.Dir))
			if errors.Is(err, fs.ErrNotExist) {
				return auditlog.ErrNoCheckpoints
			}
			if err == nil {
				_, err = c.OutOrStdout().Write(text)
			}
			return err
		},
	}
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
	if r.Pruned > 0 {
		c.Printf("The records up to %d were put away by whoever holds the key.\n", r.Pruned)
	}
	tellSigned(c, r)
	if r.Bad != nil {
		c.Printf("NOT WHOLE: %s\n", r.Bad)
		return errFound
	}
	c.Println("Every record holds.")
	return nil
}

func tellSigned(c *cobra.Command, r auditlog.Report) {
	switch {
	case r.Checkpoints == 0:
		c.Println("No checkpoint vouches for it.")
	case r.Bad != nil:
		c.Printf("%d checkpoints by key %s were found; what holds is signed up to record %d.\n", r.Checkpoints, r.Key, r.Signed)
	case r.Signed < r.Seq:
		c.Printf("%d checkpoints by key %s vouch for the records up to %d; those after it are yet to be signed.\n", r.Checkpoints, r.Key, r.Signed)
	default:
		c.Printf("%d checkpoints by key %s vouch for all of it.\n", r.Checkpoints, r.Key)
	}
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
