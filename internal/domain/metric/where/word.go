package where

import (
	"strings"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

// word reads an operand that begins with a word: TRUE, FALSE, CAST, DATE '…', TIMESTAMP '…' or a name.
func (p *parser) word() node {
	t := p.token
	literal := t.keyword("DATE", "TIMESTAMP")
	if hint, refused := refusedWords.on(t.text); refused {
		p.fail(t.column, "%s", hint)
	} else if strings.HasPrefix(p.rest, "'") && !literal {
		p.fail(t.column, "a text has no letters before its quote; write it in plain single quotes.")
	}
	p.advance()
	switch {
	case t.keyword("CAST") && p.token.is("("):
		return p.cast(t.column)
	case p.token.is("("):
		p.function(t)
	case t.keyword("TRUE", "FALSE"):
		return p.part(value{column(t.column), t.keyword("TRUE")})
	case literal && p.token.kind == text:
		return p.moment(t)
	case p.token.is("."):
		p.unexpected()
	}
	return p.part(reference{column: column(t.column), name: t.text})
}

// typeNames are what types are called, in upper case.
var typeNames = map[string]metric.Type{
	"TIMESTAMP": metric.Timestamp, "DATETIME": metric.Timestamp, "DATE": metric.Date,
	"INTEGER": metric.Integer, "INT": metric.Integer, "BIGINT": metric.Integer, "INT64": metric.Integer,
	"DOUBLE": metric.Double, "FLOAT": metric.Double, "FLOAT64": metric.Double, "REAL": metric.Double,
	"DECIMAL": metric.Decimal, "NUMERIC": metric.Decimal,
	"VARCHAR": metric.Text, "TEXT": metric.Text, "STRING": metric.Text,
	"BOOLEAN": metric.Boolean, "BOOL": metric.Boolean,
}

var typesOffered = []string{"timestamp", "date", "integer", "double", "decimal", "varchar", "boolean"}

// cast reads what follows the word CAST.
func (p *parser) cast(at int) node {
	p.advance()
	of := p.within(at, p.operand)
	if t := p.token; !p.tookWord("AS") {
		p.fail(t.column, "CAST is written CAST(name AS type).")
	}
	t := p.token
	to, known := typeNames[strings.ToUpper(t.text)]
	if t.kind != word || !known {
		p.fail(t.column, "CAST knows the types %s.", strings.Join(typesOffered, ", "))
		if t.kind == word {
			p.suggest(t.text, typesOffered)
		}
		return value{}
	}
	p.advance()
	if t.keyword("DOUBLE") {
		p.tookWord("PRECISION")
	}
	if t := p.token; !p.took(")") {
		p.fail(t.column, "after the type stands the closing parenthesis; types have no length, precision or zone here.")
	}
	v, literal := of.(value)
	if literal && (to == metric.Timestamp || to == metric.Date) {
		p.checkMoment(v)
	}
	return p.part(cast{column(at), of, to})
}

// moment reads the text after DATE or TIMESTAMP.
func (p *parser) moment(t token) node {
	to := typeNames[strings.ToUpper(t.text)]
	v := value{column(p.token.column), p.token.text}
	p.checkMoment(v)
	if m, err := metric.ParseMoment(p.token.text); err == nil && to == metric.Date && strings.Contains(m.SQL(), " ") {
		p.fail(v.at(), "a DATE has no time of day; write TIMESTAMP, or leave the time out.")
	}
	p.advance()
	p.part(v)
	return p.part(cast{column(t.column), v, to})
}

const momentHint = "a time is written '2024-01-31' or '2024-01-31 08:00:00', without a zone."

func (p *parser) checkMoment(v value) {
	text, _ := v.of.(string)
	if _, err := metric.ParseMoment(text); err != nil {
		p.fail(v.at(), momentHint)
	}
}
