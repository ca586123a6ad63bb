package policy_test

import (
	"maps"
	"math/rand/v2"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

// oracle says what a persona may see, worked out from the manifest again by the rules of the documents: a rule on any
// name of a thing speaks of it, deny wins, nothing is allowed by default, a metric needs every public metric in its
// formula and a saved query every name in it.
type oracle struct {
	world       *universe
	allow, deny []string // kind:glob
	rows        []rowRule
}

// rowRule is a row filter of the persona.
type rowRule struct {
	field   string
	metrics []string // globs
	empty   bool     // whoever asks lacks the attribute
}

// universe is every name there is.
type universe struct {
	shop    shop
	metrics []string                           // public
	inputs  map[string][]string                // all public metrics below one, and every private one
	fields  map[string]map[string]metric.Field // by metric, "" for none, then by name
	every   map[string][]metric.Field          // by name, whatever the metric
	links   map[string][]string                // by model, the keys by which its columns are called
	saved   []metric.SavedQuery
	words   map[string]bool // everything that is the name of something
}

func newUniverse(s shop) (*universe, error) {
	u := &universe{
		shop: s, inputs: map[string][]string{}, fields: map[string]map[string]metric.Field{}, every: map[string][]metric.Field{},
		links: map[string][]string{}, saved: s.catalog.SavedQueries(), words: map[string]bool{},
	}
	defined := map[string]metric.Metric{}
	for _, m := range s.parsed.Metrics {
		defined[m.Name] = m
	}
	for _, m := range s.parsed.Models {
		for _, e := range m.Entities {
			if e.Type != "foreign" {
				u.links[m.Name] = append(u.links[m.Name], e.Name)
			}
		}
		if m.PrimaryEntity != "" {
			u.links[m.Name] = append(u.links[m.Name], m.PrimaryEntity)
		}
	}
	var below func(name string) []string
	below = func(name string) []string {
		var all []string
		for _, in := range defined[name].Formula.Inputs {
			if in.Metric != "" {
				all = append(append(all, in.Metric), below(in.Metric)...)
			}
		}
		return all
	}
	for _, m := range s.parsed.Metrics {
		if !m.Private {
			u.metrics = append(u.metrics, m.Name)
		}
		u.inputs[m.Name] = below(m.Name)
		u.words[m.Name] = true
	}
	slices.Sort(u.metrics)
	for _, m := range append([]string{""}, u.metrics...) {
		var asked []string
		if m != "" {
			asked = []string{m}
		}
		fields, err := s.catalog.Fields(asked)
		if err != nil {
			return nil, err
		}
		u.fields[m] = map[string]metric.Field{}
		for _, f := range fields {
			u.fields[m][f.Name] = f
			u.words[f.Name] = true
			u.every[f.Name] = append(u.every[f.Name], f)
		}
	}
	for _, q := range u.saved {
		u.words[q.Name] = true
	}
	return u, nil
}

// may reports whether the thing of these names may be asked.
func (o oracle) may(kind string, names ...string) bool {
	matches := func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(pattern string) bool {
			k, glob, _ := strings.Cut(pattern, ":")
			return glob1(k, kind) && slices.ContainsFunc(names, func(n string) bool {
				return strings.HasPrefix(glob, tagged) == strings.HasPrefix(n, tagged) && glob1(glob, n)
			})
		})
	}
	return matches(o.allow) && !matches(o.deny)
}

// tagged begins what is a tag, and the patterns that speak of tags.
const tagged = "meta."

// tag is the one that tellApart gives.
func tag(of, name string) string { return tagged + "synonyms=" + proseOf(of, name) + "_synonym" }

func glob1(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return err == nil && ok
}

func (o oracle) denies(kind string, names ...string) bool {
	return !oracle{allow: []string{"*:*"}, deny: o.deny}.may(kind, names...)
}

func (o oracle) metric(name string) bool {
	if !slices.Contains(o.world.metrics, name) || !o.may("metric", name, tag("metrics", name)) {
		return false
	}
	for _, in := range o.world.inputs[name] {
		private := !slices.Contains(o.world.metrics, in)
		names := []string{in, tag("metrics", in)}
		if !private && !o.may("metric", names...) || private && o.denies("metric", names...) {
			return false
		}
	}
	return !slices.ContainsFunc(o.rows, func(row rowRule) bool { return o.governs(row, name) && !o.reaches(row, name) })
}

// governs reports whether a row filter is laid on questions about a metric: it speaks of it, or of one in its formula.
func (o oracle) governs(row rowRule, name string) bool {
	return len(row.metrics) == 0 || slices.ContainsFunc(append([]string{name}, o.world.inputs[name]...), func(m string) bool {
		return slices.ContainsFunc(row.metrics, func(glob string) bool { return glob1(glob, m) })
	})
}

// reaches reports whether a row filter can be laid on a question about a metric. The engine lays none on conversions.
func (o oracle) reaches(row rowRule, about string) bool {
	_, ok := o.world.named(row.field, about)
	return ok && !row.empty && !o.world.converts(about)
}

// converts reports whether conversions are in the formula of a metric.
func (u *universe) converts(name string) bool {
	formula := append([]string{name}, u.inputs[name]...)
	return slices.ContainsFunc(u.shop.parsed.Metrics, func(m metric.Metric) bool {
		return m.Kind == metric.Conversion && slices.Contains(formula, m.Name)
	})
}

// alone reports whether a field may be asked for without metrics: it and what row filters speak of are columns of one
// table.
func (o oracle) alone(name string) bool {
	if len(o.rows) == 0 {
		return true
	}
	if slices.ContainsFunc(o.rows, func(row rowRule) bool { return !o.reaches(row, "") }) {
		return false
	}
	return slices.ContainsFunc(o.world.shop.parsed.Models, func(m metric.Model) bool {
		own := map[string]bool{}
		for _, e := range m.Entities {
			own[e.Name] = true
		}
		for _, link := range o.world.links[m.Name] {
			for _, e := range m.Entities {
				own[link+"__"+e.Name] = true
			}
			for _, d := range m.Dimensions {
				own[link+"__"+d.Name] = true
			}
		}
		return own[name] && !slices.ContainsFunc(o.rows, func(row rowRule) bool { return !own[row.field] })
	})
}

// called are the other names of a field.
func (u *universe) called(f metric.Field) []string {
	names := []string{f.Name}
	if f.Name == metric.TimeField {
		return names
	}
	parts := strings.Split(f.Name, "__")
	shortest := 2
	if f.Kind == metric.EntityKey {
		shortest = 1
	}
	for i := 1; len(parts)-i >= shortest; i++ {
		names = append(names, strings.Join(parts[i:], "__"))
	}
	for _, o := range f.Origins {
		for _, link := range u.links[o.Model] {
			if link != o.Element {
				names = append(names, link+"__"+o.Element)
			}
		}
	}
	return names
}

func (o oracle) field(f metric.Field) bool {
	kind := "dimension"
	if f.Kind == metric.EntityKey {
		kind = "entity"
	}
	names := o.world.called(f)
	for _, from := range f.Origins {
		names = append(names, tag(from.Model, from.Element))
	}
	return o.may(kind, names...)
}

// named is what a name stands for in a question about a metric, "" for none.
func (u *universe) named(name, about string) (metric.Field, bool) {
	if f, ok := u.fields[about][name]; ok {
		return f, true
	}
	if at := strings.LastIndex(name, "__"); at > 0 {
		if f, ok := u.fields[about][name[:at]]; ok && slices.Contains(f.Grains, name[at+2:]) {
			return f, true
		}
	}
	return metric.Field{}, false
}

var (
	builders = regexp.MustCompile(`(?:Dimension|TimeDimension|Entity)\(['"]([^'"]+)`)
	byMetric = regexp.MustCompile(`Metric\(['"]([^'"]+)['"](?:, *group_by=\['([^']+)'\])?`)
)

// saved reports whether everything that a saved query names may be asked, and everything at all where it cannot be read.
func (o oracle) savedQuery(q metric.SavedQuery) bool {
	if !o.may("saved_query", q.Name, tag("saved_queries", q.Name)) || slices.ContainsFunc(q.Metrics, func(m string) bool { return !o.metric(m) }) {
		return false
	}
	text := strings.ToLower(strings.Join(slices.Concat(q.GroupBy, q.OrderBy, q.Where), "\n"))
	for _, row := range o.rows {
		governs := slices.ContainsFunc(q.Metrics, func(m string) bool { return o.governs(row, m) })
		if governs && slices.ContainsFunc(q.Metrics, func(m string) bool { return !o.reaches(row, m) }) {
			return false
		}
	}
	if strings.Contains(text, "{%") { // it might undo any row filter
		return len(o.rows) == 0 && o.everything()
	}
	var fields []string
	for _, found := range regexp.MustCompile("(?i)"+builders.String()).FindAllStringSubmatch(text, -1) {
		fields = append(fields, found[1])
	}
	for _, found := range regexp.MustCompile("(?i)"+byMetric.String()).FindAllStringSubmatch(text, -1) {
		if !o.metric(found[1]) {
			return false
		}
		if found[2] != "" {
			fields = append(fields, found[2])
		}
	}
	return !slices.ContainsFunc(fields, func(name string) bool {
		f, ok := o.world.named(name, q.Metrics[0])
		return !ok || !o.field(f)
	})
}

func (o oracle) everything() bool {
	for _, m := range o.world.metrics {
		if !o.metric(m) {
			return false
		}
	}
	for _, fields := range o.world.every {
		if slices.ContainsFunc(fields, func(f metric.Field) bool { return !o.field(f) }) {
			return false
		}
	}
	return true
}

// secrets are the words that no answer may hold unless the caller wrote them: names of what is hidden, and the words
// that describe it. A word that is also the name of something visible is none.
func (o oracle) secrets() map[string]bool {
	hidden, visible := map[string]bool{}, map[string]bool{}
	note := func(seen bool, words ...string) {
		for _, w := range words {
			if seen {
				visible[w] = true
			} else {
				hidden[w] = true
			}
		}
	}
	for _, m := range o.world.shop.parsed.Metrics {
		shown := o.metric(m.Name)
		if m.Private { // known to those who see a formula that has it
			shown = slices.ContainsFunc(o.world.metrics, func(n string) bool {
				return o.metric(n) && slices.Contains(o.world.inputs[n], m.Name)
			})
		}
		note(shown, m.Name)
		note(shown, prose("metrics", m.Name)...)
	}
	for _, q := range o.world.saved {
		note(o.savedQuery(q), q.Name)
		note(o.savedQuery(q), prose("saved_queries", q.Name)...)
	}
	for name, fields := range o.world.every {
		for _, f := range fields {
			seen := o.field(f)
			note(seen, name)
			parts := strings.Split(name, "__")
			if seen { // who sees a path sees what it leads through
				note(true, parts...)
			}
			for _, origin := range f.Origins {
				if name != metric.TimeField {
					note(seen, prose(origin.Model, origin.Element)...)
					note(seen, origin.Element)
				}
			}
		}
	}
	// Two words are Steward's own: every item has a name, and every metric a time.
	note(true, "name", metric.TimeField)
	maps.DeleteFunc(hidden, func(w string, _ bool) bool { return visible[w] })
	return hidden
}

func prose(of, name string) []string {
	stem := proseOf(of, name)
	return []string{stem + "_label", stem + "_text", stem + "_synonym"}
}

var word = regexp.MustCompile(`[\pL\pN_]+`)

// leaks are the secrets in a text that the caller's own words do not hold.
func leaks(text string, secrets map[string]bool, said string) []string {
	own := map[string]bool{}
	for _, w := range word.FindAllString(said, -1) {
		parts := strings.Split(strings.Trim(w, "_"), "__")
		for from := range parts { // who asks for a path says every path within it
			for to := from; to < len(parts); to++ {
				own[strings.Join(parts[from:to+1], "__")] = true
			}
		}
	}
	var found []string
	for _, w := range word.FindAllString(text, -1) {
		for _, w := range append(strings.Split(w, "__"), w, strings.TrimLeft(w, "_")) {
			if secrets[w] && !own[strings.Trim(w, "_")] && !slices.Contains(found, w) {
				found = append(found, w)
			}
		}
	}
	return found
}

// invented gives one or two personas, and the oracle for whoever has them all.
func invented(r *rand.Rand, u *universe) ([]access.Persona, oracle, access.Principal) {
	o := oracle{world: u}
	targets := u.targets()
	pick := func() string { return blurred(r, targets[r.IntN(len(targets))]) }
	p := access.Persona{Name: "first"}
	if r.IntN(4) == 0 { // a list of what is allowed
		for range 4 + r.IntN(12) {
			o.allow = append(o.allow, pick())
		}
		for _, kind := range []string{"metric:*", "dimension:*", "entity:*", "saved_query:*"} {
			if r.IntN(3) > 0 {
				o.allow = append(o.allow, kind)
			}
		}
	} else {
		o.allow = []string{"*:*"}
	}
	for range r.IntN(9) {
		o.deny = append(o.deny, pick())
	}
	p.Allow = []access.Rule{
		{Actions: []string{"tool.call"}, Targets: []string{"tool:*"}},
		{Actions: []string{"metric.query"}, Targets: slices.Clone(o.allow)},
	}
	if len(o.deny) > 0 {
		p.Deny = []access.Rule{{Actions: []string{"metric.*"}, Targets: slices.Clone(o.deny)}}
	}
	if r.IntN(3) == 0 {
		row, rule := inventedRow(r, u)
		p.Rows, o.rows = append(p.Rows, rule), append(o.rows, row)
	}
	if r.IntN(4) == 0 {
		p.Caps.MaxRows = 1 + r.IntN(5)
	}
	personas := []access.Persona{p}
	by := access.Local("someone", "first", "second", "nowhere")
	by.Attributes = map[string][]string{"held": {"2024-01-31"}}
	second := access.Persona{Name: "second"}
	if r.IntN(3) == 0 {
		more := []string{pick(), pick()}
		second.Allow = []access.Rule{{Actions: []string{"metric.query"}, Targets: more}}
		o.allow = append(o.allow, more...)
	}
	if r.IntN(3) == 0 {
		less := []string{pick()}
		second.Deny = []access.Rule{{Actions: []string{"*"}, Targets: less}}
		o.deny = append(o.deny, less...)
	}
	return append(personas, second), o, by
}

// inventedRow is a row filter on anything there is; the value is one that every field can be compared with.
func inventedRow(r *rand.Rand, u *universe) (rowRule, access.RowFilter) {
	f := u.every[pick(r, slices.Sorted(maps.Keys(u.every)))][0]
	row, rule := rowRule{field: f.Name}, access.RowFilter{Field: f.Name, Op: "=", Values: []string{"2024-01-31"}}
	switch r.IntN(4) {
	case 0:
		rule.Values, rule.Attribute = nil, "held"
	case 1:
		rule.Values, rule.Attribute, row.empty = nil, "missing", true
	}
	if r.IntN(3) == 0 {
		_, glob, _ := strings.Cut(blurred(r, "metric:"+pick(r, u.metrics)), ":")
		row.metrics, rule.Metrics = []string{glob}, []string{glob}
	}
	return row, rule
}

// targets is everything that a rule can speak of.
func (u *universe) targets() []string {
	all := map[string]bool{"metric:supplied_cost": true}
	for _, m := range u.metrics {
		all["metric:"+m] = true
		all["metric:"+tag("metrics", m)] = true
	}
	for name, fields := range u.every {
		kind := "dimension:"
		if fields[0].Kind == metric.EntityKey {
			kind = "entity:"
		}
		for _, n := range u.called(fields[0]) {
			all[kind+n] = true
		}
		for _, from := range fields[0].Origins {
			all[kind+tag(from.Model, from.Element)] = true
		}
		all[kind+name] = true
	}
	for _, q := range u.saved {
		all["saved_query:"+tag("saved_queries", q.Name)] = true
		all["saved_query:"+q.Name] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// blurred is a pattern that matches the target, and perhaps more.
func blurred(r *rand.Rand, target string) string {
	kind, name, _ := strings.Cut(target, ":")
	if strings.HasPrefix(name, tagged) {
		return target
	}
	cut := 1 + r.IntN(len(name))
	switch r.IntN(6) {
	case 0:
		return kind + ":" + name[:cut] + "*"
	case 1:
		return kind + ":*" + name[len(name)-cut:]
	case 2:
		return kind + ":" + name[:cut-1] + "?" + name[cut:]
	}
	return target
}
