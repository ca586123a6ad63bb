package metric

import (
	"context"
	"time"
)

// Severity says what a ValidationIssue means for the project.
type Severity string

// The severities, the worst first.
const (
	SeverityError       Severity = "error"        // the project cannot be asked until it is mended
	SeverityFutureError Severity = "future_error" // works now; a coming release of the engine refuses it
	SeverityWarning     Severity = "warning"
)

// ValidationIssue is one thing that the engine finds wrong with the project's semantic manifest, or that the warehouse
// cannot run. Nothing in it leads out of the project's folder, and it holds no row of data.
type ValidationIssue struct {
	Severity Severity
	Message  string
	Kind     string // what it is about: metric, semantic model, dimension, entity, measure, saved query; empty when nothing in particular
	Name     string // its name; an element's is "model.element"; empty when Kind is
	File     string // slash-separated, relative to the project; empty when not known
	Line     int    // from 1; 0 when not known
}

// ValidationOptions say how far a validation goes. The zero value checks everything and shows errors only.
type ValidationOptions struct {
	SkipWarehouse bool          // look at the manifest alone
	Timeout       time.Duration // for the warehouse's part, which then ends with a warning of what is left; 0 for no bound but ctx
	ShowAll       bool          // future errors and warnings too
}

// Validator checks the project's present manifest by the engine's own rules.
type Validator interface {
	// Validate returns the issues, the worst first, and none for a project that is well. It takes a turn as a question
	// does, honours ctx as Source does, and fails with the faults of sources.
	Validate(ctx context.Context, options ValidationOptions) ([]ValidationIssue, error)
}
