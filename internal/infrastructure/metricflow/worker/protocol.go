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
	opLoad     = "load"
	opCompile  = "compile"
	opRun      = "run"
	opValidate = "validate"
	opHealth   = "health"
)

// codeCanceled is the code of a request that was stopped because Steward asked for it.
const codeCanceled = "canceled"

// enginesKept is how many engines a worker keeps: the present manifest's and the one before.
const enginesKept = 2

type hello struct {
	ProjectDir  string `json:"project_dir"`
	ProfilesDir string `json:"profiles_dir,omitempty"`
	Target      string `json:"target,omitempty"`
	IdleRelease int64  `json:"idle_release_ms"`
	LockWait    int64  `json:"lock_wait_ms"`
	MaxFrame    int    `json:"max_frame"`
}

type ready struct {
	Ready    bool     `json:"ready"`
	Protocol int      `json:"protocol"`
	Adapter  string   `json:"adapter"`
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

// request holds the fields of every operation; each sends its own.
type request struct {
	ID       uint64    `json:"id"`
	Op       string    `json:"op"`
	Manifest string    `json:"manifest,omitempty"` // load, compile, validate
	Question *question `json:"question,omitempty"` // compile
	Field    string    `json:"field,omitempty"`    // compile: dimension or entity, to list its values

	SQL      string          `json:"sql,omitempty"`      // run, as are those below
	Columns  []metric.Column `json:"columns,omitempty"`  // without types
	Limit    int             `json:"limit,omitempty"`    // rows to answer with; one more is fetched
	Filtered bool            `json:"filtered,omitempty"` // a value of the caller's was compared

	SkipWarehouse bool  `json:"skip_warehouse,omitempty"` // validate, as are those below
	ShowAll       bool  `json:"show_all,omitempty"`
	TimeoutMS     int64 `json:"timeout_ms,omitempty"`
}

type question struct {
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
	RSS    int64    `json:"rss"`
	Result *result  `json:"result"`
	Error  *refusal `json:"error"`
}

// result holds the fields of every operation's result; each operation fills its own.
type result struct {
	Columns   []metric.Column `json:"columns"`
	Rows      [][]any         `json:"rows"`
	More      bool            `json:"more"`
	SQL       string          `json:"sql"`
	Issues    []issue         `json:"issues"`
	Warehouse bool            `json:"warehouse"`
	Problem   *refusal        `json:"problem"`
}

type issue struct {
	Severity metric.Severity `json:"severity"`
	Message  string          `json:"message"`
	Kind     string          `json:"kind"`
	Name     string          `json:"name"`
	File     string          `json:"file"`
	Line     int             `json:"line"`
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

// writeFrame writes a frame in one piece, or, where its body would have to be copied for that at some cost, in two.
func writeFrame(w io.Writer, body []byte) error {
	const small = 64 << 10
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, headerSize+min(len(body), small)), uint32(len(body))) //nolint:gosec // requests are bounded far below 4 GiB
	if len(body) <= small {
		frame, body = append(frame, body...), nil
	}
	for _, part := range [][]byte{frame, body} {
		if len(part) == 0 {
			continue
		}
		if _, err := w.Write(part); err != nil {
			return fmt.Errorf("write to the worker: %w", err)
		}
	}
	return nil
}

func writeNumber(w io.Writer, number uint64) error {
	_, err := w.Write(binary.BigEndian.AppendUint64(nil, number))
	return err
}

// readFrame reads one frame of at most limit bytes into v, numbers as they stand, and calls begun when it has begun to
// come. What is not a frame at all shows as a size beyond the limit or as text that is no JSON.
func readFrame(r io.Reader, limit int, v any, begun func()) error {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return fmt.Errorf("read from the worker: %w", err)
	}
	size := int(binary.BigEndian.Uint32(header[:]))
	if size > limit {
		return errOversize
	}
	begun()
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
