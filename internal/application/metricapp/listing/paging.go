package listing

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

const (
	defaultPage = 200
	largestPage = 1000
)

// ErrCursor answers a cursor that does not continue the list it is given to.
var ErrCursor = fault.New(fault.Invalid, "metric.cursor",
	"The cursor does not continue this list: the manifest or the arguments have changed since. Ask again without a cursor.")

// paging are the arguments that every listing takes.
type paging struct {
	Search string `json:"search"`
	Limit  int    `json:"limit"`
	Cursor string `json:"cursor"`
}

func (p paging) search() metric.Search { return metric.ParseSearch(p.Search) }

func (p paging) size() int {
	if p.Limit <= 0 {
		return defaultPage
	}
	return min(p.Limit, largestPage)
}

// place is a cursor's content: where a list goes on, and which list. Steward keeps nothing of it; a forged place
// reaches nothing that the list without a cursor does not.
type place struct {
	From int    `json:"f"`
	List string `json:"l"`
}

// list identifies what is being paged: the tool, its arguments and the manifest.
func list(snapshot metric.Snapshot, name string, arguments any) string {
	parts, err := json.Marshal([]any{snapshot.Hash, name, arguments})
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(parts)
	return hex.EncodeToString(sum[:8])
}

func (p place) cursor() string {
	text, err := json.Marshal(p)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// start is where a page begins; ErrCursor when cursor is of another list, or of none.
func start(cursor, list string) (int, error) {
	if cursor == "" {
		return 0, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return 0, ErrCursor.Because(err)
	}
	var p place
	if err := json.Unmarshal(text, &p); err != nil || p.From <= 0 || p.List != list || p.cursor() != cursor {
		return 0, ErrCursor.Because(err)
	}
	return p.From, nil
}

// page cuts one page out of items, and gives the cursor of the next one, empty at the end.
func page[T any](items []T, from, size int, list string) ([]T, string) {
	from = min(from, len(items))
	to := min(from+size, len(items))
	if to == len(items) {
		return items[from:to], ""
	}
	return items[from:to], place{From: to, List: list}.cursor()
}
