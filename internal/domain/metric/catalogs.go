package metric

import (
	"context"
	"time"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// Snapshot is the catalog as it stands, with what identifies it. It stays valid, unchanged, after a newer one
// has taken its place.
type Snapshot struct {
	Catalog *Catalog
	Hash    string        // lower-case hex SHA-256 of the manifest's bytes
	Age     time.Duration // since the manifest was written, not since it was read; never negative
	Stale   error         // why a newer manifest could not take this one's place; nil when there is none
}

// Catalogs gives the catalog of the project's present manifest.
type Catalogs interface {
	// Current returns the present snapshot, quickly: a manifest is read once per content. It is ErrNoManifest
	// when there is none yet, ErrManifest when the only one there is cannot be read. A manifest that cannot be
	// read never displaces one that could: the older snapshot stays, with the reason in Stale.
	Current(ctx context.Context) (Snapshot, error)
}

// Location is where a metric is written down: a file below the project's folder, and its first line in it.
type Location struct {
	File string // slash-separated, relative to the project
	Line int    // from 1; 0 when the file is known and the line is not
}

// Definitions finds where metrics are written down.
type Definitions interface {
	// Locate answers false when nothing tells, which is common: the file that says so is optional.
	Locate(ctx context.Context, metric string) (Location, bool)
}

// The faults of catalogs.
var (
	ErrNoManifest = fault.New(fault.Unavailable, "metric.no_manifest",
		"There is no semantic manifest in the dbt project's target folder yet; run `dbt parse` in the project, then ask again.")
	ErrManifest = fault.New(fault.Unavailable, "metric.manifest",
		"The dbt project's semantic manifest cannot be read; run `dbt parse` in the project, then ask again.")
	ErrUnknownMetric = fault.New(fault.NotFound, "metric.unknown_metric",
		"There is no such metric; list_metrics shows the metrics there are.")
	ErrUnknownField = fault.New(fault.NotFound, "metric.unknown_field",
		"There is no such dimension or entity for these metrics; list_dimensions and list_entities show what there is.")
	ErrUnknownSavedQuery = fault.New(fault.NotFound, "metric.unknown_saved_query",
		"There is no such saved query; list_saved_queries shows the saved queries there are.")
)

// UnknownMetric is ErrUnknownMetric for one name, suggesting the nearest of the names that may be shown.
func UnknownMetric(name string, visible []string) *fault.Fault {
	return ErrUnknownMetric.Saying("There is no metric %q; list_metrics shows the metrics there are.", clip(name)).
		Suggesting(Suggest(name, visible)...)
}

// UnknownField is ErrUnknownField for one name, suggesting the nearest of the names that may be shown.
func UnknownField(name string, visible []string) *fault.Fault {
	return ErrUnknownField.
		Saying("There is no dimension or entity %q for these metrics; list_dimensions and list_entities show what there is.", clip(name)).
		Suggesting(Suggest(name, visible)...)
}

// UnknownSavedQuery is ErrUnknownSavedQuery for one name, suggesting the nearest of the names that may be shown.
func UnknownSavedQuery(name string, visible []string) *fault.Fault {
	return ErrUnknownSavedQuery.
		Saying("There is no saved query %q; list_saved_queries shows the saved queries there are.", clip(name)).
		Suggesting(Suggest(name, visible)...)
}

const longestEcho = 100

// clip keeps an echoed name short: it is the caller's text.
func clip(name string) string {
	runes := []rune(name)
	if len(runes) <= longestEcho {
		return name
	}
	return string(runes[:longestEcho]) + "…"
}
