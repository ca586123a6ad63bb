package audit

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/steward-mcp/steward/internal/domain/access"
)

// Grant is one thing that a persona may do: one action and one target pattern of one of its allow rules.
type Grant struct {
	Rule   string `json:"rule"` // analyst/allow[0]
	Action string `json:"action"`
	Target string `json:"target"`
}

// Usage is what a persona's holders did with it.
type Usage struct {
	Persona string  `json:"persona"` // empty for requests of nobody in particular
	Actors  int     `json:"actors"`
	Allowed int64   `json:"allowed"` // requests that got what they asked for
	Unused  []Grant `json:"unused"`  // granted, and never needed by one of these; nil when it is not known what is granted
	Tools   []Count `json:"tools"`   // the ten that were used most
	Denied  []Count `json:"denied"`  // the ten that were refused most, each with why
	Refused int64   `json:"refused"` // requests that were refused
}

// Count is how often something was.
type Count struct {
	What  string `json:"what"`
	Times int64  `json:"times"`
}

const counted = 10 // of each list in a Usage

// Survey sums up records by persona. The zero value is not one; see NewSurvey. It is used by one goroutine.
type Survey struct {
	grants map[string][]granted
	of     map[string]*usage
}

type granted struct {
	Grant
	rules *access.RuleSet
	used  bool
}

type usage struct {
	actors           map[string]bool
	allowed, refused int64
	tools, denied    map[string]int64
}

// NewSurvey begins a survey of what these grants, by persona, are used for. Grants whose target speaks of tags are left
// out: records do not hold tags. It fails on a pattern that does not compile.
func NewSurvey(grants map[string][]Grant) (*Survey, error) {
	s := &Survey{grants: make(map[string][]granted, len(grants)), of: make(map[string]*usage)}
	for persona, all := range grants {
		s.usage(persona)
		for _, g := range all {
			if _, name, _ := strings.Cut(g.Target, ":"); strings.HasPrefix(name, "meta.") {
				continue
			}
			rules, err := access.Compile([]access.Persona{{
				Name: persona, Allow: []access.Rule{{Actions: []string{g.Action}, Targets: []string{g.Target}}},
			}})
			if err != nil {
				return nil, err
			}
			s.grants[persona] = append(s.grants[persona], granted{Grant: g, rules: rules})
		}
	}
	return s, nil
}

func (s *Survey) usage(persona string) *usage {
	u := s.of[persona]
	if u == nil {
		u = &usage{actors: map[string]bool{}, tools: map[string]int64{}, denied: map[string]int64{}}
		s.of[persona] = u
	}
	return u
}

// Add counts a record. One of an actor with several personas counts for each of them: which of them it was that allowed
// something does not matter when all do.
func (s *Survey) Add(r Record) {
	if r.Phase != Closed && r.Phase != Counted {
		return
	}
	personas := r.Personas
	if len(personas) == 0 {
		personas = []string{""}
	}
	times := max(1, r.Count)
	for _, persona := range personas {
		u := s.usage(persona)
		if r.Actor != "" {
			u.actors[r.Actor] = true
		}
		switch {
		case r.DeniedBy != "":
			u.refused += times
			u.denied[strings.TrimSpace(r.DeniedBy+": "+r.Outcome+" "+r.Target)] += times
		case r.Outcome == OK:
			u.allowed += times
			if name, ok := strings.CutPrefix(r.Target, "tool:"); ok {
				u.tools[name] += times
			}
			s.use(persona, r)
		}
	}
}

// use marks the grants that any demand of r needed.
func (s *Survey) use(persona string, r Record) {
	demands := append([]string{r.Action + " " + r.Target}, r.Demands...)
	grants := s.grants[persona]
	for i := range grants {
		for _, text := range demands {
			if grants[i].used {
				break
			}
			grants[i].used = grants[i].covers(persona, text)
		}
	}
}

// covers reports whether the grant alone would permit the demand, which is written as Demand.String does.
func (g *granted) covers(persona, demand string) bool {
	action, target, ok := strings.Cut(demand, " ")
	kind, name, isTarget := strings.Cut(target, ":")
	if !ok || !isTarget {
		return false
	}
	who := access.Principal{Issuer: "survey", Subject: "survey", Personas: []string{persona}}
	return g.rules.Decide(who, access.On(access.Action(action), kind, name)).Allowed
}

// Usages are the sums so far, by persona.
func (s *Survey) Usages() []Usage {
	all := make([]Usage, 0, len(s.of))
	for _, persona := range slices.Sorted(maps.Keys(s.of)) {
		u := s.of[persona]
		sum := Usage{
			Persona: persona, Actors: len(u.actors), Allowed: u.allowed, Refused: u.refused,
			Tools: most(u.tools), Denied: most(u.denied), Unused: []Grant{},
		}
		for _, g := range s.grants[persona] {
			if !g.used {
				sum.Unused = append(sum.Unused, g.Grant)
			}
		}
		all = append(all, sum)
	}
	return all
}

func most(of map[string]int64) []Count {
	counts := make([]Count, 0, len(of))
	for what, times := range of {
		counts = append(counts, Count{What: what, Times: times})
	}
	slices.SortFunc(counts, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Times, a.Times), cmp.Compare(a.What, b.What))
	})
	return counts[:min(len(counts), counted)]
}

// DefaultUnused is after how long a grant that nobody needed is worth a question.
const DefaultUnused = 90 * 24 * time.Hour
