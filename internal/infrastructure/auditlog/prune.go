package auditlog

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/steward-mcp/steward/internal/domain/audit"
)

// Pruned is what Prune puts away.
type Pruned struct {
	Segments    int
	First, Last uint64       // the records in them
	Head        audit.Digest // of the last of them
	Bytes       int64
}

// Prune puts whole segments away, the oldest first, whose records are all older than before: into the directory archive,
// or nowhere when it is empty. The last segment stays in any case. For each, a signed anchor says that the chain may
// begin behind it, which is what Verify goes by.
//
// announce is told what is to be put away before anything is; its error ends it. It is not called when there is nothing.
// What a crash leaves half done is whole, and the next Prune finishes it. Segments that do not hold are not put away:
// the answer is ErrCorrupt, and those before are untouched too. A journal that signs nothing answers ErrUnsigned.
func (j *Journal) Prune(ctx context.Context, before time.Time, archive string, announce func(Pruned) error) (Pruned, error) {
	if j.notary == nil {
		return Pruned{}, ErrUnsigned
	}
	old, anchors, err := j.older(ctx, before)
	if err != nil || len(old) == 0 {
		return Pruned{}, err
	}
	sum := Pruned{Segments: len(old), First: old[0].first, Last: anchors[len(old)-1].Seq(), Head: anchors[len(old)-1].Head()}
	for _, s := range old {
		sum.Bytes += s.size
	}
	if err := announce(sum); err != nil {
		return Pruned{}, err
	}
	for i, s := range old {
		if err := j.putAway(s, anchors[i], archive); err != nil {
			return Pruned{}, ErrStorage.Because(err)
		}
	}
	return sum, nil
}

// older lists the segments that Prune may put away, each with the place behind it.
func (j *Journal) older(ctx context.Context, before time.Time) ([]sizedSegment, []audit.Chain, error) {
	v := &verifier{dir: j.dir}
	found, err := v.measure()
	if err != nil {
		return nil, nil, err
	}
	kept := 1
	if found[len(found)-1].size == 0 { // the start of a journal needs a record to begin with
		kept = 2
	}
	found = found[:max(0, len(found)-kept)]
	var old []sizedSegment
	var anchors []audit.Chain
	if len(found) == 0 {
		return nil, nil, nil
	}
	at, found, err := resumeAt(j.dir, found, Position{})
	if err != nil {
		return nil, nil, err
	}
	for _, s := range found {
		if s.first != at.Seq+1 {
			return nil, nil, ErrCorrupt.Because(&Bad{Segment: s.name, Line: 1, Seq: at.Seq + 1, Reason: audit.MissingSegment})
		}
		at.Segment, at.Offset = s.first, 0
		young := false
		at, err = readSegment(ctx, j.dir, s, false, at, func(line []byte, _ Position) error {
			young = young || !timeOf(line).Before(before)
			return nil
		})
		if err != nil || young {
			return old, anchors, err
		}
		old, anchors = append(old, s), append(anchors, audit.Checkpoint{Seq: at.Seq, Hash: at.Head}.Chain())
	}
	return old, anchors, nil
}

func (j *Journal) putAway(s sizedSegment, behind audit.Chain, archive string) error {
	path := filepath.Join(j.dir, s.name)
	if archive != "" {
		if err := archiveSegment(path, archive); err != nil {
			return err
		}
	}
	if err := j.notary.sign(audit.Anchor, behind); err != nil {
		return err
	}
	return errors.Join(os.Remove(path), syncDirectory(j.dir))
}

// archiveSegment copies a segment, durably, whole or not at all.
func archiveSegment(path, archive string) error {
	if err := makeDurable(archive); err != nil {
		return err
	}
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	temporary, err := os.CreateTemp(archive, filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = io.Copy(temporary, from)
	err = errors.Join(err, temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), filepath.Join(archive, filepath.Base(path)))
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return syncDirectory(archive)
}
