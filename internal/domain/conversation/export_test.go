package conversation

import (
	"maps"
	"slices"
)

// States lists every state of the table, so that tests walk all of them.
func States() []State { return slices.Sorted(maps.Keys(transitions)) }
