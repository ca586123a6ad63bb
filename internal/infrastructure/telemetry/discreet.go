package telemetry

import (
	"io"

	"github.com/steward-mcp/steward/internal/domain/redact"
)

// discreet is a log without secrets, and without characters that a terminal would obey. Each Write is one line.
type discreet struct {
	to     io.Writer
	redact *redact.Redactor
	json   bool
}

// Write writes what may be seen of the line, and counts all of it.
func (d discreet) Write(line []byte) (int, error) {
	clean := d.redact.Line(redact.Log, line)
	if d.json {
		clean = redact.Escaped(clean)
	} else {
		clean = []byte(d.redact.Shown(redact.Log, string(clean)))
	}
	if _, err := d.to.Write(clean); err != nil {
		return 0, err
	}
	return len(line), nil
}
