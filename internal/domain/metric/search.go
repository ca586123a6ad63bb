package metric

import "strings"

// Search is a set of words, all of which must occur.
type Search struct{ words []string }

// ParseSearch takes text apart at white space, without regard to case.
func ParseSearch(text string) Search { return Search{words: strings.Fields(strings.ToLower(text))} }

// IsZero reports whether s has no words; such a search matches everything.
func (s Search) IsZero() bool { return len(s.words) == 0 }

// Matches reports whether every word occurs, as a part and without regard to case, in some of the texts: "rev eu"
// matches a metric called revenue whose description mentions the EU.
func (s Search) Matches(texts ...string) bool {
	for _, word := range s.words {
		if !occurs(word, texts) {
			return false
		}
	}
	return true
}

func occurs(word string, texts []string) bool {
	for _, t := range texts {
		if strings.Contains(strings.ToLower(t), word) {
			return true
		}
	}
	return false
}

// Texts are what a search for a metric looks at.
func (m Metric) Texts() []string {
	return append([]string{m.Name, m.Label, m.Description}, m.Synonyms...)
}

// Texts are what a search for a dimension looks at.
func (d Dimension) Texts() []string {
	return append([]string{d.Name, d.Label, d.Description}, d.Synonyms...)
}

// Texts are what a search for an entity looks at.
func (e Entity) Texts() []string {
	return append(append([]string{e.Name, e.Label, e.Description}, e.Synonyms...), e.GroupBy()...)
}

// Texts are what a search for a saved query looks at.
func (q SavedQuery) Texts() []string {
	return append([]string{q.Name, q.Label, q.Description}, synonyms(q.Meta)...)
}

// synonyms reads the key "synonyms" of a config.meta: a list of strings, or one string with commas.
func synonyms(meta map[string]any) []string {
	var found []string
	add := func(text string) {
		if text = strings.TrimSpace(text); text != "" {
			found = append(found, text)
		}
	}
	switch value := meta["synonyms"].(type) {
	case string:
		for part := range strings.SplitSeq(value, ",") {
			add(part)
		}
	case []any:
		for _, element := range value {
			if text, ok := element.(string); ok {
				add(text)
			}
		}
	case []string:
		for _, text := range value {
			add(text)
		}
	}
	return found
}
