package where

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

// parser reads by recursive descent. After the first error the token at hand is the end, which ends every loop; what is
// returned then is of no use.
type parser struct {
	lexer
	token token
	depth int
	parts int
}

func (p *parser) advance() { p.token = p.next() }

func (p *parser) fail(column int, format string, args ...any) {
	p.lexer.fail(column, format, args...)
	p.token = token{column: column}
}

// took goes on when the token at hand is this mark.
func (p *parser) took(m string) bool {
	if !p.token.is(m) {
		return false
	}
	p.advance()
	return true
}

func (p *parser) tookWord(words ...string) bool {
	if !p.token.keyword(words...) {
		return false
	}
	p.advance()
	return true
}

// part counts n, and gives it back.
func (p *parser) part(n node) node {
	if p.parts++; p.parts > mostParts {
		p.fail(n.at(), "a filter has at most %d names, values and conditions; put long lists of values into filters.", mostParts)
	}
	return n
}

// within reads something that stands within something else.
func (p *parser) within(column int, read func() node) node {
	if p.depth++; p.depth > deepest {
		p.fail(column, "parentheses, NOT and CAST stand at most %d deep within each other.", deepest)
		return value{}
	}
	n := read()
	p.depth--
	return n
}

// either is a condition, or an operand that may turn out to be one.
func (p *parser) either() node { return p.join(true, "OR", p.both) }
func (p *parser) both() node   { return p.join(false, "AND", p.negated) }

func (p *parser) join(or bool, with string, read func() node) node {
	first := read()
	if !p.token.keyword(with) {
		return first
	}
	parts := []node{p.condition(first)}
	for p.tookWord(with) {
		parts = append(parts, p.condition(read()))
	}
	return p.part(junction{column(first.at()), or, parts})
}

func (p *parser) negated() node {
	t := p.token
	if !p.tookWord("NOT") {
		return p.predicate()
	}
	of := p.condition(p.within(t.column, p.negated))
	return p.part(negation{column(t.column), of})
}

// condition refuses an operand that no warehouse takes for one.
func (p *parser) condition(n node) node {
	switch n := n.(type) {
	case value:
		p.fail(n.at(), "a value alone is no condition; compare a dimension with it, as customer__region = 'EU'.")
	case measure:
		p.fail(n.at(), "a metric alone is no condition; compare it, as %s", metricHint)
	case cast:
		if n.to != metric.Boolean {
			p.fail(n.at(), "a %s alone is no condition; compare it with something.", n.to)
		}
		if !named(n) {
			p.nameless(n)
		}
	case reference:
		if n.builder == entityBuilder {
			p.fail(n.at(), "an entity alone is no condition; compare it with something.")
		}
	}
	return n
}

func (p *parser) nameless(n node) {
	p.fail(n.at(), "there is no dimension, entity or metric in this condition; what holds for all rows or none is no filter.")
}

// comparisons are the operators that are marks.
var comparisons = map[string]metric.Op{
	"=": metric.Eq, "==": metric.Eq, "!=": metric.Ne, "<>": metric.Ne, "<": metric.Lt, "<=": metric.Le, ">": metric.Gt, ">=": metric.Ge,
}

func (p *parser) predicate() node {
	left, t := p.primary(), p.token
	op, is := comparisons[t.text]
	is = is && t.kind == mark
	if !is && !t.keyword("NOT", "IN", "BETWEEN", "LIKE", "IS") {
		return left
	}
	if !isOperand(left) {
		p.fail(t.column, "a condition is not compared; put AND or OR between conditions.")
		return left
	}
	p.advance()
	switch {
	case is:
		return p.compare(left, op, p.operand())
	case t.keyword("IS"):
		return p.state(left)
	case t.keyword("NOT"):
		if t = p.token; !p.tookWord("IN", "BETWEEN", "LIKE") {
			p.fail(t.column, "after a name, NOT is followed by IN, BETWEEN or LIKE.")
			return left
		}
		return p.set(left, t, true)
	}
	return p.set(left, t, false)
}

// set reads what follows IN, BETWEEN and LIKE.
func (p *parser) set(left node, word token, not bool) node {
	var n node
	switch {
	case word.keyword("IN") && not:
		return p.compare(left, metric.NotIn, p.list()...)
	case word.keyword("IN"):
		return p.compare(left, metric.In, p.list()...)
	case word.keyword("LIKE"):
		n = p.compare(left, metric.Like, p.pattern())
	default:
		lowest := p.operand()
		if !p.tookWord("AND") {
			p.fail(p.token.column, "BETWEEN takes two values with AND between them.")
		}
		n = p.compare(left, metric.Between, lowest, p.operand())
	}
	if not {
		return p.part(negation{column(left.at()), n})
	}
	return n
}

func (p *parser) compare(left node, op metric.Op, right ...node) node {
	n := comparison{column(left.at()), left, op, right}
	if p.err == nil && !named(left) && !slices.ContainsFunc(right, named) {
		p.nameless(n)
	}
	return p.part(n)
}

func (p *parser) pattern() node {
	t := p.token
	if t.kind != text {
		p.fail(t.column, "LIKE takes a text in single quotes, with %% for any text and _ for any character.")
		return value{}
	}
	p.advance()
	return p.part(value{column(t.column), t.text})
}

func (p *parser) list() []node {
	if t := p.token; !p.took("(") {
		p.fail(t.column, "IN takes a list in parentheses, as IN ('EU', 'US').")
		return nil
	}
	var all []node
	for {
		n := p.operand()
		if all = append(all, n); len(all) > metric.MostOperands {
			p.fail(n.at(), "a list has at most %d values.", metric.MostOperands)
		}
		if !p.took(",") {
			break
		}
	}
	if t := p.token; !p.took(")") {
		p.fail(t.column, "in a list, a comma or the closing parenthesis is expected here.")
	}
	return all
}

// state reads what follows IS.
func (p *parser) state(left node) node {
	not, t := p.tookWord("NOT"), p.token
	switch {
	case p.tookWord("NULL"):
		op := metric.IsNull
		if not {
			op = metric.IsNotNull
		}
		return p.compare(left, op)
	case p.tookWord("TRUE", "FALSE"):
		n := truth{column(left.at()), left, not, t.keyword("TRUE")}
		if p.err == nil && !named(left) {
			p.nameless(n)
		}
		return p.part(n)
	}
	p.fail(t.column, "after IS stands NULL, TRUE or FALSE, with or without NOT before it; otherwise write = or !=.")
	return left
}

// operand reads a name or value, not a condition.
func (p *parser) operand() node {
	n := p.primary()
	if !isOperand(n) {
		p.fail(n.at(), "a name or value is expected here, and not a condition.")
	}
	return n
}

func (p *parser) primary() node {
	t := p.token
	switch {
	case t.kind == text:
		p.advance()
		return p.part(value{column(t.column), t.text})
	case t.kind == number:
		return p.number(t.column, "")
	case t.kind == word:
		return p.word()
	case p.took("{{"):
		return p.builder()
	case p.took("-"):
		if p.token.kind == number {
			return p.number(t.column, "-")
		}
		p.fail(t.column, "%s", noCounting)
	case p.took("("):
		n := p.within(t.column, p.either)
		if p.token.kind == end && p.err == nil {
			p.fail(t.column, "the parenthesis that opens here is not closed.")
		} else if !p.took(")") {
			p.unexpected()
		}
		return n
	case t.kind == end:
		p.fail(t.column, "a condition is missing here, as customer__region = 'EU'.")
	case t.is(")") || t.is(","):
		p.fail(t.column, "a name or value is missing here.")
	default:
		p.unexpected()
	}
	return value{}
}

func (p *parser) number(at int, sign string) node {
	text := sign + p.token.text
	if f, err := strconv.ParseFloat(text, 64); err != nil || math.IsInf(f, 0) {
		p.fail(at, "this number is too large.")
	}
	p.advance()
	return p.part(value{column(at), json.Number(text)})
}
