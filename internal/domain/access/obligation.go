package access

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// RowFilter is a condition that an operator lays on every question of a persona: of whatever it asks, it gets only the
// rows that pass.
type RowFilter struct {
	Field     string   // a dimension or entity, by the name that questions use: customer__region
	Op        string   // one of RowOps; empty means in
	Values    []string // what Field is compared with, or
	Attribute string   // the principal's attribute whose values it is compared with
	Metrics   []string // globs: the metrics whose questions it is laid on; none means all
}

// RowOps are the comparisons that a row filter can make. All but in and not_in take one value.
func RowOps() []string { return []string{"in", "not_in", "=", "!=", "<", "<=", ">", ">="} }

// Caps bound what the holders of a persona get, whatever they may ask. Zero bounds nothing.
type Caps struct {
	MaxRows      int  // of one answer
	MaxRangeDays int  // between start_time and end_time, both of which a question must name then
	ExplainOnly  bool // questions are checked and explained, and never run
}

// Obligations are what the personas of a principal ask of everything it does, beyond deciding whether it may. They add
// up: every row filter of every persona holds, and of every cap the tightest.
type Obligations struct {
	Rows        []Row
	MaxRows     int           // 0 for no bound
	MaxRange    time.Duration // 0 for no bound
	RangeRule   string        // the rule that set MaxRange
	ExplainOnly string        // the rule that forbids to run questions; empty for none
	Purpose     string        // the rule by which every tool call must say what it is for; empty for none
}

// Digest tells o from all that ask anything else, in hexadecimal. It is the same in every process for what asks the same.
func (o Obligations) Digest() string {
	type row struct {
		Row
		Metrics []string
	}
	form := struct {
		Obligations
		Rows []row // in the place of those that it embeds
	}{Obligations: o}
	for _, r := range o.Rows {
		of := row{Row: r}
		for _, g := range r.metrics {
			of.Metrics = append(of.Metrics, g.prefix+g.rest)
		}
		form.Rows = append(form.Rows, of)
	}
	text, _ := json.Marshal(form) // structs of texts and numbers always marshal
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Row is a row filter as it holds for one principal.
type Row struct {
	Rule   string // the rule that it comes from, "persona/rows[0]"
	Field  string
	Op     string   // one of RowOps
	Values []string // none when the principal lacks the attribute that they come from: then no row passes

	metrics []Glob
}

// Governs reports whether the filter is laid on questions about a metric.
func (r Row) Governs(metric string) bool {
	return len(r.metrics) == 0 || slices.ContainsFunc(r.metrics, func(g Glob) bool { return g.Match(metric) })
}

// The faults of row filters as they are written down.
var (
	ErrRowField  = fault.New(fault.Invalid, "access.row_field", "A row filter names one dimension or entity as field, such as customer__region.")
	ErrRowOp     = fault.New(fault.Invalid, "access.row_op", "A row filter compares with in, not_in, =, !=, <, <=, > or >=.")
	ErrRowValues = fault.New(fault.Invalid, "access.row_values", "A row filter has either values or an attribute; all operators but in and not_in take one value.")
	ErrCap       = fault.New(fault.Invalid, "access.cap", "A cap is a whole number above zero; leave it out for no bound.")
)

// rowRule is a RowFilter that compiled.
type rowRule struct {
	Row
	attribute string
}

// obligations of a persona, compiled.
type obligations struct {
	rows    []rowRule
	caps    Caps
	purpose bool
}

// Obligations implements DataPolicy. The order of p's personas does not matter, nor does naming one twice; a persona that
// does not exist asks nothing, as it allows nothing.
func (s *RuleSet) Obligations(p Principal) Obligations {
	s = p.under(s)
	var o Obligations
	names := slices.Clone(p.Personas)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		held, known := s.obliged[name]
		if !known {
			continue
		}
		for _, r := range held.rows {
			row := r.Row
			if r.attribute != "" {
				row.Values = p.Attributes[r.attribute]
			}
			o.Rows = append(o.Rows, row)
		}
		o.tighten(name, held.caps)
		if held.purpose && o.Purpose == "" {
			o.Purpose = name + "/require_purpose"
		}
	}
	return o
}

func (o *Obligations) tighten(persona string, c Caps) {
	if c.MaxRows > 0 && (o.MaxRows == 0 || c.MaxRows < o.MaxRows) {
		o.MaxRows = c.MaxRows
	}
	if span := time.Duration(c.MaxRangeDays) * 24 * time.Hour; span > 0 && (o.MaxRange == 0 || span < o.MaxRange) {
		o.MaxRange, o.RangeRule = span, persona+"/max_range_days"
	}
	if c.ExplainOnly && o.ExplainOnly == "" {
		o.ExplainOnly = persona + "/explain_only"
	}
}

func (c *compiler) obligations(p Persona) {
	held := obligations{caps: p.Caps, purpose: p.Purpose}
	for i, f := range p.Rows {
		held.rows = append(held.rows, c.row(p.Name, i, f))
	}
	c.cap(p.Name+".max_rows", p.Caps.MaxRows)
	c.cap(p.Name+".max_range_days", p.Caps.MaxRangeDays)
	c.set.obliged[p.Name] = held
}

func (c *compiler) cap(path string, n int) {
	if n < 0 || n > maxCap {
		c.flaw(path, ErrCap)
	}
}

const maxCap = 10_000_000 // more rows than fit into an answer, and more days than any calendar has

func (c *compiler) row(persona string, i int, f RowFilter) rowRule {
	path := fmt.Sprintf("%s.rows[%d]", persona, i)
	r := rowRule{attribute: f.Attribute}
	r.Rule, r.Field, r.Op, r.Values = fmt.Sprintf("%s/rows[%d]", persona, i), f.Field, cmp.Or(f.Op, "in"), f.Values
	if !validField(f.Field) {
		c.flaw(path+".field", ErrRowField)
	}
	if !slices.Contains(RowOps(), r.Op) {
		c.flaw(path+".op", ErrRowOp)
	}
	single := r.Op != "in" && r.Op != "not_in"
	if (f.Attribute == "") == (len(f.Values) == 0) || single && len(f.Values) > 1 {
		c.flaw(path+".values", ErrRowValues)
	}
	for j, pattern := range f.Metrics {
		g, err := ParseGlob(pattern)
		c.check(path, "metrics", j, err)
		r.metrics = append(r.metrics, g)
	}
	return r
}
