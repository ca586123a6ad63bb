// Package care is the tools for those who look after a project: is it right, and does all that it needs work.
package care

import (
	"embed"

	"github.com/steward-mcp/steward/internal/application/metricapp"
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

var schema = metricapp.Schemas(schemas)
