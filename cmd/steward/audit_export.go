package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/steward-mcp/steward/internal/domain/audit"
)

const asCSV = "csv"

func exportCommand() *cobra.Command {
	var since, until, format, dir string
	c := &cobra.Command{
		Use: "export", Short: "Print all records, as they stand or as a table", Args: cobra.NoArgs,
		Long: "Print the records of all journals of the state, oldest first in each: as they stand (ndjson), so that each can be checked\n" +
			"against its own hash, or as a table (csv), in which no cell is a formula to a spreadsheet. With --dir it needs no configuration.",
		RunE: func(c *cobra.Command, _ []string) error {
			from, to, err := period(since, until)
			if err != nil {
				return err
			}
			cfg, err := source(c, dir)
			if err != nil {
				return err
			}
			out := bufio.NewWriter(c.OutOrStdout())
			write, err := writerOf(format, out)
			if err != nil {
				return err
			}
			return errors.Join(eachRecord(c.Context(), cfg, from, to, write), out.Flush())
		},
	}
	timeFlags(c, &since, &until)
	dirFlag(c, &dir)
	c.Flags().StringVarP(&format, "output", "o", asNDJSON, "ndjson or csv")
	return c
}

func writerOf(format string, out io.Writer) (func([]byte, audit.Record) error, error) {
	switch format {
	case asNDJSON:
		return func(line []byte, _ audit.Record) error {
			_, err := out.Write(append(slices.Clip(line), '\n'))
			return err
		}, nil
	case asCSV:
		table := csv.NewWriter(out)
		write := func(row []string) error {
			if err := table.Write(row); err != nil {
				return err
			}
			table.Flush()
			return table.Error()
		}
		return func(_ []byte, r audit.Record) error { return write(spreadsheetRow(r)) }, write(spreadsheetColumns)
	}
	return nil, errOutput
}

var spreadsheetColumns = []string{
	"time", "phase", "request", "actor", "personas", "client", "session", "address", "transport", "revision", "method", "action", "target",
	"definition", "demands", "arguments", "redacted", "purpose", "outcome", "denied_by", "rule", "policy", "duration_us", "count", "trace", "detail",
}

func spreadsheetRow(r audit.Record) []string {
	row := []string{
		r.Time.UTC().Format(time.RFC3339Nano), string(r.Phase), r.Request, r.Actor, strings.Join(r.Personas, " "), r.Client, r.Session, r.Address,
		r.Transport, r.Revision, r.Method, r.Action, r.Target, r.Definition, strings.Join(r.Demands, "; "), r.Arguments, r.Redacted, r.Purpose, r.Outcome,
		r.DeniedBy, r.Rule, r.Policy, strconv.FormatInt(r.DurationUS, 10), strconv.FormatInt(r.Count, 10), r.Trace, r.Detail,
	}
	for i, cell := range row {
		row[i] = inert(cell)
	}
	return row
}

// inert is a cell that no spreadsheet takes for a formula: before what one would begin with, spaces or not, stands an
// apostrophe, and what is not printable is an escape.
func inert(cell string) string {
	cell = visible(cell)
	first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(cell, unicode.IsSpace))
	if strings.ContainsRune("=+-@|%＝＋－＠", first) {
		return "'" + cell
	}
	return cell
}

// visible is a text in which what is not printable is an escape, as Go spells it.
func visible(text string) string {
	quoted := strconv.QuoteToGraphic(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
