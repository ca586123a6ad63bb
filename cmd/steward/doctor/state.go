package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/steward-mcp/steward/cmd/steward/app"
	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/internal/infrastructure/disk"
)

// Below these, a disk has little room.
const (
	leastFree  = 1 << 30
	leastShare = 0.05
)

// How far the clock may stand behind what was written by it: a correction by the time service is no error.
const clockSlack = 5 * time.Second

// examineJournal verifies every chain, and tells of when the last record is.
func examineJournal(ctx context.Context, c config.Config) (f Finding, last time.Time) {
	f = Finding{Name: "audit", Status: ok, Text: "Every record holds."}
	for _, chain := range app.Chains(c) {
		report, err := chain.Verify(ctx, nil)
		if report.Last.After(last) {
			last = report.Last
		}
		switch {
		case errors.Is(err, auditlog.ErrNoJournal):
		case err != nil:
			f.Status, f.Text, f.Mend = failed, err.Error(), "let the user that runs Steward read and write audit.dir"
		case report.Bad != nil:
			f.Status, f.Text = failed, "The journal is not whole: "+report.Bad.Error()
			f.Mend = "keep a copy of the directory as evidence, and move it away before the next start"
		}
	}
	return f, last
}

// examineKey looks at the keys that checkpoints are signed with.
func examineKey(c config.Config) Finding {
	f := Finding{Name: "checkpoint key", Status: ok, Text: "The key is private, and signed the last checkpoint."}
	for _, chain := range app.Chains(c) {
		err := auditlog.InspectKey(chain.Dir, chain.Signing)
		switch {
		case err == nil:
			continue
		case errors.Is(err, auditlog.ErrNoKey):
			f.Text = "There is no key yet; the first start makes one."
			continue
		case errors.Is(err, auditlog.ErrKeyExposed):
			f.Mend = "chmod 600 " + chain.Signing.KeyFile + "; if others may have read it, move it away together with the journal and its checkpoints"
		case errors.Is(err, auditlog.ErrKeyChanged):
			f.Mend = "bring back " + chain.Signing.KeyFile + " from the backup, or move the journal and its checkpoints away together"
		default:
			f.Mend = "bring back " + chain.Signing.KeyFile + " from the backup, readable by its owner only"
		}
		f.Status, f.Text = failed, err.Error()
		return f
	}
	return f
}

// examineDirectories looks whether the state and the journal can be written, and for how long.
func (d Doctor) examineDirectories(c config.Config) []Finding {
	places := []struct{ name, key, dir string }{{"state directory", "state_dir", c.StateDir}, {"audit directory", "audit.dir", c.Audit.Dir}}
	if c.Audit.CheckpointDir != "" {
		places = append(places, struct{ name, key, dir string }{"checkpoint directory", "audit.checkpoint_dir", c.Audit.CheckpointDir})
	}
	var found []Finding
	for _, p := range places {
		f := Finding{Name: p.name, Status: ok}
		if err := disk.Try(p.dir); err != nil {
			f.Status, f.Text = failed, "No file can be made in "+p.dir+"."
			f.Mend = "let " + p.key + " name a directory that belongs to the user that runs Steward, on a disk that is not full"
			found = append(found, f)
			continue
		}
		room, err := d.Room(p.dir)
		f.Text = fmt.Sprintf("%.1f GiB are free, %.0f %%.", float64(room.Free)/(1<<30), 100*room.Share())
		switch {
		case err != nil:
			f.Status, f.Text, f.Mend = warning, "What room the disk has cannot be told.", "look with df -h "+p.dir
		case room.Free < leastFree || room.Share() < leastShare:
			f.Status = warning
			f.Mend = "make room, put old records away with steward audit prune, or let " + p.key + " name another disk; a full one ends all service"
		}
		found = append(found, f)
	}
	return found
}

// examineClock holds the clock against what was written by it.
func (d Doctor) examineClock(c config.Config, last time.Time) Finding {
	now, by := d.Now(), "the last record of the journal"
	if at, name := newest(c.StateDir, c.Audit.Dir); at.After(last) {
		last, by = at, name
	}
	if now.Add(clockSlack).Before(last) {
		return Finding{
			Name: "clock", Status: failed,
			Text: fmt.Sprintf("The clock says %s, but %s is of %s.", now.UTC().Format(time.RFC3339), by, last.UTC().Format(time.RFC3339)),
			Mend: "set the clock right, and let a time service keep it; what keys and tokens hold depends on it",
		}
	}
	return Finding{Name: "clock", Status: ok, Text: "It says " + now.UTC().Format(time.RFC3339) + ", and nothing was written later."}
}

// newest is the file below the directories themselves that was written last, and when.
func newest(dirs ...string) (at time.Time, name string) {
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // it is not there yet, or examineDirectories tells
		}
		for _, e := range entries {
			info, err := e.Info()
			if err == nil && info.Mode().Type()&^fs.ModeDir == 0 && info.ModTime().After(at) {
				at, name = info.ModTime(), filepath.Join(dir, e.Name())
			}
		}
	}
	return at, name
}
