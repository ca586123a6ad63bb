package where

import "github.com/steward-mcp/steward/internal/domain/metric"

// node is a part of a filter as it was written: junction, negation, comparison and truth are conditions; reference,
// measure, value and cast are operands.
type node interface{ at() int }

type column int

func (c column) at() int { return int(c) }

type (
	junction struct {
		column
		or    bool
		parts []node
	}
	negation struct {
		column
		of node
	}
	comparison struct {
		column
		left  node
		op    metric.Op
		right []node
	}
	// truth is IS TRUE, IS FALSE or the opposite of either.
	truth struct {
		column
		of   node
		not  bool
		want bool
	}
	// reference is a name, bare when no builder was around it.
	reference struct {
		column
		builder           string
		name, grain, part string
	}
	measure struct {
		column
		metric  string
		groupBy []token
	}
	value struct {
		column
		of any
	}
	cast struct {
		column
		of node
		to metric.Type
	}
)

func isOperand(n node) bool {
	switch n.(type) {
	case reference, measure, value, cast:
		return true
	}
	return false
}

// named reports whether an operand has a name in it. What has none is the same for every row.
func named(n node) bool {
	switch n := n.(type) {
	case reference, measure:
		return true
	case cast:
		return named(n.of)
	}
	return false
}
