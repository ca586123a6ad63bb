package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/steward-mcp/steward/cmd/steward/app"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
)

func policyCommand() *cobra.Command {
	c := &cobra.Command{Use: "policy", Short: "Explain and test what the personas of the configuration may do"}
	c.AddCommand(explainCommand(), testPolicyCommand())
	return c
}

// openPolicy reads the policy that the command's flags name.
func openPolicy(c *cobra.Command) (*app.Policy, error) {
	cfg, err := load(c)
	if err != nil {
		return nil, err
	}
	return app.OpenPolicy(app.Settings{Config: cfg, Version: version})
}

type explainFlags struct {
	asked      app.Asked
	args       string
	attributes []string
}

func explainCommand() *cobra.Command {
	var f explainFlags
	c := &cobra.Command{
		Use: "explain", Short: "Tell what somebody with these personas may do, and by which rule", Args: cobra.NoArgs,
		Long: "Tell whether somebody with the personas may call a tool with some arguments, or do an action on a target, by\n" +
			"which rule, and what other rules speak of it. Without either, list what they may see and what is hidden from\n" +
			"them. It works offline and beside a running server, and runs nothing. It exits with 0 for a refusal too.",
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	c.Flags().StringSliceVarP(&f.asked.Personas, "persona", "p", nil, "a persona that they have; may be repeated")
	c.Flags().StringArrayVar(&f.attributes, "attribute", nil, "name=value of an attribute that they have; may be repeated")
	c.Flags().StringArrayVar(&f.asked.Scope, "scope", nil, "\"ACTION,... TARGET,...\": what their key is for, as keys create takes it; may be repeated")
	c.Flags().StringVar(&f.asked.Tool, "tool", "", "a tool that they call")
	c.Flags().StringVar(&f.args, "args", "{}", "the arguments of the call, a JSON object")
	c.Flags().StringVar(&f.asked.Purpose, "purpose", "", "what the call says that it is for")
	c.Flags().StringVar(&f.asked.Action, "action", "", "an action, such as metric.query")
	c.Flags().StringVar(&f.asked.Target, "target", "", "its target, such as metric:revenue")
	_ = c.MarkFlagRequired("persona") // fails for a flag that is not there
	c.MarkFlagsMutuallyExclusive("tool", "action")
	c.MarkFlagsRequiredTogether("action", "target")
	return c
}

func (f *explainFlags) run(c *cobra.Command) error {
	var err error
	if f.asked.Attributes, err = parseAttributes(f.attributes); err != nil {
		return err
	}
	if f.asked.Arguments = json.RawMessage(f.args); !json.Valid(f.asked.Arguments) {
		return errors.New("--args is not JSON")
	}
	p, err := openPolicy(c)
	if err != nil {
		return err
	}
	if f.asked.Tool == "" && f.asked.Action == "" {
		s, err := p.Sees(c.Context(), f.asked)
		if err != nil {
			return err
		}
		printSight(c.OutOrStdout(), s)
		return nil
	}
	r, err := p.Rule(c.Context(), f.asked)
	if err != nil {
		return err
	}
	printRuling(c.OutOrStdout(), r)
	return nil
}

// say writes a line to the terminal. A terminal that has gone cannot be told.
func say(out io.Writer, format string, values ...any) {
	_, _ = fmt.Fprintf(out, format+"\n", values...)
}

func printRuling(out io.Writer, r app.Ruling) {
	switch {
	case r.Allowed:
		say(out, "allowed by %s", r.Rule)
	case r.DeniedBy == audit.ByPolicy:
		say(out, "refused by %s", r.Rule)
	default:
		say(out, "refused for its %s, before policy had decided all of it", r.DeniedBy)
	}
	if r.Told != nil {
		say(out, "  %s: %s", r.Told.Code, r.Told.Message)
	}
	for _, s := range r.Spoken {
		say(out, "%s", s.Demand)
		if len(s.Matches) == 0 {
			say(out, "  no rule speaks of it")
		}
		for _, m := range s.Matches {
			say(out, "  %s", describe(m))
		}
		if s.Beyond {
			say(out, "  the key's scope does not reach it")
		}
	}
	printObligations(out, r.Obliged)
	say(out, "policy %s", r.Policy)
}

func describe(m access.Match) string {
	text := "allow " + m.Rule
	if m.Denies {
		text = "deny  " + m.Rule
	}
	switch {
	case m.When && m.Met:
		text += ", whose conditions are met"
	case m.When:
		text += ", whose conditions are not met"
	}
	return text
}

func printObligations(out io.Writer, o access.Obligations) {
	var lines []string
	for _, r := range o.Rows {
		lines = append(lines, fmt.Sprintf("%s: only rows with %s %s %v", r.Rule, r.Field, r.Op, r.Values))
	}
	if o.MaxRows > 0 {
		lines = append(lines, fmt.Sprintf("at most %d rows", o.MaxRows))
	}
	if o.MaxRange > 0 {
		lines = append(lines, fmt.Sprintf("%s: at most %d days", o.RangeRule, int(o.MaxRange.Hours()/24)))
	}
	if o.ExplainOnly != "" {
		lines = append(lines, o.ExplainOnly+": questions are not run")
	}
	if o.Purpose != "" {
		lines = append(lines, o.Purpose+": every call says what it is for")
	}
	if len(lines) > 0 {
		say(out, "obligations\n  %s", strings.Join(lines, "\n  "))
	}
}

func printSight(out io.Writer, s app.Sight) {
	for _, row := range []struct {
		what          string
		shown, hidden []string
	}{
		{"tools", s.Tools, s.HiddenTools},
		{"metrics", s.Metrics, s.HiddenMetrics},
		{"dimensions and entities", s.Fields, s.HiddenFields},
		{"saved queries", s.SavedQueries, s.HiddenSavedQuery},
	} {
		if len(row.shown)+len(row.hidden) == 0 {
			continue
		}
		say(out, "%s: %d seen, %d hidden", row.what, len(row.shown), len(row.hidden))
		for _, name := range row.shown {
			say(out, "  sees   %s", name)
		}
		for _, name := range row.hidden {
			say(out, "  hidden %s", name)
		}
	}
	printObligations(out, s.Obliged)
	say(out, "policy %s", s.Policy)
}

func testPolicyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "test FILE", Short: "Check a table of what the policy is meant to decide", Args: cobra.ExactArgs(1),
		Long: "Check a YAML or JSON list of rows such as {as: analyst, tool: query, args: {metrics: [revenue]}, expect: allowed}\n" +
			"or {as: [regional], action: metric.query, target: \"metric:margin\", expect: refused, rule: \"regional/deny[0]\"}.\n" +
			"It works offline and runs nothing. Exit code 1 says that a row does not hold.",
		RunE: func(c *cobra.Command, args []string) error {
			text, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			table, err := app.ReadExpectations(text)
			if err != nil {
				return err
			}
			p, err := openPolicy(c)
			if err != nil {
				return err
			}
			return testPolicy(c, p, table)
		},
	}
}

func testPolicy(c *cobra.Command, p *app.Policy, table []app.Expectation) error {
	failed := 0
	for i, e := range table {
		holds, want, got, err := p.Hold(c.Context(), e)
		switch {
		case err != nil:
			return fmt.Errorf("row %d: %w", i+1, err)
		case holds:
			say(c.OutOrStdout(), "ok     %s", e.Title())
		default:
			failed++
			say(c.OutOrStdout(), "FAILED row %d: %s\n  - expected %s\n  + is       %s", i+1, e.Title(), want, got)
		}
	}
	say(c.OutOrStdout(), "%d rows, %d failed", len(table), failed)
	if failed > 0 {
		return errFound
	}
	return nil
}
