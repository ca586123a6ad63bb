package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/infrastructure/clock"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

// accessReport is what `audit report` tells.
type accessReport struct {
	Since    time.Time     `json:"since"`
	Records  int64         `json:"records"`
	Personas []audit.Usage `json:"personas"`
}

func reportCommand() *cobra.Command {
	var since, output, dir string
	c := &cobra.Command{
		Use: "report", Short: "Tell what each persona is granted and does not use, and what it is refused", Args: cobra.NoArgs,
		Long: "Hold the personas of the configuration against the journals of the state: for each persona the grants that nobody needed,\n" +
			"the tools that were used most, and the attempts that were refused. Grants on tags are left out, because records do not\n" +
			"hold tags. With --dir it needs no configuration, but does not know without one what is granted.",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := source(c, dir)
			if err != nil {
				return err
			}
			if output != asTable && output != "json" {
				return errOutput
			}
			from, err := parseTime(since)
			if err != nil {
				return err
			}
			r, err := survey(c, cfg, from)
			if err != nil {
				return err
			}
			if output == "json" {
				e := json.NewEncoder(c.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(r)
			}
			return r.print(c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&since, "since", clock.Now().Add(-audit.DefaultUnused).UTC().Format(time.DateOnly), "from this time on, or so long ago, such as 90d")
	dirFlag(c, &dir)
	c.Flags().StringVarP(&output, "output", "o", asTable, "table or json")
	return c
}

func survey(c *cobra.Command, cfg config.Config, since time.Time) (accessReport, error) {
	s, err := audit.NewSurvey(grants(cfg))
	if err != nil {
		return accessReport{}, err
	}
	r := accessReport{Since: since.UTC()}
	err = eachRecord(c.Context(), cfg, since, time.Time{}, func(_ []byte, record audit.Record) error {
		r.Records++
		s.Add(record)
		return nil
	})
	r.Personas = s.Usages()
	if cfg.Personas == nil {
		for i := range r.Personas {
			r.Personas[i].Unused = nil // which is not known; an empty list would say that there is none
		}
	}
	return r, err
}

func grants(cfg config.Config) map[string][]audit.Grant {
	all := make(map[string][]audit.Grant, len(cfg.Personas))
	for name, p := range cfg.Personas {
		all[name] = nil
		for i, rule := range p.Allow {
			for _, action := range rule.Action {
				for _, target := range rule.Target {
					all[name] = append(all[name], audit.Grant{Rule: fmt.Sprintf("%s/allow[%d]", name, i), Action: action, Target: target})
				}
			}
		}
	}
	return all
}

func (r accessReport) print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	lines := []string{fmt.Sprintf("%d records since %s", r.Records, r.Since.Format(time.RFC3339))}
	for _, u := range r.Personas {
		name := u.Persona
		if name == "" {
			name = "(no persona)"
		}
		lines = append(lines, "", fmt.Sprintf("%s: principals %d, requests allowed %d, refused %d", name, u.Actors, u.Allowed, u.Refused))
		for _, g := range u.Unused {
			lines = append(lines, fmt.Sprintf("  unused\t%s %s\t%s", g.Action, g.Target, g.Rule))
		}
		for _, t := range u.Tools {
			lines = append(lines, fmt.Sprintf("  used\t%s\t%d times", visible(t.What), t.Times))
		}
		for _, d := range u.Denied {
			lines = append(lines, fmt.Sprintf("  refused\t%s\t%d times", visible(d.What), d.Times))
		}
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(table, line); err != nil {
			return err
		}
	}
	return table.Flush()
}
