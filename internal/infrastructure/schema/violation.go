package schema

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

var printer = message.NewPrinter(language.English)

// violation is one place where a value does not fit, and why.
type violation struct {
	place []string
	kind  jsonschema.ErrorKind
}

// first tells of the violation that is nearest to the top, and of those the first by name: the library walks objects
// in no order.
func first(e *jsonschema.ValidationError) string {
	found := violations(e)
	v := slices.MinFunc(found, func(a, b violation) int {
		return cmp.Or(slices.Compare(a.place, b.place), strings.Compare(a.sentence(), b.sentence()))
	})
	if len(v.place) == 0 {
		return "The arguments: " + v.sentence() + "."
	}
	return "Argument " + clip(strings.Join(v.place, "/")) + ": " + v.sentence() + "."
}

// violations are the leaves of e: what stands above them only says that something below is wrong.
func violations(e *jsonschema.ValidationError) []violation {
	if len(e.Causes) == 0 {
		return []violation{{place: e.InstanceLocation, kind: e.ErrorKind}}
	}
	switch e.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf:
		return alternatives(e)
	}
	var found []violation
	for _, cause := range e.Causes {
		found = append(found, violations(cause)...)
	}
	return found
}

// alternatives tells of the alternative that the caller had in mind, which is one whose type is right. When none is,
// all types are named: to name one of them would send the caller the wrong way.
func alternatives(e *jsonschema.ValidationError) []violation {
	var meant []violation
	types := &kind.Type{}
	for _, cause := range e.Causes {
		below := violations(cause)
		mismatch, ok := below[0].kind.(*kind.Type)
		if ok && len(below) == 1 && slices.Equal(below[0].place, e.InstanceLocation) {
			types.Got, types.Want = mismatch.Got, append(types.Want, mismatch.Want...)
			continue
		}
		meant = append(meant, below...)
	}
	if len(meant) > 0 {
		return meant
	}
	return []violation{{place: e.InstanceLocation, kind: types}}
}

// sentence says what is expected. Only kinds whose own words are known to repeat nothing of the value are asked for
// them.
func (v violation) sentence() string {
	switch k := v.kind.(type) {
	case *kind.Type, *kind.Enum, *kind.Const, *kind.Required, *kind.DependentRequired, *kind.UniqueItems,
		*kind.MinItems, *kind.MaxItems, *kind.MinLength, *kind.MaxLength, *kind.MinProperties, *kind.MaxProperties:
		return k.LocalizedString(printer)
	case *kind.AdditionalProperties:
		return "there is no " + unknown(k.Properties)
	case *kind.Pattern:
		return "does not match the pattern " + k.Want
	case *kind.Format:
		return "is not a valid " + k.Want
	case *kind.Minimum:
		want, _ := k.Want.Float64()
		return fmt.Sprintf("must be at least %v", want)
	case *kind.Maximum:
		want, _ := k.Want.Float64()
		return fmt.Sprintf("must be at most %v", want)
	case *kind.ExclusiveMinimum:
		want, _ := k.Want.Float64()
		return fmt.Sprintf("must be more than %v", want)
	case *kind.ExclusiveMaximum:
		want, _ := k.Want.Float64()
		return fmt.Sprintf("must be less than %v", want)
	case *kind.MultipleOf:
		want, _ := k.Want.Float64()
		return fmt.Sprintf("must be a multiple of %v", want)
	}
	return "does not fit the schema"
}

// unknown names members that the schema does not know, the first few of them.
func unknown(names []string) string {
	const shown = 5
	slices.Sort(names)
	quoted := make([]string, 0, shown)
	for _, name := range names[:min(shown, len(names))] {
		quoted = append(quoted, fmt.Sprintf("%q", clip(name)))
	}
	text := strings.Join(quoted, ", ")
	if more := len(names) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// clip shortens what the caller chose, so that an error is never as long as the message that it is about.
func clip(text string) string {
	const longest = 80
	if runes := []rune(text); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return text
}
