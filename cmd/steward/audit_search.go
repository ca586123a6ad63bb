package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/steward-mcp/steward/cmd/steward/app"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/infrastructure/auditindex"
	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
	"github.com/steward-mcp/steward/internal/infrastructure/clock"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

// search is what the flags of search say.
type search struct {
	query        auditindex.Query
	dir          string
	tool         string
	since, until string
	index        string
	output       string
	rebuild      bool
}

// The forms of output.
const (
	asTable  = "table"
	asNDJSON = "ndjson"
)

func searchCommand() *cobra.Command {
	var s search
	c := &cobra.Command{
		Use: "search", Short: "Find records, the newest first", Args: cobra.NoArgs,
		Long: "Find records of all journals of the state by what they say. It works offline, and beside a running server: it reads\n" +
			"the journals and writes its own index only, which it brings up to date first. Every filter must hold.\n" +
			"With --dir it needs no configuration, and makes an index for this search alone unless --index names one.",
		RunE: func(c *cobra.Command, _ []string) error { return s.run(c) },
	}
	flags := c.Flags()
	flags.StringVar(&s.query.Actor, "principal", "", "who acted, such as key:abc")
	flags.StringVar(&s.query.Persona, "persona", "", "a persona that they had")
	flags.StringVar(&s.tool, "tool", "", "the tool; * stands for anything")
	flags.StringVar(&s.query.Target, "target", "", "what was acted on, such as prompt:weekly; * stands for anything")
	flags.StringVar(&s.query.Outcome, "outcome", "", "ok or a code; !ok for whatever failed")
	flags.StringVar(&s.query.DeniedBy, "denied-by", "", "authentication, session, policy, limit, input or edge; * for any")
	flags.StringVar(&s.query.Client, "client", "", "part of the client's name")
	flags.StringVar(&s.query.Session, "session", "", "the session that it belongs to, as sessions list tells it")
	flags.StringVar(&s.query.Address, "address", "", "the address that they came from")
	flags.StringVar(&s.query.Request, "request", "", "the id of the request")
	flags.StringVar(&s.query.Trace, "trace", "", "the id of the trace")
	flags.StringVar(&s.query.Phase, "phase", "", "intent, closed, note or counted")
	flags.StringVar(&s.query.Purpose, "purpose", "", "part of what they said that it was for")
	flags.StringVar(&s.query.Text, "text", "", "part of what was asked for, by whom, or of what came of it")
	timeFlags(c, &s.since, &s.until)
	dirFlag(c, &s.dir)
	flags.IntVar(&s.query.Limit, "limit", 50, "how many to show at once, "+strconv.Itoa(auditindex.MaxPage)+" at most")
	flags.StringVar(&s.query.After, "after", "", "the cursor that the page before ended with")
	flags.StringVarP(&s.output, "output", "o", asTable, "table or ndjson")
	flags.BoolVar(&s.rebuild, "rebuild", false, "make the index anew from the segments")
	flags.StringVar(&s.index, "index", "", "the file of the index (default: audit-index.db in the state directory)")
	c.MarkFlagsMutuallyExclusive("tool", "target")
	return c
}

func timeFlags(c *cobra.Command, since, until *string) {
	c.Flags().StringVar(since, "since", "", "from this time on: 2026-01-31, 2026-01-31T08:00:00Z, or 36h or 7d ago")
	c.Flags().StringVar(until, "until", "", "before this time")
}

func dirFlag(c *cobra.Command, dir *string) {
	c.Flags().StringVar(dir, "dir", "", "a journal's directory, such as a copy kept elsewhere (default: those of the configuration)")
}

// source is a configuration whose journals are those to look into. A directory that is named needs none.
func source(c *cobra.Command, dir string) (cfg config.Config, err error) {
	named, err := c.Flags().GetString("config")
	if err == nil && (dir == "" || named != "") {
		cfg, err = load(c)
	}
	cfg.Audit.Dir = cmp.Or(dir, cfg.Audit.Dir)
	return cfg, err
}

func (s search) run(c *cobra.Command) (err error) {
	cfg, err := source(c, s.dir)
	if err != nil {
		return err
	}
	if s.output != asTable && s.output != asNDJSON {
		return errOutput
	}
	if s.query.Since, s.query.Until, err = period(s.since, s.until); err != nil {
		return err
	}
	if s.tool != "" {
		s.query.Target = "tool:" + s.tool
	}
	dispose, err := s.placeIndex(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dispose()) }()
	page, err := s.find(c, cfg)
	if err != nil {
		return err
	}
	if err := showRecords(c.OutOrStdout(), s.output, page.Records); err != nil {
		return err
	}
	if page.Next != "" {
		c.PrintErrf("There are more: --after %s\n", page.Next)
	}
	return nil
}

// placeIndex says where the index is, unless the flags do: in the state, or for a directory that was named in a folder that
// dispose removes.
func (s *search) placeIndex(cfg config.Config) (dispose func() error, err error) {
	const name = "audit-index.db"
	dispose = func() error { return nil }
	switch {
	case s.index != "":
	case s.dir == "":
		s.index = filepath.Join(cfg.StateDir, name)
	default:
		once, err := os.MkdirTemp("", "steward-audit-")
		if err != nil {
			return nil, err
		}
		s.index, dispose = filepath.Join(once, name), func() error { return os.RemoveAll(once) }
	}
	return dispose, nil
}

// find brings the index up to date and searches it. What could be read of a journal that does not hold is found, and
// the user is told.
func (s search) find(c *cobra.Command, cfg config.Config) (page auditindex.Page, err error) {
	if s.rebuild {
		if err := auditindex.Remove(s.index); err != nil {
			return page, err
		}
	}
	index, err := auditindex.Open(c.Context(), s.index)
	if err != nil {
		return page, err
	}
	defer func() { err = errors.Join(err, index.Close()) }()
	missing, chains := 0, app.Chains(cfg)
	for _, chain := range chains {
		s.query.Dirs = append(s.query.Dirs, chain.Dir)
		err := index.Follow(c.Context(), chain.Dir)
		switch {
		case errors.Is(err, auditlog.ErrNoJournal):
			missing++
		case errors.Is(err, auditlog.ErrCorrupt):
			c.PrintErrf("%s: %v\n", chain.Dir, err)
		case err != nil:
			return page, err
		}
	}
	if missing == len(chains) {
		return page, auditlog.ErrNoJournal
	}
	return index.Search(c.Context(), s.query)
}

func showRecords(out io.Writer, form string, records []auditindex.Found) error {
	if form == asNDJSON {
		for _, r := range records {
			if _, err := fmt.Fprintf(out, "%s\n", r.Line); err != nil {
				return err
			}
		}
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, err := fmt.Fprintln(table, "TIME\tPRINCIPAL\tACTION\tTARGET\tOUTCOME\tDENIED BY\tRULE\tREQUEST\tARGUMENTS\tPURPOSE")
	for _, found := range records {
		var r audit.Record
		if err == nil {
			err = json.Unmarshal(found.Line, &r)
		}
		if err == nil {
			_, err = fmt.Fprintln(table, strings.Join(cells(r), "\t"))
		}
	}
	return errors.Join(err, table.Flush())
}

// cells are a record's columns. What is decided by no rule of its own, such as a listing, is told by its method. Texts are shown as the journal spells them: a control character is an escape.
func cells(r audit.Record) []string {
	outcome := r.Outcome
	if r.Phase != audit.Closed {
		outcome = strings.TrimSpace(string(r.Phase) + " " + outcome)
	}
	texts := []string{r.Actor, cmp.Or(r.Action, r.Method), r.Target, outcome, r.DeniedBy, r.Rule, r.Request, r.Redacted + r.Detail, r.Purpose}
	row := []string{r.Time.UTC().Format("2006-01-02T15:04:05.000Z")}
	for _, text := range texts {
		row = append(row, visible(text))
	}
	return row
}

var (
	errOutput = fault.New(fault.Invalid, "audit.output", "The output has no such form; the command's help lists the ones there are.")
	errTime   = fault.New(fault.Invalid, "audit.time", "A time is a date such as 2026-01-31, a time such as 2026-01-31T08:00:00Z, or how long ago it was, such as 36h or 7d.")
)

func period(since, until string) (from, to time.Time, err error) {
	if from, err = parseTime(since); err == nil {
		to, err = parseTime(until)
	}
	return from, to, err
}

const day = 24 * time.Hour

// parseTime reads a time, or how long ago it was; nothing is the zero time.
func parseTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	ago, err := parseDuration(text)
	if err != nil {
		return time.Time{}, errTime
	}
	return clock.Now().Add(-ago), nil
}

var errDuration = errors.New("a span of time is written such as 36h or 7d")

// parseDuration reads days, such as 7d, beside what Go calls durations, and nothing below zero.
func parseDuration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 15); err == nil {
			return time.Duration(n) * day, nil
		}
		return 0, errDuration
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, errDuration
	}
	return d, nil
}

// eachRecord shows every record of every journal of the state, in the order of each.
func eachRecord(ctx context.Context, cfg config.Config, since, until time.Time, visit func(line []byte, r audit.Record) error) error {
	missing, chains := 0, app.Chains(cfg)
	for _, chain := range chains {
		_, err := auditlog.Read(ctx, chain.Dir, auditlog.Position{}, func(line []byte, _ auditlog.Position) error {
			var r audit.Record
			if err := json.Unmarshal(line, &r); err != nil {
				return auditlog.ErrCorrupt.Because(err)
			}
			if r.Time.Before(since) || !until.IsZero() && !r.Time.Before(until) {
				return nil
			}
			return visit(line, r)
		})
		if errors.Is(err, auditlog.ErrNoJournal) && missing+1 < len(chains) {
			missing++
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}
