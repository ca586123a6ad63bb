package wire

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of one object. Up to indexFrom members a name is looked for among the others one by one, since envelopes are
// small; beyond, in an index, so that the cost of an object grows with its size and not with the square of it.
const (
	maxMembers = 1024
	indexFrom  = 32
)

// naming says which names of members are one, by how deep their object stands; the outermost is 1.
type naming struct {
	folded   int // so deep names that encoding/json does not tell apart are one
	protocol int // so deep another spelling of one of protocolNames is refused
}

// ofMessage are the rules of a message: the protocol names the members of the envelope and of its params. mcp-go reads these and
// their _meta by encoding/json; below that stand a tool's own arguments.
var ofMessage = naming{folded: 3, protocol: 2}

// protocolNames are the members that the protocol reads there, by their folded form. Another spelling of one of them
// is some member that nobody knows to a reader that follows JSON-RPC, and this member to one that ignores case.
var protocolNames = func() map[string]string {
	names := map[string]string{}
	for _, name := range []string{
		"jsonrpc", "id", "method", "params", "result", "error", "_meta", "name", "arguments", "uri", "cursor", "task",
		"protocolVersion", "capabilities", "clientInfo", "requestId", "notifications", "level", "ref", "argument",
		"context", "inputResponses", "requestState", "taskId", "progressToken", "progress", "total", "message", "reason",
	} {
		names[fold(name)] = name
	}
	return names
}()

// members are the names that one open object has used so far: the top of a stack that all open objects share.
type members struct {
	stack *[]string
	first int
	index map[string]struct{}
}

// add notes a name, or says why the object may not have it.
func (m *members) add(given name, depth int, by naming) error {
	key := given.exact
	if depth <= by.folded {
		if exact, known := protocolNames[given.folded]; known && depth <= by.protocol && key != exact {
			return ErrSpelling
		}
		key = given.folded
	}
	used := (*m.stack)[m.first:]
	switch {
	case len(used) >= maxMembers:
		return ErrMembers
	case m.has(used, key):
		return ErrDuplicate
	}
	*m.stack = append(*m.stack, key)
	if m.index != nil {
		m.index[key] = struct{}{}
	}
	return nil
}

func (m *members) has(used []string, key string) bool {
	if len(used) < indexFrom {
		return slices.Contains(used, key)
	}
	if m.index == nil {
		m.index = make(map[string]struct{}, 2*indexFrom)
		for _, name := range used {
			m.index[name] = struct{}{}
		}
	}
	_, found := m.index[key]
	return found
}

// forget takes the object's names off the stack.
func (m *members) forget() { *m.stack = (*m.stack)[:m.first] }

// fold maps names that encoding/json takes for one another to one text: letters that differ in case, and the two
// others (U+017F, U+212A) whose case folding is an ASCII letter.
func fold(key string) string {
	if !strings.ContainsFunc(key, func(r rune) bool { return r >= utf8.RuneSelf || 'A' <= r && r <= 'Z' }) {
		return key
	}
	return strings.Map(func(r rune) rune {
		for {
			next := unicode.SimpleFold(r)
			if next <= r { // the smallest of those that fold together
				return lower(next)
			}
			r = next
		}
	}, key)
}

// lower leaves what is not ASCII alone: U+0130 folds with no other letter, and has one of ASCII as its lower case.
func lower(r rune) rune {
	if r < utf8.RuneSelf {
		return unicode.ToLower(r)
	}
	return r
}
