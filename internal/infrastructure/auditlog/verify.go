package auditlog

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/steward-mcp/steward/internal/domain/audit"
)

// Report is what Verify found. A torn tail or an open intent is no sign of tampering: the first is what a crash or a
// write in progress leaves, the second what a crash, or a call still running, leaves.
type Report struct {
	Segments     int          `json:"segments"`
	Records      int64        `json:"records"` // that hold, up to Bad if there is one
	First        time.Time    `json:"first,omitzero"`
	Last         time.Time    `json:"last,omitzero"`
	Seq          uint64       `json:"seq"`              // of the last record that holds
	Head         audit.Digest `json:"head"`             // its hash; keep it elsewhere to notice a cut tail later
	Pruned       uint64       `json:"pruned,omitempty"` // the last record that was put away before the first of these
	Checkpoints  int          `json:"checkpoints"`      // with a signature that counts
	Signed       uint64       `json:"signed"`           // the last record that a checkpoint vouches for
	Key          string       `json:"key,omitempty"`    // whose signatures they are, in hexadecimal
	TornTail     int64        `json:"torn_tail_bytes"`
	Bad          *Bad         `json:"bad,omitempty"`
	OpenIntents  int          `json:"open_intents"`            // changes begun without an outcome on record
	OpenRequests []string     `json:"open_requests,omitempty"` // the first ten of them
}

// Bad is the first record that does not hold.
type Bad struct {
	Segment string       `json:"segment"`
	Line    int64        `json:"line"` // from 1
	Seq     uint64       `json:"seq"`  // of the record that belongs there
	Reason  audit.Reason `json:"reason"`
	// Since, unless 0, says that the first bad record is this one or one up to Seq: a checkpoint vouches for those before.
	Since uint64 `json:"since,omitempty"`
}

func (b *Bad) Error() string {
	record := fmt.Sprintf("record %d", b.Seq)
	if b.Since > 0 {
		record = fmt.Sprintf("a record from %d to %d", b.Since, b.Seq)
	}
	return fmt.Sprintf("segment %s, line %d, %s: %s", b.Segment, b.Line, record, b.Reason)
}

// shownRequests is how many open requests a report names.
const shownRequests = 10

// Verify reads the journal in dir from its first record to its last, in memory that grows only with the number of
// intents that are open at once. It takes no lock and may run while the journal is being written; it then sees the
// journal as of its start. progress, unless nil, is told the bytes read so far and in all.
//
// The first record that was altered, removed, inserted or moved is named in Report.Bad, and nothing after it is
// read. audit.MissingSegment means that records are missing between two files: a whole segment, or the end of the
// one before; a journal that begins later than with record 1 needs a signed anchor in front of it.
//
// Records cut from the very end, a chain computed anew by somebody without the key, and an old journal put in place of
// this one show against checkpoints only, and an old journal together with its old checkpoints only against ones that
// were kept elsewhere. A checkpoint that does not hold is named like a record, after all records have been looked at.
//
// The error is ErrNoJournal, ErrNoCheckpoints, ErrStorage, or ctx's; a journal that does not hold is not an error.
func Verify(ctx context.Context, dir string, trust Trust, progress func(done, total int64)) (Report, error) {
	said, err := readClaims(dir, trust) // before the records, which may grow meanwhile
	if err != nil {
		return Report{}, err
	}
	v := &verifier{dir: dir, progress: progress, open: make(map[string]uint64), claims: said}
	found, err := v.measure()
	if err != nil {
		return Report{}, err
	}
	for i, s := range found {
		if err := ctx.Err(); err != nil {
			return Report{}, err
		}
		more, err := v.segment(ctx, s, i == len(found)-1)
		if err != nil {
			return Report{}, err
		}
		if !more {
			break
		}
	}
	return v.conclude(trust), nil
}

// judge adds to what the records say of themselves what the checkpoints say of them.
func (v *verifier) judge(trust Trust) *Bad {
	bad, end := v.report.Bad, v.chain.Seq()
	switch {
	case bad != nil && bad.Reason == audit.Rewritten && v.report.Signed+1 < bad.Seq:
		bad.Since = max(v.report.Signed, v.report.Pruned) + 1
	case bad != nil:
	case v.claims.last > end:
		return &Bad{Segment: v.last.Segment, Line: v.last.Line, Seq: end + 1, Reason: audit.CutTail}
	case v.claims.bad != nil:
		return v.claims.bad
	case trust.Signed && v.claims.last == 0 && end > 0:
		return &Bad{Segment: checkpointsName, Line: 1, Seq: end, Reason: audit.NoCheckpoint}
	}
	return bad
}

type verifier struct {
	dir      string
	progress func(done, total int64)
	claims   *claims
	last     Bad // where the next record would stand
	report   Report
	chain    audit.Chain
	open     map[string]uint64 // intents without an outcome: request and record number
	before   int64             // bytes in the segments that are done
	told     int64             // bytes that progress has been told
	total    int64
}

type sizedSegment struct {
	segment
	size int64 // of its content
}

// list reads the directory twice. A directory that grows may be read with a gap, but whatever came before the last
// file of the first reading exists throughout the second.
func (v *verifier) list() ([]segment, error) {
	first, err := segments(v.dir)
	if err != nil || len(first) == 0 {
		return nil, err
	}
	second, err := segments(v.dir)
	last := first[len(first)-1].first
	return slices.DeleteFunc(second, func(s segment) bool { return s.first > last }), err
}

// measure lists the segments with their sizes as of now; what is written later is not looked at.
func (v *verifier) measure() ([]sizedSegment, error) {
	found, err := v.list()
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && len(found) == 0:
		return nil, ErrNoJournal
	case err != nil:
		return nil, ErrStorage.Because(err)
	}
	sized := make([]sizedSegment, len(found))
	for i, s := range found {
		info, err := os.Stat(filepath.Join(v.dir, s.name))
		if err != nil {
			return nil, ErrStorage.Because(err)
		}
		sized[i] = sizedSegment{segment: s, size: info.Size()}
		if i == len(found)-1 {
			sized[i].size, err = v.withoutPadding(sized[i])
		}
		if err != nil {
			return nil, ErrStorage.Because(err)
		}
		v.total += sized[i].size
	}
	return sized, nil
}

func (v *verifier) withoutPadding(s sizedSegment) (int64, error) {
	f, err := os.Open(filepath.Join(v.dir, s.name))
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	return contentLength(f, s.size)
}

// segment follows the chain through s and reports whether to go on.
func (v *verifier) segment(ctx context.Context, s sizedSegment, last bool) (bool, error) {
	v.report.Segments++
	if anchor, put := v.claims.anchors[s.first-1]; put && v.report.Segments == 1 {
		v.chain, v.report.Pruned = anchor, anchor.Seq()
	}
	if next := v.chain.Seq() + 1; s.first != next {
		reason := audit.MissingSegment
		if s.first < next {
			reason = audit.RepeatedSeq
		}
		v.report.Bad = &Bad{Segment: s.name, Line: 1, Seq: next, Reason: reason}
		return false, nil
	}
	f, err := os.Open(filepath.Join(v.dir, s.name))
	if err != nil {
		return false, ErrStorage.Because(err)
	}
	defer func() { _ = f.Close() }()
	w, err := v.follow(ctx, f, s, last)
	switch {
	case err != nil && errors.Is(err, ctx.Err()):
		return false, err
	case err != nil:
		return false, ErrStorage.Because(err)
	case w.torn && last:
		torn, err := tornPart(f, w.end, s.size)
		if err != nil {
			return false, ErrStorage.Because(err)
		}
		v.report.TornTail = torn.Size()
	case w.torn: // only the last segment may end in a torn line
		w.bad = &audit.Break{Seq: v.chain.Seq() + 1, Reason: audit.NotJSON}
	}
	if w.bad != nil {
		v.report.Bad = &Bad{Segment: s.name, Line: w.lines + 1, Seq: w.bad.Seq, Reason: w.bad.Reason}
		return false, nil
	}
	v.last = Bad{Segment: s.name, Line: w.lines + 1}
	v.before += s.size
	v.tell(v.before)
	return true, nil
}

func (v *verifier) follow(ctx context.Context, f *os.File, s sizedSegment, last bool) (walk, error) {
	visit := func(line []byte, end int64) error { return v.record(ctx, line, end) }
	if last {
		return followLast(f, s.size, &v.chain, visit)
	}
	return follow(newLines(io.NewSectionReader(f, 0, s.size)), &v.chain, visit)
}

// tellEvery is how many bytes pass between two words of progress, and between two looks at the context.
const tellEvery = 1 << 20

func (v *verifier) record(ctx context.Context, line []byte, offset int64) error {
	var r struct {
		Time    time.Time   `json:"time"`
		Phase   audit.Phase `json:"phase"`
		Request string      `json:"request"`
	}
	seq := v.chain.Seq() + 1
	if json.Unmarshal(line, &r) != nil { // its hash holds, but Seal did not print it
		return &audit.Break{Seq: seq, Reason: audit.NotRecord}
	}
	signed, err := v.claims.dispute(seq, line)
	if err != nil {
		return err
	}
	if signed {
		v.report.Signed = seq
	}
	if v.report.Records++; v.report.Records == 1 {
		v.report.First = r.Time
	}
	v.report.Last = r.Time
	switch r.Phase {
	case audit.Intent:
		v.open[r.Request] = seq
	case audit.Closed:
		delete(v.open, r.Request)
	case audit.Note, audit.Counted:
	}
	if v.before+offset-v.told < tellEvery {
		return nil
	}
	v.tell(v.before + offset)
	return ctx.Err()
}

func (v *verifier) tell(done int64) {
	if v.told = done; v.progress != nil {
		v.progress(done, v.total)
	}
}

func (v *verifier) conclude(trust Trust) Report {
	r := v.report
	r.Checkpoints = v.claims.held
	if v.claims.signers != nil {
		r.Key = hex.EncodeToString(v.claims.signers)
	}
	r.Bad = v.judge(trust)
	r.Seq, r.Head = v.chain.Seq(), v.chain.Head()
	r.OpenIntents = len(v.open)
	requests := make([]string, 0, len(v.open))
	for request := range v.open {
		requests = append(requests, request)
	}
	slices.SortFunc(requests, func(a, b string) int { return cmp.Compare(v.open[a], v.open[b]) })
	r.OpenRequests = requests[:min(len(requests), shownRequests)]
	return r
}
