package auditlog

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/domain/audit"
)

func now() time.Time { return time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC) }

// disk hands out real segments whose operations can be made to fail or to wait.
type disk struct {
	open   opener
	before func(operation string) error // "open", "write", "pad", "sync", "truncate"; called by the writer only
}

func (d *disk) openSegment(name string, fresh bool) (segmentFile, error) {
	if err := d.before("open"); err != nil {
		return nil, err
	}
	f, err := d.open(name, fresh)
	return &diskFile{segmentFile: f, disk: d}, err
}

type diskFile struct {
	segmentFile
	disk *disk
}

// WriteAt that fails has written half.
func (f *diskFile) WriteAt(p []byte, at int64) (int, error) {
	operation := "write"
	if p[0] == padding {
		operation = "pad"
	}
	if err := f.disk.before(operation); err != nil {
		n, _ := f.segmentFile.WriteAt(p[:len(p)/2], at)
		return n, err
	}
	return f.segmentFile.WriteAt(p, at)
}

func (f *diskFile) Truncate(size int64) error {
	if err := f.disk.before("truncate"); err != nil {
		return err
	}
	return f.segmentFile.Truncate(size)
}

func (f *diskFile) Sync() error {
	if err := f.disk.before("sync"); err != nil {
		return err
	}
	return f.segmentFile.Sync()
}

func startOn(t *testing.T, dir string, opts Options, before func(string) error) *Journal {
	t.Helper()
	opts.Now = now
	opts, err := opts.complete()
	if err != nil {
		t.Fatal(err)
	}
	d, err := hold(dir)
	if err != nil {
		t.Fatal(err)
	}
	j, err := start(d, opts, (&disk{open: d.openSegment, before: before}).openSegment)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func closedRecord(n int) audit.Record {
	return audit.Record{Time: now(), Phase: audit.Closed, Request: fmt.Sprintf("req_%d", n)}
}

func TestJournal_IsBrokenForGoodByTheFirstFailure(t *testing.T) {
	t.Parallel()
	for operation, failure := range map[string]error{
		"write": syscall.ENOSPC, "sync": syscall.EIO, "open": syscall.EMFILE,
	} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			failing, touched := false, 0
			j := startOn(t, dir, Options{MaxSegmentBytes: 1}, func(o string) error {
				touched++
				if failing && o == operation {
					return failure
				}
				return nil
			})
			if err := j.Append(t.Context(), closedRecord(1)); err != nil {
				t.Fatal(err)
			}
			failing = true
			err := j.Append(t.Context(), closedRecord(2))
			if !errors.Is(err, audit.ErrBroken) || !errors.Is(err, failure) {
				t.Errorf("got %v, want audit.broken because of %v", err, failure)
			}
			failing = false // the disk is well again; the journal must not believe it
			before := touched
			for name, err := range map[string]error{
				"append": j.Append(t.Context(), closedRecord(3)), "Err": j.Err(), "close": j.Close(t.Context()),
			} {
				if !errors.Is(err, audit.ErrBroken) || !errors.Is(err, failure) {
					t.Errorf("%s: got %v, want audit.broken because of %v", name, err, failure)
				}
			}
			if touched != before {
				t.Error("a broken journal touched the disk")
			}
			j, err = Open(dir, Options{Now: now})
			if err != nil {
				t.Fatalf("opened again: %v", err)
			}
			if err := j.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if report, err := Verify(t.Context(), dir, Trust{}, nil); err != nil || report.Bad != nil || report.Records < 1 {
				t.Errorf("opened again: %+v, %v", report, err)
			}
		})
	}
}

func TestJournal_RefusesEveryoneWhoWaitsWhenItBreaks(t *testing.T) {
	t.Parallel()
	const callers = 60
	syncing, release := make(chan struct{}, callers), make(chan struct{})
	j := startOn(t, t.TempDir(), Options{QueueLength: 4}, func(o string) error {
		if o != "sync" {
			return nil
		}
		syncing <- struct{}{}
		<-release
		return syscall.EIO
	})
	var wg sync.WaitGroup
	for n := range callers {
		wg.Go(func() {
			if err := j.Append(t.Context(), closedRecord(n)); !errors.Is(err, audit.ErrBroken) {
				t.Errorf("caller %d: got %v, want audit.broken", n, err)
			}
		})
	}
	<-syncing
	close(release)
	wg.Wait()
	if err := j.Close(t.Context()); !errors.Is(err, audit.ErrBroken) {
		t.Errorf("close: %v", err)
	}
	if len(syncing) > 0 {
		t.Errorf("the disk was asked %d times more after its failure", len(syncing))
	}
}

// TestDirectory_IsFreeOnceReleased although a child process that has not reached its exec still shares the descriptor.
func TestDirectory_IsFreeOnceReleased(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, err := hold(dir)
	if err != nil {
		t.Fatal(err)
	}
	inherited, err := syscall.Dup(int(d.file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.release(); err != nil {
		t.Fatal(err)
	}
	d, err = hold(dir)
	if err != nil {
		t.Fatalf("held again: %v", err)
	}
	if err := errors.Join(d.release(), syscall.Close(inherited)); err != nil {
		t.Error(err)
	}
}

func TestJournal_HoldsCallersBackAndLetsThemLeave(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	syncing, release := make(chan struct{}, 3), make(chan struct{})
	j := startOn(t, dir, Options{QueueLength: 1}, func(o string) error {
		if o == "sync" {
			syncing <- struct{}{}
			<-release
		}
		return nil
	})
	ctx, leave := context.WithCancel(t.Context())
	answers := make([]error, 2)
	var first, second sync.WaitGroup
	first.Go(func() { answers[0] = j.Append(ctx, closedRecord(1)) })
	<-syncing
	second.Go(func() { answers[1] = j.Append(t.Context(), closedRecord(2)) })
	eventually(t, func() bool { return len(j.queue) == 1 })

	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := j.Append(short, closedRecord(3)); !errors.Is(err, audit.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a full queue: got %v, want audit.unavailable because of the deadline", err)
	}
	leave()
	first.Wait()
	if !errors.Is(answers[0], audit.ErrUnavailable) || !errors.Is(answers[0], context.Canceled) {
		t.Errorf("cancelled while its record was written: got %v, want audit.unavailable", answers[0])
	}
	close(release)
	second.Wait()
	if answers[1] != nil {
		t.Errorf("the caller that waited: %v", answers[1])
	}
	if err := j.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if report, err := Verify(t.Context(), dir, Trust{}, nil); err != nil || report.Bad != nil || report.Records != 2 {
		t.Errorf("got %+v, %v, want the record of the caller that left and of the one that waited", report, err)
	}
}

func TestJournal_MakesWaitingRecordsDurableTogether(t *testing.T) {
	t.Parallel()
	const waiting = 40
	syncs := 0
	syncing, release := make(chan struct{}, 2+waiting), make(chan struct{})
	j := startOn(t, t.TempDir(), Options{}, func(o string) error {
		if o == "sync" {
			syncs++
			syncing <- struct{}{}
			<-release
		}
		return nil
	})
	var wg sync.WaitGroup
	add := func(n int) {
		wg.Go(func() {
			if err := j.Append(t.Context(), closedRecord(n)); err != nil {
				t.Error(err)
			}
		})
	}
	add(0)
	<-syncing
	for n := range waiting {
		add(n + 1)
	}
	eventually(t, func() bool { return len(j.queue) == waiting })
	close(release)
	wg.Wait()
	if err := j.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if syncs != 2 {
		t.Errorf("%d records took %d syncs, want 2", waiting+1, syncs)
	}
}

func TestJournal_AnswersACallerWhoCameAfterTheWriterLeft(t *testing.T) {
	t.Parallel()
	j := &Journal{queue: make(chan *pending, 1), closing: make(chan struct{}), done: make(chan struct{})}
	close(j.done)
	if err := j.Append(t.Context(), closedRecord(1)); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("got %v, want audit.closed", err)
	}
}

// eventually polls, for ten seconds at most.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("what was waited for did not come")
		}
	}
}
