package metricapp

import (
	"context"
	"embed"
	"encoding/json"
	"time"

	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// Schemas reads the schemas of a package's tools, schemas/NAME.json. A missing one is an empty document, which no compiler
// accepts as a schema: the start fails rather than the call.
func Schemas(files embed.FS) func(name string) json.RawMessage {
	return func(name string) json.RawMessage {
		text, err := files.ReadFile("schemas/" + name + ".json")
		if err != nil {
			return nil
		}
		return text
	}
}

// Milliseconds are d to one decimal, which is enough.
func Milliseconds(d time.Duration) float64 {
	return float64(d.Round(100*time.Microsecond).Microseconds()) / 1000
}

// Manifest says which manifest an answer rests on.
type Manifest struct {
	Hash       string `json:"hash"`
	AgeSeconds int64  `json:"age_seconds"`
}

// ManifestOf is the manifest of a snapshot.
func ManifestOf(s metric.Snapshot) Manifest {
	return Manifest{Hash: s.Hash, AgeSeconds: int64(s.Age.Seconds())}
}

// Staleness is the warning of an answer that does not rest on the project's newest manifest; nil when it does.
func Staleness(s metric.Snapshot) []string {
	if s.Stale == nil {
		return nil
	}
	return []string{"The project has a newer semantic manifest that cannot be read; this answer rests on the one before it."}
}

// Refused is the call that asked for something hidden: the gate refuses it by its demands. Were the policy to
// change in between, it would still learn nothing.
func (c Claim) Refused() tool.Bound {
	return tool.Bound{Demands: c.Demands, Refusal: c.Refusal, Objection: c.Objection, Run: func(context.Context) (tool.Result, error) {
		return tool.Result{}, c.Refusal
	}}
}
