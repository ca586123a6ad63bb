package worker

import (
	"bytes"
	_ "embed" // the program of the worker
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

//go:embed worker.py
var program []byte

// bootstrap reads the program from the pipe and becomes it. It stands in the process list instead of the program.
const bootstrap = `import os
def take(n):
    b = b""
    while len(b) < n:
        c = os.read(0, n - len(b))
        if not c:
            raise SystemExit(0)
        b += c
    return b
exec(compile(take(int.from_bytes(take(4), "big")), "worker.py", "exec"))`

const protocolVersion = 1

// The operations that worker.py documents.
const (
	opQuery   = "query"
	opCompile = "compile"
	opValues  = "values"
	opHealth  = "health"
)

type hello struct {
	ProjectDir  string `json:"project_dir"`
	ProfilesDir string `json:"profiles_dir,omitempty"`
	Target      string `json:"target,omitempty"`
	Manifest    string `json:"manifest"`
	IdleRelease int64  `json:"idle_release_ms"`
	LockWait    int64  `json:"lock_wait_ms"`
	MaxFrame    int    `json:"max_frame"`
}

type ready struct {
	Ready    bool     `json:"ready"`
	Protocol int      `json:"protocol"`
	Adapter  string   `json:"adapter"`
	Manifest string   `json:"manifest"`
	Problem  *refusal `json:"problem"`
	Versions versions `json:"versions"`
}

type versions struct {
	Python        string `json:"python"`
	MetricFlow    string `json:"metricflow"`
	DBTMetricFlow string `json:"dbt_metricflow"`
	DBTCore       string `json:"dbt_core"`
	Adapter       string `json:"adapter"`
}

type request struct {
	ID       uint64    `json:"id"`
	Op       string    `json:"op"`
	Deadline int64     `json:"deadline_ms,omitempty"`
	Question *question `json:"question,omitempty"`
	Field    string    `json:"field,omitempty"` // values: dimension or entity
}

type question struct {
	Manifest   string   `json:"manifest,omitempty"`
	Metrics    []string `json:"metrics,omitempty"`
	GroupBy    []item   `json:"group_by,omitempty"`
	Where      []string `json:"where,omitempty"`
	OrderBy    []item   `json:"order_by,omitempty"`
	Start      string   `json:"start,omitempty"`
	End        string   `json:"end,omitempty"`
	Limit      int      `json:"limit"`
	SavedQuery string   `json:"saved_query,omitempty"`
}

type item struct {
	Name       string `json:"name"`
	Grain      string `json:"grain,omitempty"`
	DatePart   string `json:"date_part,omitempty"`
	Descending bool   `json:"descending,omitempty"`
}

type answer struct {
	ID     uint64   `json:"id"`
	Result *result  `json:"result"`
	Error  *refusal `json:"error"`
}

// result holds the fields of every operation's result; each operation fills its own.
type result struct {
	Columns   []metric.Column `json:"columns"`
	Rows      [][]any         `json:"rows"`
	More      bool            `json:"more"`
	SQL       string          `json:"sql"`
	Manifest  string          `json:"manifest"`
	Warehouse bool            `json:"warehouse"`
	Problem   *refusal        `json:"problem"`
}

type refusal struct {
	Code        string   `json:"code"`
	Message     string   `json:"message"`
	Suggestions []string `json:"suggestions"`
	RetryMS     int64    `json:"retry_ms"`
}

func (r refusal) retry() time.Duration { return time.Duration(r.RetryMS) * time.Millisecond }

// headerSize is the length of the count before each frame.
const headerSize = 4

var (
	errOversize = errors.New("a frame is larger than agreed")
	errGarbage  = errors.New("what came is no answer to what was asked")
)

func writeFrame(w io.Writer, body []byte) error {
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, headerSize+len(body)), uint32(len(body))) //nolint:gosec // requests are bounded far below 4 GiB
	if _, err := w.Write(append(frame, body...)); err != nil {
		return fmt.Errorf("write to the worker: %w", err)
	}
	return nil
}

// readFrame reads one frame of at most limit bytes into v, numbers as they stand. What is not a frame at all shows
// as a size beyond the limit or as text that is no JSON.
func readFrame(r io.Reader, limit int, v any) error {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return fmt.Errorf("read from the worker: %w", err)
	}
	size := int(binary.BigEndian.Uint32(header[:]))
	if size > limit {
		return errOversize
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return fmt.Errorf("read from the worker: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(v); err != nil {
		return errors.Join(errGarbage, err)
	}
	return nil
}
