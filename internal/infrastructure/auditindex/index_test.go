package auditindex_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/infrastructure/auditindex"
	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func now() time.Time { return time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC) }

// archive is a journal and an index of it.
type archive struct {
	dir, index string
	journal    *auditlog.Journal
	n          int
}

func newArchive(t *testing.T) *archive {
	t.Helper()
	root := t.TempDir()
	a := &archive{dir: filepath.Join(root, "audit"), index: filepath.Join(root, "state", "audit-index.db")}
	a.open(t)
	return a
}

func (a *archive) open(t *testing.T) {
	t.Helper()
	j, err := auditlog.Open(a.dir, auditlog.Options{
		Now: now, MaxSegmentBytes: 4096, Signing: auditlog.Signing{KeyFile: a.dir + ".key", Writer: "journal"},
	})
	if err != nil {
		t.Fatal(err)
	}
	a.journal = j
	t.Cleanup(func() { _ = j.Close(context.WithoutCancel(t.Context())) })
}

// add writes a record; each is a minute younger than the one before.
func (a *archive) add(t *testing.T, change func(*audit.Record)) {
	t.Helper()
	a.n++
	r := audit.Record{
		Time: now().Add(time.Duration(a.n) * time.Minute), Phase: audit.Closed, Request: fmt.Sprintf("req_%d", a.n), Actor: "key:ada",
		Personas: []string{"analyst"}, Client: "inspector/1.0", Address: "192.0.2.7", Method: "tools/call", Action: "tool.call",
		Target: "tool:query", Outcome: "ok", Trace: fmt.Sprintf("trace%d", a.n),
	}
	if change != nil {
		change(&r)
	}
	if err := a.journal.Append(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

// search brings the index up to date and gives the requests of a page.
func (a *archive) search(t *testing.T, q auditindex.Query) ([]string, string) {
	t.Helper()
	x, err := auditindex.Open(t.Context(), a.index)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if err := x.Follow(t.Context(), a.dir); err != nil {
		t.Fatalf("follow: %v (%v)", err, errors.Unwrap(err))
	}
	return a.found(t, x, q)
}

// found is what a search of an index finds as it is.
func (a *archive) found(t *testing.T, x *auditindex.Index, q auditindex.Query) ([]string, string) {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 100
	}
	page, err := x.Search(t.Context(), q)
	if err != nil {
		t.Fatalf("search: %v (%v)", err, errors.Unwrap(err))
	}
	var requests []string
	for _, found := range page.Records {
		var r audit.Record
		if err := json.Unmarshal(found.Line, &r); err != nil || found.Dir != a.dir {
			t.Fatalf("%s in %s: %v", found.Line, found.Dir, err)
		}
		requests = append(requests, r.Request)
	}
	return requests, page.Next
}

func TestSearch_FindsByEveryFilter(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	a.add(t, nil)
	a.add(t, func(r *audit.Record) { r.Actor = "key:bob" })
	a.add(t, func(r *audit.Record) { r.Personas = []string{"analyst", "auditor"} })
	a.add(t, func(r *audit.Record) { r.Target = "tool:list_metrics" })
	a.add(t, func(r *audit.Record) { r.Outcome, r.DeniedBy = "access.denied", audit.ByPolicy })
	a.add(t, func(r *audit.Record) { r.Outcome, r.DeniedBy = "limit.exceeded", audit.ByLimit })
	a.add(t, func(r *audit.Record) { r.Client = "claude-code/2.1" })
	a.add(t, func(r *audit.Record) { r.Address = "192.0.2.8" })
	a.add(t, func(r *audit.Record) { r.Phase = audit.Intent })
	a.add(t, func(r *audit.Record) { r.Redacted = "metrics=[Revenue]" })
	a.add(t, func(r *audit.Record) { r.Request, r.Trace, r.Actor, r.Outcome = "", "", "", "" })
	a.add(t, func(r *audit.Record) { r.Purpose = "Quarterly board pack" })
	a.add(t, func(r *audit.Record) { r.Session = "ses_a" })
	all := []string{"req_13", "req_12", "", "req_10", "req_9", "req_8", "req_7", "req_6", "req_5", "req_4", "req_3", "req_2", "req_1"}
	minute := func(n int) time.Time { return now().Add(time.Duration(n) * time.Minute) }
	for name, test := range map[string]struct {
		query auditindex.Query
		want  []string
	}{
		"nothing in particular": {auditindex.Query{}, all},
		"an actor":              {auditindex.Query{Actor: "key:bob"}, []string{"req_2"}},
		"a persona":             {auditindex.Query{Persona: "auditor"}, []string{"req_3"}},
		"part of a persona":     {auditindex.Query{Persona: "audit"}, nil},
		"a target":              {auditindex.Query{Target: "tool:list_metrics"}, []string{"req_4"}},
		"a pattern":             {auditindex.Query{Target: "tool:list_*"}, []string{"req_4"}},
		"a pattern's hostile":   {auditindex.Query{Target: "tool:[l]ist_*"}, nil},
		"an outcome":            {auditindex.Query{Outcome: "access.denied"}, []string{"req_5"}},
		"all but an outcome":    {auditindex.Query{Outcome: "!ok"}, []string{"req_6", "req_5"}},
		"what refused":          {auditindex.Query{DeniedBy: "limit"}, []string{"req_6"}},
		"that it was refused":   {auditindex.Query{DeniedBy: "*"}, []string{"req_6", "req_5"}},
		"a client":              {auditindex.Query{Client: "claude-code"}, []string{"req_7"}},
		"an address":            {auditindex.Query{Address: "192.0.2.8"}, []string{"req_8"}},
		"a phase":               {auditindex.Query{Phase: "intent"}, []string{"req_9"}},
		"a request":             {auditindex.Query{Request: "req_3"}, []string{"req_3"}},
		"a trace":               {auditindex.Query{Trace: "trace4"}, []string{"req_4"}},
		"a text":                {auditindex.Query{Text: "rEvenue"}, []string{"req_10"}},
		"a session":             {auditindex.Query{Session: "ses_a"}, []string{"req_13"}},
		"a purpose":             {auditindex.Query{Purpose: "BOARD"}, []string{"req_12"}},
		"a text of a purpose":   {auditindex.Query{Text: "quarterly"}, []string{"req_12"}},
		"a hostile text":        {auditindex.Query{Text: "' or 1 --%_*"}, nil},
		"since and until":       {auditindex.Query{Since: minute(3), Until: minute(5)}, []string{"req_4", "req_3"}},
		"two things":            {auditindex.Query{Actor: "key:ada", Client: "claude"}, []string{"req_7"}},
		"this journal":          {auditindex.Query{Dirs: []string{"/none", a.dir}, Request: "req_1"}, []string{"req_1"}},
		"another journal":       {auditindex.Query{Dirs: []string{"/none"}}, nil},
	} {
		got, next := a.search(t, test.query)
		if diff := cmp.Diff(test.want, got); diff != "" || next != "" {
			t.Errorf("%s: (-want +got), then %q:\n%s", name, next, diff)
		}
	}
}

// Pages are stable although records come in between, and together they are everything, once.
func TestSearch_PagesShowEveryRecordOnceWhateverComesMeanwhile(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	for range 25 {
		a.add(t, func(r *audit.Record) { r.Time = now() }) // all at the same time
	}
	var seen []string
	var cursors []string
	for after := ""; ; {
		page, next := a.search(t, auditindex.Query{Limit: 4, After: after})
		seen = append(seen, page...)
		again, _ := a.search(t, auditindex.Query{Limit: 4, After: after})
		if diff := cmp.Diff(page, again); diff != "" && after != "" {
			t.Errorf("the same page again (-before +after):\n%s", diff)
		}
		if after = next; next == "" {
			break
		}
		cursors = append(cursors, next)
		a.add(t, nil)
	}
	want := make([]string, 25)
	for i := range want {
		want[i] = fmt.Sprintf("req_%d", 25-i)
	}
	if diff := cmp.Diff(want, seen); diff != "" || len(cursors) != 6 {
		t.Errorf("in %d pages (-want +got):\n%s", len(cursors)+1, diff)
	}
}

func TestSearch_RefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	x, err := auditindex.Open(t.Context(), a.index)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	for _, q := range []auditindex.Query{{}, {Limit: auditindex.MaxPage + 1}, {Limit: 1, After: "x"}, {Limit: 1, After: "MS4yLjM0IA"}} {
		if _, err := x.Search(t.Context(), q); !errors.Is(err, auditindex.ErrQuery) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

func TestFollow_ReadsOnWhatCameAndForgetsWhatWasPutAway(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	for range 30 {
		a.add(t, nil)
	}
	if got, _ := a.search(t, auditindex.Query{}); len(got) != 30 {
		t.Fatalf("found %d, want 30", len(got))
	}
	for range 30 {
		a.add(t, nil)
	}
	if got, _ := a.search(t, auditindex.Query{}); len(got) != 60 {
		t.Fatalf("found %d, want 60", len(got))
	}
	sum, err := a.journal.Prune(t.Context(), now().Add(time.Hour), "", func(auditlog.Pruned) error { return nil })
	if err != nil || sum.Segments == 0 {
		t.Fatal(sum, err)
	}
	got, _ := a.search(t, auditindex.Query{})
	if len(got) != 60-int(sum.Last) || slices.Contains(got, fmt.Sprintf("req_%d", sum.Last)) {
		t.Errorf("found %d after %d were put away", len(got), sum.Last)
	}
}

func TestFollow_IsMadeAnewForAnotherJournalOrAnotherVersion(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	for range 30 {
		a.add(t, nil)
	}
	a.search(t, auditindex.Query{})
	if err := a.journal.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(a.dir, a.dir+"-until-today"); err != nil {
		t.Fatal(err)
	}
	a.open(t)
	for range 30 { // as many, and as long
		a.add(t, func(r *audit.Record) { r.Actor = "key:eve" })
	}
	if got, _ := a.search(t, auditindex.Query{Actor: "key:ada"}); len(got) != 0 {
		t.Errorf("found %v of the journal that was moved away", got)
	}
	if got, _ := a.search(t, auditindex.Query{Actor: "key:eve"}); len(got) != 30 {
		t.Errorf("found %d of the new journal, want 30", len(got))
	}
	if err := auditindex.Remove(a.index); err != nil {
		t.Fatal(err)
	}
	if got, _ := a.search(t, auditindex.Query{}); len(got) != 30 {
		t.Errorf("found %d after the index was deleted", len(got))
	}
	if err := os.WriteFile(a.index, []byte("this is not a database, and long enough to be looked at as one........"), 0o600); err != nil {
		t.Fatal(err)
	}
	if x, err := auditindex.Open(t.Context(), a.index); !errors.Is(err, auditindex.ErrUnusable) {
		t.Errorf("a broken index opens with %v, %v", x, err)
	}
}

// An altered record is not shown as if it had been written so.
func TestSearch_ShowsNoAlteredRecord(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	for range 3 {
		a.add(t, nil)
	}
	a.search(t, auditindex.Query{})
	a.alter(t, 0)
	if got, _ := a.search(t, auditindex.Query{}); !cmp.Equal(got, []string{"req_3", "req_2"}) {
		t.Errorf("found %v", got)
	}
}

// A record that does not hold ends what comes in, and not what is there: the index of a damaged journal is not made anew at
// every search.
func TestFollow_KeepsWhatItHasOfAJournalThatDoesNotHold(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	for range 3 {
		a.add(t, nil)
	}
	a.search(t, auditindex.Query{})
	for range 3 {
		a.add(t, nil)
	}
	a.alter(t, 0)
	a.alter(t, 4)
	x, err := auditindex.Open(t.Context(), a.index)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	for range 2 {
		if err := x.Follow(t.Context(), a.dir); !errors.Is(err, auditlog.ErrCorrupt) {
			t.Errorf("follow: %v", err)
		}
		if got, _ := a.found(t, x, auditindex.Query{}); !cmp.Equal(got, []string{"req_4", "req_3", "req_2"}) {
			t.Errorf("found %v", got)
		}
	}
}

// alter changes a record of the first segment, which stays JSON.
func (a *archive) alter(t *testing.T, record int) {
	t.Helper()
	path := filepath.Join(a.dir, "000000000001.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for range record {
		at += bytes.IndexByte(text[at:], '\n') + 1
	}
	actor := bytes.Index(text[at:], []byte("key:ada"))
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("key:eve"), int64(at+actor)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// meddled runs something when it is asked, for the first time, whether it has ended: Read asks at every record. So does
// database/sql, from goroutines of its own and in the middle of a query, which is too early.
type meddled struct {
	context.Context
	once func()
}

func (m meddled) Err() error {
	callers := make([]uintptr, 1)
	runtime.Callers(2, callers)
	if by, _ := runtime.CallersFrames(callers).Next(); !strings.HasPrefix(by.Function, "database/sql.") {
		m.once()
	}
	return m.Context.Err()
}

// While one process reads, another that began earlier, and saw less of the journal, brings what it saw in.
func TestFollow_ReachesTheEndAlthoughAnotherMovesTheIndexMeanwhile(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	for range 20 {
		a.add(t, nil)
	}
	earlier, whole := a.dir+".earlier", a.dir+".whole"
	if err := os.CopyFS(earlier, os.DirFS(a.dir)); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		a.add(t, nil)
	}
	indexes := make([]*auditindex.Index, 2)
	for i := range indexes {
		x, err := auditindex.Open(t.Context(), a.index)
		if err != nil {
			t.Fatal(err)
		}
		defer x.Close()
		indexes[i] = x
	}
	another := sync.OnceFunc(func() {
		err := errors.Join(
			os.Rename(a.dir, whole), os.Rename(earlier, a.dir),
			indexes[1].Follow(t.Context(), a.dir),
			os.Rename(a.dir, earlier), os.Rename(whole, a.dir),
		)
		if got, _ := a.found(t, indexes[1], auditindex.Query{}); err != nil || len(got) != 20 {
			t.Errorf("the other found %d, want 20: %v", len(got), err)
		}
	})
	if err := indexes[0].Follow(meddled{t.Context(), another}, a.dir); err != nil {
		t.Errorf("follow: %v", err)
	}
	if got, _ := a.found(t, indexes[0], auditindex.Query{}); len(got) != 40 {
		t.Errorf("found %d, want 40", len(got))
	}
}

func TestFollow_WorksBesideAnotherAndBesideTheWriter(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	for range 40 {
		a.add(t, nil)
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			x, err := auditindex.Open(t.Context(), a.index)
			if err == nil {
				err = errors.Join(x.Follow(t.Context(), a.dir), x.Close())
			}
			if err != nil {
				t.Errorf("follow: %v (%v)", err, errors.Unwrap(err))
			}
		})
	}
	for range 40 {
		a.add(t, nil)
	}
	wg.Wait()
	if got, _ := a.search(t, auditindex.Query{}); len(got) != 80 {
		t.Errorf("found %d, want 80", len(got))
	}
}
