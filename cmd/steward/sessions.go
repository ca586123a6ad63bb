package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/sessionapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/session"
	"github.com/steward-mcp/steward/internal/presentation/adminapi"
)

func sessionsCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "sessions", Short: "List, show and close sessions",
		Long: "List, show and close sessions: who speaks to the server, with what client, in which revision of the protocol, over\n" +
			"which transport. The server that runs on the state is asked, which takes the key of somebody who is permitted\n" +
			"admin.sessions.list, show or close; see steward keys. While no server runs, no key is needed, and only what is\n" +
			"closed is known. A session can be closed by its id, which is on record with each of its requests, also when nothing\n" +
			"else is known of it.",
	}
	c.PersistentFlags().String("admin-key", "", "a file that holds the key to show to a running server")
	c.AddCommand(listSessionsCommand(), showSessionCommand(), closeSessionCommand())
	return c
}

func listSessionsCommand() *cobra.Command {
	var f sessionapp.Filter
	var state string
	var table bool
	c := &cobra.Command{
		Use: "list", Short: "List the sessions, those that were opened last first", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			f.State = session.State(state)
			return attend(c, func(ctx context.Context, sessions sessionKeeper) error {
				all, err := everyPage(ctx, sessions, f)
				if err != nil {
					return err
				}
				return writeSessions(c.OutOrStdout(), all, table)
			})
		},
	}
	c.Flags().StringVar(&f.Principal, "principal", "", "only of this principal, such as key:k7q2")
	c.Flags().StringVar(&f.Client, "client", "", "only of clients whose name contains this")
	c.Flags().StringVar(&state, "state", "", "only those that are open, closed or expired")
	c.Flags().IntVar(&f.Limit, "limit", 0, "at most so many (default: all)")
	c.Flags().BoolVar(&table, "table", false, "print a table in place of JSON, one a line")
	return c
}

// everyPage asks until there is no more, or there are as many as were wanted.
func everyPage(ctx context.Context, sessions sessionKeeper, f sessionapp.Filter) (all []sessionapp.Session, err error) {
	most := f.Limit
	for {
		f.Limit = sessionapp.MaxPage
		if most > 0 {
			f.Limit = min(most-len(all), sessionapp.MaxPage)
		}
		page, err := sessions.list(ctx, f)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Sessions...)
		if f.After = page.Next; f.After == "" || most > 0 && len(all) >= most {
			return all, nil
		}
	}
}

func writeSessions(out io.Writer, all []sessionapp.Session, table bool) error {
	if !table {
		return writeLines(out, all)
	}
	const padding = 2
	columns := tabwriter.NewWriter(out, 0, 0, padding, ' ', 0)
	_, _ = fmt.Fprintln(columns, "ID\tSTATE\tPRINCIPAL\tCLIENT\tREVISION\tTRANSPORT\tREQUESTS\tREFUSED\tRUNNING\tLAST SEEN\tFROM") // Flush tells
	for _, s := range all {
		seen := "-"
		if !s.LastSeen.IsZero() {
			seen = s.LastSeen.Format(time.RFC3339)
		}
		_, _ = fmt.Fprintf(columns, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s\n", s.ID, s.State, dash(s.Principal), dash(s.Client),
			dash(s.Revision), dash(s.Transport), s.Requests, s.Refused, s.Running, seen, dash(s.LastAddress))
	}
	return columns.Flush()
}

func dash(text string) string { return cmp.Or(text, "-") }

func showSessionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show SESSION_ID", Short: "Show a session as JSON", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return attend(c, func(ctx context.Context, sessions sessionKeeper) error {
				s, err := sessions.show(ctx, args[0])
				if err != nil {
					return err
				}
				shown := json.NewEncoder(c.OutOrStdout())
				shown.SetIndent("", "  ")
				return shown.Encode(s)
			})
		},
	}
}

func closeSessionCommand() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: "close SESSION_ID", Short: "Close a session, and end whatever runs in it", Args: cobra.ExactArgs(1),
		Long: "Close a session: its next request is refused, and what runs in it ends now. It opens again when no request has come\n" +
			"for server.sessions.idle. To keep a principal out whatever its client calls itself, revoke its key.",
		RunE: func(c *cobra.Command, args []string) error {
			return attend(c, func(ctx context.Context, sessions sessionKeeper) error {
				s, err := sessions.close(ctx, args[0], reason)
				if err != nil {
					return err
				}
				whose := "of whoever comes with it, which nobody here has yet,"
				if s.Principal != "" {
					whose = fmt.Sprintf("of %s with %q", s.Principal, s.Client)
				}
				c.PrintErrf("Session %s %s is closed until no request has come before %s.\n", s.ID, whose, s.Expires.Format(time.RFC3339))
				return nil
			})
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for the record")
	return c
}

// sessionKeeper is who does what the commands on sessions ask: this process, or the server that runs.
type sessionKeeper interface {
	list(ctx context.Context, f sessionapp.Filter) (sessionapp.Page, error)
	show(ctx context.Context, id string) (sessionapp.Session, error)
	close(ctx context.Context, id, reason string) (sessionapp.Session, error)
}

// localSessions acts on the state, which this process has locked.
type localSessions struct {
	acts sessionapp.Administration
	by   access.Principal
}

func (l localSessions) list(ctx context.Context, f sessionapp.Filter) (sessionapp.Page, error) {
	return l.acts.List.Do(ctx, sessionapp.ListSessions{Read: cqrs.Read{By: l.by}, Filter: f})
}

func (l localSessions) show(ctx context.Context, id string) (sessionapp.Session, error) {
	return l.acts.Show.Do(ctx, sessionapp.ShowSession{Read: cqrs.Read{By: l.by}, ID: id})
}

func (l localSessions) close(ctx context.Context, id, reason string) (sessionapp.Session, error) {
	return l.acts.Close.Do(ctx, sessionapp.CloseSession{Change: cqrs.Change{By: l.by}, ID: id, Reason: reason})
}

// remoteSessions asks the server that runs.
type remoteSessions struct{ server adminapi.Client }

func (r remoteSessions) list(ctx context.Context, f sessionapp.Filter) (sessionapp.Page, error) {
	return r.server.Sessions(ctx, f)
}

func (r remoteSessions) show(ctx context.Context, id string) (sessionapp.Session, error) {
	return r.server.Session(ctx, id)
}

func (r remoteSessions) close(ctx context.Context, id, reason string) (sessionapp.Session, error) {
	return r.server.CloseSession(ctx, id, reason)
}
