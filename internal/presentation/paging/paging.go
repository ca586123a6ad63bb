// Package paging cuts lists into pages.
package paging

import (
	"encoding/base64"
	"slices"
	"strings"
)

// Size is how many items a page holds at most. It is large because there are clients that ask for the first page only.
const Size = 1000

// Cut gives the page of a list that begins at cursor: what comes after the name it holds, so that nothing is lost or doubled
// although the list changes from page to page. An empty cursor begins at the beginning, and next is empty on the last page. all
// is sorted by name, and no two items share one; size is one at least. ok is false when the cursor is not one of the list of
// that title.
func Cut[T any](title string, all []T, cursor string, size int, name func(T) string) (page []T, next string, ok bool) {
	after, ok := read(title, cursor)
	if !ok {
		return nil, "", false
	}
	from, found := slices.BinarySearchFunc(all, after, func(one T, after string) int { return strings.Compare(name(one), after) })
	if found {
		from++
	}
	rest := all[from:]
	if len(rest) <= size {
		return rest, "", true
	}
	return rest[:size], base64.RawURLEncoding.EncodeToString([]byte(title + " " + name(rest[size-1]))), true
}

func read(title, cursor string) (after string, ok bool) {
	if cursor == "" {
		return "", true
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	after, ok = strings.CutPrefix(string(text), title+" ")
	return after, err == nil && ok && after != ""
}
