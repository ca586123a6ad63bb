package access

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// Condition is what a rule asks of one argument of a tool call. It is met by an argument that passes its one test, and with
// Absent by none as well. An argument that is null or an empty list is none. Of a list, a deny is met by one element that
// passes, an allow only by elements that all do. Numbers are compared as IEEE 754 doubles.
type Condition struct {
	Equals  []string // texts, numbers and booleans, as JSON writes them without quotes
	Glob    []string // of texts
	Min     *int64   // of numbers, the bound included
	Max     *int64
	Present bool
	Absent  bool
}

// Faults of conditions as they are written down.
var (
	ErrConditionAction  = fault.New(fault.Invalid, "access.condition_action", "A rule with when speaks of tool.call and no other action; nothing else has arguments.")
	ErrConditionPointer = fault.New(fault.Invalid, "access.condition_pointer", "A condition is about an argument by its name, or by a JSON pointer such as /order/0.")
	ErrConditionTest    = fault.New(fault.Invalid, "access.condition_test", "A condition has one test: equals, glob, present, or min and max with min not above max; absent may stand beside a test or alone, but not beside present.")
)

// condition is a Condition that compiled.
type condition struct {
	path   []string // unescaped tokens of the pointer
	equals []string
	globs  []Glob
	min    *int64
	max    *int64
	absent bool
	any    bool // every value passes
	none   bool // no value does
}

// condition compiles what is asked of one argument.
func (c *compiler) condition(path, pointer string, written Condition) condition {
	out := condition{equals: written.Equals, min: written.Min, max: written.Max, absent: written.Absent, any: written.Present}
	var ok bool
	if out.path, ok = tokens(pointer); !ok {
		c.flaw(path, ErrConditionPointer)
	}
	tests := 0
	for _, has := range []bool{len(written.Equals) > 0, len(written.Glob) > 0, written.Min != nil || written.Max != nil, written.Present} {
		if has {
			tests++
		}
	}
	out.none = tests == 0
	if tests > 1 || tests == 0 && !written.Absent || written.Present && written.Absent ||
		written.Min != nil && written.Max != nil && *written.Min > *written.Max {
		c.flaw(path, ErrConditionTest)
	}
	for i, pattern := range written.Glob {
		g, err := ParseGlob(pattern)
		c.check(path, "glob", i, err)
		out.globs = append(out.globs, g)
	}
	return out
}

func (c *compiler) conditions(path string, written Rule) []condition {
	if len(written.When) == 0 {
		return nil
	}
	if slices.ContainsFunc(written.Actions, func(action string) bool { return action != ActionCall }) {
		c.flaw(path+".when", ErrConditionAction)
	}
	var out []condition
	for _, pointer := range slices.Sorted(maps.Keys(written.When)) {
		out = append(out, c.condition(fmt.Sprintf("%s.when.%s", path, pointer), pointer, written.When[pointer]))
	}
	return out
}

// ActionCall is the action that arguments belong to.
const ActionCall = "tool.call"

// tokens reads a JSON pointer (RFC 6901 §3), or a name, which is a pointer of one token.
func tokens(pointer string) ([]string, bool) {
	if pointer == "" || len(pointer) > MaxPattern {
		return nil, false
	}
	rest, isPointer := strings.CutPrefix(pointer, "/")
	if !isPointer {
		return []string{pointer}, true
	}
	path := strings.Split(rest, "/")
	for i, token := range path {
		unescaped := strings.ReplaceAll(strings.ReplaceAll(token, "~1", ""), "~0", "")
		if strings.Contains(unescaped, "~") {
			return nil, false
		}
		path[i] = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
	}
	return path, true
}

// arguments are those of one demand while it is decided: read when the first rule with conditions asks, and once.
type arguments struct {
	read  bool
	legal bool
	value any
}

// meets reports whether a demand meets the conditions of r. What a demand without arguments would be called with is not
// known: then an allow may be met, and a deny not. Arguments that are no JSON object are met by every deny and no allow.
func (r *rule) meets(d *Demand, args *arguments) bool {
	if len(r.when) == 0 {
		return true
	}
	if d.Arguments == nil {
		return !r.denies
	}
	if !args.read {
		args.decode(d.Arguments)
	}
	if !args.legal {
		return r.denies
	}
	for i := range r.when {
		if !r.when[i].met(args.value, r.denies) {
			return false
		}
	}
	return true
}

func (a *arguments) decode(raw []byte) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var value any // a itself stays on the stack of whoever decides
	if d.Decode(&value) == nil {
		_, a.legal = value.(map[string]any)
	}
	a.read, a.value = true, value
}

func (c *condition) met(args any, one bool) bool {
	value, ok := at(args, c.path)
	if list, isList := value.([]any); !ok || value == nil || isList && len(list) == 0 {
		return c.absent
	}
	if c.any || c.none {
		return c.any
	}
	return c.passes(value, one)
}

func (c *condition) passes(value any, one bool) bool {
	switch value := value.(type) {
	case []any:
		passes := func(element any) bool { return c.passes(element, one) }
		if one {
			return slices.ContainsFunc(value, passes)
		}
		return !slices.ContainsFunc(value, func(element any) bool { return !passes(element) })
	case string:
		return slices.Contains(c.equals, value) || slices.ContainsFunc(c.globs, func(g Glob) bool { return g.Match(value) })
	case bool:
		return slices.Contains(c.equals, strconv.FormatBool(value))
	case json.Number:
		return c.counts(value)
	}
	return false
}

// counts tests a number. One beyond a double's range becomes an infinity, which is beyond every bound.
func (c *condition) counts(number json.Number) bool {
	n, _ := strconv.ParseFloat(number.String(), 64)
	if c.min != nil || c.max != nil {
		return (c.min == nil || n >= float64(*c.min)) && (c.max == nil || n <= float64(*c.max))
	}
	return slices.ContainsFunc(c.equals, func(text string) bool {
		m, err := strconv.ParseFloat(text, 64)
		return err == nil && m == n //nolint:floatcompare // the same text is the same double
	})
}

// at follows a pointer.
func at(value any, path []string) (any, bool) {
	for _, token := range path {
		switch in := value.(type) {
		case map[string]any:
			next, ok := in[token]
			if !ok {
				return nil, false
			}
			value = next
		case []any:
			i, err := strconv.ParseUint(token, 10, 31)
			if err != nil || int(i) >= len(in) || token != strconv.FormatUint(i, 10) {
				return nil, false
			}
			value = in[i]
		default:
			return nil, false
		}
	}
	return value, true
}
