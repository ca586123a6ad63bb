package harness

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Record is a line of the audit journal, as somebody reads it who has only the file.
type Record struct {
	Seq       uint64   `json:"seq"`
	Phase     string   `json:"phase"`
	Request   string   `json:"request"`
	Actor     string   `json:"actor"`
	Transport string   `json:"transport"`
	Method    string   `json:"method"`
	Target    string   `json:"target"`
	Demands   []string `json:"demands"`
	Outcome   string   `json:"outcome"`
	DeniedBy  string   `json:"denied_by"`
	Rule      string   `json:"rule"`
	Action    string   `json:"action"`
	Policy    string   `json:"policy"`
	Detail    string   `json:"detail"`
	Purpose   string   `json:"purpose"`
}

// Journal reads the records of the chain in a directory, in order. The last segment may end in blank lines, which are
// room for more, and before them in a line that is being written, or torn; neither is looked for anywhere else.
func Journal(dir string) ([]Record, error) {
	segments, err := Segments(dir)
	if err != nil {
		return nil, err
	}
	var all []Record
	for i, segment := range segments {
		data, err := os.ReadFile(segment)
		if err != nil {
			return nil, err
		}
		last := i == len(segments)-1
		if last {
			data = bytes.TrimRight(data, "\n")
		}
		for line := range bytes.Lines(data) {
			var r Record
			err := json.Unmarshal(line, &r)
			if last && err != nil && !bytes.HasSuffix(line, []byte("\n")) {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w: %s", filepath.Base(segment), err, line)
			}
			all = append(all, r)
		}
	}
	return all, nil
}

// Segments lists the files of the chain in a directory, oldest first.
func Segments(dir string) ([]string, error) {
	segments, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err == nil && len(segments) == 0 {
		err = fmt.Errorf("no journal in %s", dir)
	}
	slices.Sort(segments)
	return segments, err
}

// ByRequest sorts the records of one phase by the request that they tell of.
func ByRequest(records []Record, phase string) map[string][]Record {
	by := map[string][]Record{}
	for _, r := range records {
		if r.Phase == phase && r.Request != "" {
			by[r.Request] = append(by[r.Request], r)
		}
	}
	return by
}
