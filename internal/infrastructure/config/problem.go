package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// ErrConfig is what every error of Load is: the configuration cannot be used. The text of the error itself has the
// reasons.
var ErrConfig = fault.New(fault.Invalid, "config.invalid", "The configuration has errors; `steward check-config` lists them.")

// Origin says where a value was written. The zero value means that it was not written anywhere: a default.
type Origin struct {
	File     string
	Line     int // from 1
	Column   int // from 1
	Variable string
	Flag     string // the dotted key of an override
}

// String is file:line:column, the variable's name or the override's key; empty for a default.
func (o Origin) String() string {
	switch {
	case o.File != "" && o.Line > 0:
		return fmt.Sprintf("%s:%d:%d", o.File, o.Line, o.Column)
	case o.File != "":
		return o.File
	case o.Variable != "":
		return o.Variable
	case o.Flag != "":
		return "flag for " + o.Flag
	}
	return ""
}

// rank orders origins as layers: file, environment, flags, nothing.
func (o Origin) rank() int {
	switch {
	case o.File != "":
		return 0
	case o.Variable != "":
		return 1
	case o.Flag != "":
		return 2
	}
	return 3
}

// Problem is one thing that is wrong. Reason never repeats a value: it might be a secret in the wrong place.
type Problem struct {
	Origin Origin
	Path   string // dotted, server.listen; empty when it is about a file or variable as a whole
	Reason string
}

func (p Problem) Error() string {
	var parts []string
	for _, part := range []string{p.Origin.String(), p.Path, p.Reason} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ": ")
}

// Problems is everything that is wrong, in the order of the file, then of the variables. errors.Is finds ErrConfig.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives ErrConfig.
func (ps Problems) Unwrap() error { return ErrConfig }

func (ps Problems) sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Origin.rank(), b.Origin.rank()),
			cmp.Compare(a.Origin.Line, b.Origin.Line), cmp.Compare(a.Origin.Column, b.Origin.Column),
			cmp.Compare(a.Origin.Variable, b.Origin.Variable), cmp.Compare(a.Origin.Flag, b.Origin.Flag),
			cmp.Compare(a.Path, b.Path))
	})
}
