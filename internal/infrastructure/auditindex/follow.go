package auditindex

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
	"github.com/steward-mcp/steward/internal/infrastructure/database"
)

// batch is how many records one transaction brings.
const batch = 5000

// Follow brings the index up to the end of the journal in dir, reading what came since the last time, and forgets what
// was put away. A journal that is not the one that was read before is read anew from its start. Of one that does not
// hold, it brings what comes before that place. The error is one of auditlog.Read, or ErrUnusable.
func (x *Index) Follow(ctx context.Context, dir string) error {
	f := &follower{index: x, dir: dir}
	err := f.run(ctx)
	if errors.Is(err, auditlog.ErrGone) {
		if err = x.forget(ctx, dir); err == nil {
			err = f.run(ctx)
		}
	}
	return err
}

// follower reads one journal into the index.
type follower struct {
	index  *Index
	dir    string
	chain  int64
	from   auditlog.Position // where the last transaction ended
	length int64             // of the record before it
	rows   []row
}

// row is what the index holds of a record.
type row struct {
	behind   auditlog.Position
	length   int64
	at       int64
	personas string
	words    string
	audit.Record
}

// errMoved says that another process has brought the index forward since this one began.
var errMoved = errors.New("another process follows the same journal")

// run begins again where the other process is: it may have seen less of the journal.
func (f *follower) run(ctx context.Context) error {
	err := f.catchUp(ctx)
	for errors.Is(err, errMoved) {
		err = f.catchUp(ctx)
	}
	return err
}

func (f *follower) catchUp(ctx context.Context) error {
	if err := f.begin(ctx); err != nil {
		return err
	}
	_, err := auditlog.Read(ctx, f.dir, f.from, func(line []byte, behind auditlog.Position) error {
		return f.add(ctx, line, behind)
	})
	if err != nil {
		return errors.Join(err, f.flush(ctx)) // what holds can be found
	}
	if err := f.flush(ctx); err != nil {
		return err
	}
	return f.index.prune(ctx, f.chain, f.dir)
}

// begin finds where the journal was left, and makes sure that it is still the same journal.
func (f *follower) begin(ctx context.Context) error {
	f.from, f.length, f.rows = auditlog.Position{}, 0, nil
	var head []byte
	err := database.InTx(ctx, f.index.db.Write, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "insert into chains (directory, segment, offset, seq, head, length) values (?, 0, 0, 0, x'', 0) on conflict do nothing", f.dir)
		if err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, "select id, segment, offset, seq, head, length from chains where directory = ?", f.dir).
			Scan(&f.chain, &f.from.Segment, &f.from.Offset, &f.from.Seq, &head, &f.length)
	})
	if err != nil || f.from.Seq == 0 {
		return refused(err)
	}
	copy(f.from.Head[:], head)
	line, err := auditlog.Reread(f.dir, f.from.Segment, f.from.Offset-f.length-1, f.length)
	if err != nil {
		return err
	}
	if at, err := audit.After(line); err != nil || at.Head() != f.from.Head {
		return auditlog.ErrGone
	}
	return nil
}

func (f *follower) add(ctx context.Context, line []byte, behind auditlog.Position) error {
	r := row{behind: behind, length: int64(len(line))}
	if err := json.Unmarshal(line, &r.Record); err != nil {
		return auditlog.ErrCorrupt.Because(err)
	}
	r.at = r.Time.UnixMicro()
	r.personas = " " + strings.Join(r.Personas, " ") + " "
	r.words = strings.ToLower(strings.Join(append([]string{
		r.Actor, r.Client, r.Method, r.Action, r.Target, r.Redacted, r.Purpose, r.Outcome, r.Rule, r.Detail,
	}, r.Demands...), "\n"))
	f.rows = append(f.rows, r)
	if len(f.rows) < batch {
		return nil
	}
	return f.flush(ctx)
}

const insertRecord = `insert into records (at, chain, seq, segment, offset, length, phase, request, actor, personas, client, session, address, transport,
	method, action, target, purpose, outcome, denied_by, rule, trace, words)
	values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// flush brings in what was read, all of it or, with errMoved, nothing.
func (f *follower) flush(ctx context.Context) error {
	if len(f.rows) == 0 {
		return nil
	}
	last := f.rows[len(f.rows)-1]
	err := database.InTx(ctx, f.index.db.Write, func(tx *sql.Tx) error {
		moved, err := tx.ExecContext(ctx, "update chains set segment = ?, offset = ?, seq = ?, head = ?, length = ? where id = ? and seq = ?",
			last.behind.Segment, last.behind.Offset, last.behind.Seq, last.behind.Head[:], last.length, f.chain, f.from.Seq)
		if err != nil {
			return err
		}
		switch n, err := moved.RowsAffected(); {
		case err != nil:
			return err
		case n == 0:
			return errMoved
		}
		return f.insert(ctx, tx)
	})
	if errors.Is(err, errMoved) {
		return err
	}
	if err != nil {
		return refused(err)
	}
	f.from, f.length, f.rows = last.behind, last.length, f.rows[:0]
	return nil
}

func (f *follower) insert(ctx context.Context, tx *sql.Tx) error {
	statement, err := tx.PrepareContext(ctx, insertRecord)
	if err != nil {
		return err
	}
	defer func() { _ = statement.Close() }()
	for _, r := range f.rows {
		_, err := statement.ExecContext(ctx, r.at, f.chain, r.behind.Seq, r.behind.Segment, r.behind.Offset-r.length-1, r.length,
			string(r.Phase), r.Request, r.Actor, r.personas, r.Client, r.Session, r.Address, r.Transport, r.Method, r.Action, r.Target,
			strings.ToLower(r.Purpose), r.Outcome, r.DeniedBy, r.Rule, r.Trace, r.words)
		if err != nil {
			return err
		}
	}
	return nil
}

// prune forgets what lies in segments that were put away.
func (x *Index) prune(ctx context.Context, chain int64, dir string) error {
	first, err := auditlog.FirstSegment(dir)
	if err != nil {
		return err
	}
	return refused(database.InTx(ctx, x.db.Write, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "delete from records where chain = ? and seq < ?", chain, first)
		return err
	}))
}

func (x *Index) forget(ctx context.Context, dir string) error {
	return refused(database.InTx(ctx, x.db.Write, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "delete from records where chain in (select id from chains where directory = ?)", dir); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "delete from chains where directory = ?", dir)
		return err
	}))
}
