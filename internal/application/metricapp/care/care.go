// Package care is the tools for those who look after a project: is it right, and does all that it needs work.
package care

import (
	"embed"
	"encoding/json"
	"time"

	"github.com/steward-mcp/steward/internal/domain/access"
)

// What policy is asked about the project itself, beside the tools.
const (
	// ActionValidate is to have the project validated.
	ActionValidate access.Action = "project.validate"
	// ActionInspect is to read what the engine, dbt and the operating system say of the project's state, whatever they name.
	ActionInspect access.Action = "project.inspect"

	KindProject = "project"
	Project     = "dbt" // the one project there is
)

//go:embed schemas/*.json
var schemas embed.FS

// schema returns an embedded schema. A missing one is an empty document, which no compiler accepts as a schema:
// the start fails rather than the call.
func schema(file string) json.RawMessage {
	text, err := schemas.ReadFile("schemas/" + file + ".json")
	if err != nil {
		return nil
	}
	return text
}

// milliseconds are enough to one decimal.
func milliseconds(d time.Duration) float64 {
	return float64(d.Round(100*time.Microsecond).Microseconds()) / 1000
}
