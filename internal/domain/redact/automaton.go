package redact

// pattern is a text to look for, and what to do where it is found.
type pattern struct {
	text   string // in lower case
	class  Class
	exact  bool // it is a secret whatever stands around it, so that it goes from results too
	extend func(s *scanning, found span) (span, bool)
}

// automaton finds all occurrences of many texts in one pass (Aho and Corasick, 1975), as a table: one look-up for each
// byte. It takes capitals for small letters.
type automaton struct {
	class   [256]int32 // column of a byte
	width   int32      // columns
	next    []int32    // row of a state, plus column: the next row, with hit where a pattern ends
	ends    [][]int32  // patterns that end in a state
	longest int        // length of the longest pattern
}

const hit = 1 << 30

func newAutomaton(patterns []pattern, take func(pattern) bool) *automaton {
	a := &automaton{}
	for _, p := range patterns {
		if take(p) {
			a.columns(p.text)
		}
	}
	a.width++ // column 0 is for bytes that no pattern has
	for c := 'A'; c <= 'Z'; c++ {
		a.class[c] = a.class[lower(byte(c))]
	}
	a.grow()
	for i, p := range patterns {
		if take(p) {
			a.insert(p.text, int32(i))
		}
	}
	a.close()
	return a
}

func (a *automaton) columns(text string) {
	a.longest = max(a.longest, len(text))
	for i := range len(text) {
		if b := text[i]; a.class[b] == 0 {
			a.width++
			a.class[b] = a.width
		}
	}
}

func (a *automaton) grow() (row int32) {
	row = int32(len(a.next)) //nolint:gosec // the texts of all secrets have some kilobytes
	a.next = append(a.next, make([]int32, a.width)...)
	a.ends = append(a.ends, nil)
	return row
}

func (a *automaton) insert(text string, pattern int32) {
	state := int32(0)
	for i := range len(text) {
		at := state + a.class[text[i]]
		if a.next[at] == 0 {
			row := a.grow()
			a.next[at] = row
		}
		state = a.next[at]
	}
	a.ends[state/a.width] = append(a.ends[state/a.width], pattern)
}

// close turns the tree into the table: where a text cannot go on, the longest end of what was read that begins a text
// does.
func (a *automaton) close() {
	back := make([]int32, len(a.ends)) // by state: the row to go on from
	var queue []int32
	for c := range a.width {
		if row := a.next[c]; row != 0 {
			queue = append(queue, row)
		}
	}
	for len(queue) > 0 {
		row := queue[0]
		queue = queue[1:]
		from := back[row/a.width]
		a.ends[row/a.width] = append(a.ends[row/a.width], a.ends[from/a.width]...)
		for c := range a.width {
			child := a.next[row+c]
			if child == 0 {
				a.next[row+c] = a.next[from+c]
				continue
			}
			back[child/a.width] = a.next[from+c]
			queue = append(queue, child)
		}
	}
	for i, row := range a.next {
		if len(a.ends[row/a.width]) > 0 {
			a.next[i] = row | hit
		}
	}
}

// first is where the first occurrence ends, or -1.
func first[T string | []byte](a *automaton, text T) int {
	state := int32(0)
	for i := range len(text) {
		state = a.next[state+a.class[text[i]]]
		if state&hit != 0 {
			return i
		}
	}
	return -1
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}
