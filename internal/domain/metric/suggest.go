package metric

import (
	"cmp"
	"slices"
	"strings"
)

const (
	mostSuggestions = 6
	longestCompared = 80 // bytes of a name that take part in a comparison, which bounds its cost
)

// Suggest returns the names, at most six and nearest first, that a caller may have meant by name: those within a
// few edits of it or of its last element, and those of which one contains the other. It compares without regard
// to case, and answers nothing rather than something far-fetched.
func Suggest(name string, among []string) []string {
	type candidate struct {
		name     string
		distance int
	}
	asked := folded(name)
	var near []candidate
	for _, other := range among {
		if d, ok := nearness(asked, folded(other)); ok {
			near = append(near, candidate{other, d})
		}
	}
	slices.SortFunc(near, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), strings.Compare(a.name, b.name))
	})
	var names []string
	for _, c := range near {
		if len(names) == mostSuggestions {
			break
		}
		if !slices.Contains(names, c.name) {
			names = append(names, c.name)
		}
	}
	return names
}

func folded(name string) string {
	name = strings.ToLower(strings.TrimSpace(name))
	return name[:min(len(name), longestCompared)]
}

// nearness is smaller for names that are more alike, and false for those that are not.
func nearness(asked, other string) (int, bool) {
	if asked == "" || other == "" {
		return 0, false
	}
	d := distance(asked, other)
	last := distance(lastElement(asked), lastElement(other))
	allowed := max(2, min(len(asked), len(other))/3)
	contains := len(asked) > 2 && (strings.Contains(other, asked) || strings.Contains(asked, other))
	switch {
	case d <= allowed:
		return d, true
	case contains:
		return allowed + d, true
	case last <= len(lastElement(asked))/4 && strings.Contains(other, separator):
		return 2*allowed + d, true
	}
	return 0, false
}

func lastElement(name string) string {
	if at := strings.LastIndex(name, separator); at >= 0 {
		return name[at+len(separator):]
	}
	return name
}

// distance is the Levenshtein distance in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
