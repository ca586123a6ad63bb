// Package mrtr is how a request asks its client before it is answered: as multi round-trip requests in revision 2026-07-28
// (SEP-2322), as requests of the server in the older ones. It knows the shapes on the wire, the state that a client carries from
// round to round, and who waits for which answer; it does not know what carries the messages.
package mrtr

import (
	"encoding/json"

	"github.com/steward-mcp/steward/internal/domain/tool"
)

// Abilities reads what a client says that it can do (ClientCapabilities). What is not an object is no capability. A client that
// says nothing of modes of elicitation can show forms.
func Abilities(capabilities json.RawMessage) tool.Abilities {
	said := members(capabilities)
	var can tool.Abilities
	_, can.Samples = object(said["sampling"])
	_, can.Roots = object(said["roots"])
	if modes, ok := object(said["elicitation"]); ok {
		_, can.Visits = object(modes["url"])
		_, can.Forms = object(modes["form"])
		can.Forms = can.Forms || !can.Visits
	}
	return can
}

// Required is what of its capabilities a client lacks, as the error -32021 tells it (requiredCapabilities).
func Required(lacking tool.Abilities) map[string]any {
	required := map[string]any{}
	modes := map[string]any{}
	if lacking.Forms {
		modes["form"] = struct{}{}
	}
	if lacking.Visits {
		modes["url"] = struct{}{}
	}
	if len(modes) > 0 {
		required["elicitation"] = modes
	}
	if lacking.Samples {
		required["sampling"] = struct{}{}
	}
	if lacking.Roots {
		required["roots"] = struct{}{}
	}
	return required
}

func members(raw json.RawMessage) map[string]json.RawMessage {
	found, _ := object(raw)
	return found
}

// object reads a JSON object; null is none.
func object(raw json.RawMessage) (map[string]json.RawMessage, bool) {
	var found map[string]json.RawMessage
	if len(raw) == 0 || json.Unmarshal(raw, &found) != nil || found == nil {
		return nil, false
	}
	return found, true
}
