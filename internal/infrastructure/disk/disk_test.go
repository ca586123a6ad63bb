package disk_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/steward-mcp/steward/internal/infrastructure/disk"
)

func TestMeasure_TellsTheRoomOfWhatIsThereAlready(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	here, err := disk.Measure(dir)
	if err != nil || here.Free == 0 || here.Free > here.Total || here.Share() <= 0 || here.Share() > 1 {
		t.Errorf("%+v, %v", here, err)
	}
	below, err := disk.Measure(filepath.Join(dir, "not", "yet"))
	if err != nil || below.Total != here.Total {
		t.Errorf("below: %+v, %v", below, err)
	}
	if share := (disk.Room{}).Share(); share != 0 {
		t.Errorf("of nothing %f is free", share)
	}
}

func TestTry_LeavesNothingBehind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := disk.Try(filepath.Join(dir, "not", "yet")); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, filepath.Join(file, "below")} {
		if err := disk.Try(name); err == nil {
			t.Errorf("%s takes files", name)
		}
		if _, err := disk.Measure(name); err == nil {
			t.Errorf("%s has room", name)
		}
	}
}
