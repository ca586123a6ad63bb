package toolapp

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
)

// member is one argument as it was written.
type member struct {
	name  string
	value json.RawMessage // part of the arguments
}

// membersOf takes an object apart, by name. Of members of one name the last counts, as everywhere else. It is not ok when args
// are no object; null is one without members.
func membersOf(args json.RawMessage) (members []member, ok bool) {
	if members, ok = plainMembers(args); ok {
		return members, true
	}
	var given map[string]json.RawMessage
	if json.Unmarshal(args, &given) != nil {
		return nil, false
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		members = append(members, member{name, given[name]})
	}
	return members, true
}

// plainMembers is membersOf for what nearly all arguments are: an object whose names are written as they are, and differ.
func plainMembers(args json.RawMessage) (members []member, ok bool) {
	rest := bytes.TrimSpace(args)
	if !json.Valid(args) || rest[0] != '{' {
		return nil, false
	}
	rest = bytes.TrimSpace(rest[1:])
	for rest[0] != '}' {
		end := 1 + bytes.IndexByte(rest[1:], '"')
		name := rest[1:end]
		if !isPlain(name) {
			return nil, false
		}
		rest = bytes.TrimSpace(bytes.TrimSpace(rest[end+1:])[1:]) // behind the colon
		length := valueLength(rest)
		members = append(members, member{string(name), json.RawMessage(bytes.TrimSpace(rest[:length]))})
		if rest = rest[length:]; rest[0] == ',' {
			rest = bytes.TrimSpace(rest[1:])
		}
	}
	byName := func(a, b member) int { return cmp.Compare(a.name, b.name) }
	slices.SortFunc(members, byName)
	for i := 1; i < len(members); i++ {
		if members[i].name == members[i-1].name {
			return nil, false
		}
	}
	return members, true
}

// isPlain reports whether a name means what it looks like.
func isPlain(name []byte) bool {
	return !slices.ContainsFunc(name, func(c byte) bool { return c < ' ' || c > '~' || c == '\\' })
}

// valueLength is how far the value goes that valid JSON begins with, with the space behind it: to the comma or brace that is
// nobody's but the object's.
func valueLength(rest []byte) int {
	depth, quoted := 0, false
	for i := 0; ; i++ {
		switch c := rest[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case depth == 0 && (c == ',' || c == '}'):
			return i
		case c == '}' || c == ']':
			depth--
		}
	}
}
