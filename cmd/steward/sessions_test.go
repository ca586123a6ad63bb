package main

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/application/sessionapp"
	"github.com/steward-mcp/steward/internal/domain/session"
)

// pages has so many sessions, and gives at most ten of them at a time, whatever is asked for.
type pages struct {
	sessionKeeper
	count int
	asked []sessionapp.Filter
}

var errPages = errors.New("no more pages")

func (p *pages) list(_ context.Context, f sessionapp.Filter) (page sessionapp.Page, err error) {
	p.asked = append(p.asked, f)
	first := 0
	if f.After != "" {
		first, err = strconv.Atoi(f.After)
	}
	last := min(first+min(f.Limit, 10), p.count)
	for i := first; i < last; i++ {
		page.Sessions = append(page.Sessions, sessionapp.Session{ID: strconv.Itoa(i)})
	}
	if last < p.count {
		page.Next = strconv.Itoa(last)
	}
	if len(p.asked) > 10 {
		err = errPages
	}
	return page, err
}

func TestEveryPage_AsksForAsManyAsAreWanted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ count, limit, want, asked int }{
		{0, 0, 0, 1}, {5, 0, 5, 1}, {10, 0, 10, 1}, {25, 0, 25, 3}, {25, 4, 4, 1}, {25, 20, 20, 2}, {25, 22, 22, 3}, {5, 20, 5, 1},
	} {
		p := &pages{count: c.count}
		all, err := everyPage(t.Context(), p, sessionapp.Filter{Limit: c.limit, Principal: "key:ada"})
		if err != nil || len(all) != c.want || len(p.asked) != c.asked {
			t.Errorf("%d of %d: %d after %d pages, %v", c.limit, c.count, len(all), len(p.asked), err)
		}
		for i, s := range all {
			if s.ID != strconv.Itoa(i) {
				t.Errorf("%d of %d: %s stands at %d", c.limit, c.count, s.ID, i)
			}
		}
		for _, f := range p.asked {
			if f.Principal != "key:ada" || f.Limit > sessionapp.MaxPage || f.Limit < 1 {
				t.Errorf("asked for %+v", f)
			}
		}
	}
	if _, err := everyPage(t.Context(), &pages{count: 1000}, sessionapp.Filter{}); !errors.Is(err, errPages) {
		t.Errorf("of a server that fails: %v", err)
	}
}

func TestWriteSessions_AsJSONAndAsATable(t *testing.T) {
	t.Parallel()
	all := []sessionapp.Session{
		{
			ID: "ses_a", Principal: "key:ada", Client: "agent/1", Revision: "2026-07-28", Transport: "http", State: session.Opened,
			Requests: 12, Refused: 3, Running: 1, LastSeen: time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC), LastAddress: "192.0.2.1",
		},
		{ID: "ses_b", State: session.Closed},
	}
	var table, lines bytes.Buffer
	if err := errors.Join(writeSessions(&table, all, true), writeSessions(&lines, all, false)); err != nil {
		t.Fatal(err)
	}
	var got [][]string
	for line := range strings.Lines(table.String()) {
		got = append(got, strings.Fields(line))
	}
	want := [][]string{
		{"ID", "STATE", "PRINCIPAL", "CLIENT", "REVISION", "TRANSPORT", "REQUESTS", "REFUSED", "RUNNING", "LAST", "SEEN", "FROM"},
		{"ses_a", "open", "key:ada", "agent/1", "2026-07-28", "http", "12", "3", "1", "2026-03-01T09:30:00Z", "192.0.2.1"},
		{"ses_b", "closed", "-", "-", "-", "-", "0", "0", "0", "-", "-"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table (-want +got):\n%s", diff)
	}
	if strings.Count(lines.String(), "\n") != 2 || !strings.HasPrefix(lines.String(), `{"id":"ses_a","principal":"key:ada"`) {
		t.Errorf("the lines: %s", lines.String())
	}
}
