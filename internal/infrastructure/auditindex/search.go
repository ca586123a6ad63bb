package auditindex

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
	"github.com/steward-mcp/steward/internal/infrastructure/database"
)

// Query says which records are looked for. What is empty asks nothing; everything else must be so.
type Query struct {
	Actor    string // exactly
	Persona  string // one of the actor's
	Target   string // tool:query; with * for any characters
	Outcome  string // exactly; !ok for everything but ok
	DeniedBy string // exactly; * for any
	Client   string // part of it
	Session  string // exactly
	Address  string // exactly
	Request  string
	Trace    string
	Phase    string
	Purpose  string    // part of what they said that it was for, in any case
	Text     string    // part of what was asked for, by whom or of what came of it, in any case
	Since    time.Time // from then on
	Until    time.Time // and before then
	Limit    int       // of a page; 1 to MaxPage
	After    string    // Page.Next of the page before
	Dirs     []string  // journals to look into; none for all
}

// MaxPage is the longest page.
const MaxPage = 1000

// Found is a record as it stands in its journal.
type Found struct {
	Dir  string
	Line []byte
}

// Page is a part of what was found, the newest first. Next is empty behind the last. A page that is asked for again shows
// the same records, however many came since, unless they were put away.
type Page struct {
	Records []Found
	Next    string
}

// Search finds records. They are read from the journals, and one that does not hold by its own hash, or is gone, is not
// shown. The error is ErrQuery, ErrUnusable, auditlog.ErrStorage or ctx's.
func (x *Index) Search(ctx context.Context, q Query) (Page, error) {
	if q.Limit < 1 || q.Limit > MaxPage {
		return Page{}, ErrQuery.Saying("The limit of a page is 1 to %d.", MaxPage)
	}
	c, err := q.conditions()
	if err != nil {
		return Page{}, err
	}
	//nolint:gosec // the conditions are words of this file; whatever was asked for is an argument
	statement := `select c.directory, r.at, r.chain, r.seq, r.segment, r.offset, r.length from records r join chains c on c.id = r.chain
		where ` + c.text.String() + ` order by r.at desc, r.chain desc, r.seq desc limit ?`
	rows, err := x.db.Read.QueryContext(ctx, statement, append(c.values, q.Limit+1)...)
	if err != nil {
		return Page{}, refused(database.Translate(ctx, err))
	}
	defer func() { _ = rows.Close() }()
	var page Page
	var last place
	for seen := 0; rows.Next(); seen++ {
		if seen == q.Limit {
			page.Next = last.String()
			break
		}
		var dir string
		var segment uint64
		var offset, length int64
		if err := rows.Scan(&dir, &last.at, &last.chain, &last.seq, &segment, &offset, &length); err != nil {
			return Page{}, refused(database.Translate(ctx, err))
		}
		line, err := auditlog.Reread(dir, segment, offset, length)
		if errors.Is(err, auditlog.ErrGone) {
			continue
		}
		if err != nil {
			return Page{}, err
		}
		page.Records = append(page.Records, Found{Dir: dir, Line: line})
	}
	return page, refused(database.Translate(ctx, rows.Err()))
}

// place is where a record stands in the order of what is found.
type place struct{ at, chain, seq int64 }

func (p place) String() string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d.%d.%d", p.at, p.chain, p.seq))
}

func parsePlace(cursor string) (place, error) {
	var p place
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		_, err = fmt.Sscanf(string(text), "%d.%d.%d", &p.at, &p.chain, &p.seq)
	}
	if err != nil || p.String() != cursor {
		return p, ErrQuery.Saying("The cursor is none that an earlier page gave.")
	}
	return p, nil
}

// conditions are the where clause of a query.
type conditions struct {
	text   strings.Builder
	values []any
}

func (c *conditions) add(text string, values ...any) {
	if c.text.Len() > 0 {
		c.text.WriteString(" and ")
	}
	c.text.WriteString(text)
	c.values = append(c.values, values...)
}

func (q Query) conditions() (*conditions, error) {
	c := &conditions{}
	c.add("1")
	q.exact(c)
	q.partly(c)
	if !q.Since.IsZero() {
		c.add("r.at >= ?", q.Since.UnixMicro())
	}
	if !q.Until.IsZero() {
		c.add("r.at < ?", q.Until.UnixMicro())
	}
	if len(q.Dirs) > 0 {
		values := make([]any, len(q.Dirs))
		for i, dir := range q.Dirs {
			values[i] = dir
		}
		c.add("c.directory in (?"+strings.Repeat(", ?", len(q.Dirs)-1)+")", values...)
	}
	if q.After == "" {
		return c, nil
	}
	p, err := parsePlace(q.After)
	c.add("(r.at, r.chain, r.seq) < (?, ?, ?)", p.at, p.chain, p.seq)
	return c, err
}

func (q Query) exact(c *conditions) {
	for _, is := range []struct{ column, value string }{
		{"r.actor = ?", q.Actor},
		{"r.address = ?", q.Address},
		{"r.request = ? and r.request <> ''", q.Request},
		{"r.trace = ? and r.trace <> ''", q.Trace},
		{"r.session = ? and r.session <> ''", q.Session},
		{"r.phase = ?", q.Phase},
	} {
		if is.value != "" {
			c.add(is.column, is.value)
		}
	}
	switch q.DeniedBy {
	case "":
	case "*":
		c.add("r.denied_by <> ''")
	default:
		c.add("r.denied_by = ? and r.denied_by <> ''", q.DeniedBy)
	}
	switch outcome, not := strings.CutPrefix(q.Outcome, "!"); {
	case q.Outcome == "":
	case not:
		c.add("r.outcome <> ? and r.outcome <> ''", outcome)
	default:
		c.add("r.outcome = ?", outcome)
	}
}

// globLiteral keeps what SQLite's GLOB would take for more than itself.
var globLiteral = strings.NewReplacer("[", "[[]", "?", "[?]")

func (q Query) partly(c *conditions) {
	switch {
	case strings.Contains(q.Target, "*"):
		c.add("r.target glob ?", globLiteral.Replace(q.Target))
	case q.Target != "":
		c.add("r.target = ?", q.Target)
	}
	if q.Persona != "" {
		c.add("instr(r.personas, ?)", " "+q.Persona+" ")
	}
	if q.Client != "" {
		c.add("instr(r.client, ?)", q.Client)
	}
	if q.Purpose != "" {
		c.add("instr(r.purpose, ?)", strings.ToLower(q.Purpose))
	}
	if q.Text != "" {
		c.add("instr(r.words, ?)", strings.ToLower(q.Text))
	}
}
