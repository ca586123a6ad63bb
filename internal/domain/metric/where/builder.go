package where

import (
	"regexp"
	"slices"
	"strings"
)

const (
	dimensionBuilder     = "Dimension"
	timeDimensionBuilder = "TimeDimension"
	entityBuilder        = "Entity"
	metricBuilder        = "Metric"
)

var builderNames = []string{dimensionBuilder, timeDimensionBuilder, entityBuilder, metricBuilder}

// parameters are those of MetricFlow's builders in their order (ObjectBuilderJinjaRenderHelper). A builder's name comes
// first, without which there is none.
var parameters = map[string][]string{
	dimensionBuilder:     {"name", entityPath},
	timeDimensionBuilder: {"time_dimension_name", "time_granularity_name", entityPath, descending, "date_part_name"},
	entityBuilder:        {"entity_name", entityPath},
	metricBuilder:        {"metric_name", groupBy},
}

const (
	entityPath = "entity_path"
	groupBy    = "group_by"
	descending = "descending"
)

// arguments are those of one call, by parameter. A text is a list of one; None is an empty list.
type arguments map[string][]token

func (a arguments) first(parameter string) token {
	if len(a[parameter]) == 0 {
		return token{}
	}
	return a[parameter][0]
}

// builder reads what follows {{.
func (p *parser) builder() node {
	t := p.token
	if t.kind != word {
		p.fail(t.column, builderHint)
		return value{}
	}
	if !slices.Contains(builderNames, t.text) {
		p.fail(t.column, "between {{ and }} stands one of the object builders Dimension, TimeDimension, Entity and Metric.")
		p.suggest(t.text, builderNames)
		return value{}
	}
	p.advance()
	n := p.build(t, p.call(t.text))
	if r, is := n.(reference); is && r.builder == dimensionBuilder {
		n = p.methods(r)
	}
	if t := p.token; !p.took("}}") {
		p.fail(t.column, "}} is expected here: "+builderHint)
	}
	return p.part(n)
}

// build makes a name of the arguments of a builder.
func (p *parser) build(builder token, a arguments) node {
	name := builder.text
	own := a.first(parameters[name][0])
	if own.kind != text {
		p.fail(builder.column, "%s needs a name, as {{ %s('…') }}.", name, name)
		return value{}
	}
	if name == metricBuilder {
		if len(a[groupBy]) == 0 {
			p.fail(own.column, "a metric in a filter is grouped by something: {{ Metric('…', group_by=['listing']) }}.")
		}
		return measure{column(own.column), own.text, a[groupBy]}
	}
	path := make([]string, 0, len(a[entityPath])+1)
	for _, e := range a[entityPath] {
		path = append(path, e.text)
	}
	return reference{
		column: column(own.column), builder: name, name: strings.Join(append(path, own.text), "__"),
		grain: strings.ToLower(a.first("time_granularity_name").text), part: strings.ToLower(a.first("date_part_name").text),
	}
}

// call reads ( arguments ) by position and by name.
func (p *parser) call(name string) arguments {
	a := arguments{}
	if t := p.token; !p.took("(") {
		p.fail(t.column, "after %s stand its arguments in parentheses, as %s('…').", name, name)
	}
	position := 0
	for p.err == nil && !p.token.is(")") {
		at := p.token.column
		parameter := p.parameter(name, &position)
		if _, twice := a[parameter]; twice || parameter == "" {
			p.fail(at, "%s takes %s, each once.", name, strings.Join(parameters[name], ", "))
		}
		a[parameter] = p.argument(parameter)
		if !p.took(",") {
			break
		}
	}
	if t := p.token; !p.took(")") {
		p.fail(t.column, "in the arguments of %s, a comma or the closing parenthesis is expected here.", name)
	}
	return a
}

// parameter is the one that the argument at hand is for, "" when there is none. After an argument by name there are none
// by position.
func (p *parser) parameter(name string, position *int) string {
	takes, t := parameters[name], p.token
	if t.kind == word && t.text != "None" {
		*position = len(takes)
		if p.advance(); !p.took("=") {
			p.fail(t.column, "the arguments of %s are literal texts in quotes.", name)
		}
		if slices.Contains(takes, t.text) {
			return t.text
		}
		return ""
	}
	if *position >= len(takes) {
		return ""
	}
	*position++
	return takes[*position-1]
}

// argument reads None, a text, or a list of texts for a parameter that is one.
func (p *parser) argument(parameter string) []token {
	t := p.token
	switch {
	case t.kind == word && t.text == "None" && parameter != groupBy && parameter != entityPath:
		p.advance()
	case parameter == descending:
		p.fail(t.column, "a filter has no order; leave descending out.")
	case parameter == groupBy, parameter == entityPath:
		return p.names(parameter)
	default:
		return []token{p.name()}
	}
	return nil
}

// names reads ['a', 'b'] or ('a', 'b'); with one name, parentheses need a comma behind it, as in Python.
func (p *parser) names(parameter string) []token {
	t, closing := p.token, "]"
	if t.is("(") {
		closing = ")"
	}
	if !p.took("[") && !p.took("(") {
		p.fail(t.column, "%s is a list, as ['listing'].", parameter)
	}
	var all []token
	comma := false
	for p.err == nil && !p.token.is(closing) {
		all = append(all, p.name())
		if comma = p.took(","); !comma {
			break
		}
	}
	if t := p.token; !p.took(closing) {
		p.fail(t.column, "in a list of names, a comma or %s is expected here.", closing)
	}
	if closing == ")" && len(all) == 1 && !comma {
		p.fail(t.column, "a list with one name is written ['%s'].", clip(all[0].text))
	}
	return all
}

var nameForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (p *parser) name() token {
	t := p.token
	if t.kind != text || !nameForm.MatchString(t.text) {
		p.fail(t.column, "a name stands here in quotes, of letters, digits and _, as 'customer__region'.")
	}
	p.advance()
	p.part(column(t.column))
	return t
}

// methods reads .grain('month') and .date_part('dow').
func (p *parser) methods(r reference) node {
	for p.took(".") {
		method, into := p.token, &r.grain
		if method.text == "date_part" {
			into = &r.part
		}
		if method.text != "grain" && method.text != "date_part" || *into != "" {
			p.fail(method.column, "a dimension is followed by .grain('month') or .date_part('dow'), once.")
		}
		p.advance()
		if t := p.token; !p.took("(") {
			p.fail(t.column, "after %s stands its argument in parentheses.", clip(method.text))
		}
		*into = strings.ToLower(p.name().text)
		if t := p.token; !p.took(")") {
			p.fail(t.column, "the closing parenthesis is expected here.")
		}
	}
	return r
}
