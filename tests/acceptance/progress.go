package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// score counts answers and shows how far they are: a line that moves on a terminal, elsewhere a line a manifest. What
// fails is printed as it comes, and named again at the end.
type score struct {
	out      io.Writer
	terminal bool
	begun    time.Time

	all, passed int
	listed      int      // of those that passed: refused by the engine, as the list says
	failed      []string // names
	missing     error    // why the run could not come to its end
}

func newScore(out *os.File) *score {
	info, err := out.Stat()
	return &score{out: out, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0, begun: time.Now()}
}

func (s *score) note(name string, err error) {
	if err == nil {
		s.passed++
	} else {
		s.failed = append(s.failed, name)
		s.line("FAIL %s: %v", name, err)
	}
	s.draw(name)
}

// line prints a line of its own.
func (s *score) line(format string, args ...any) {
	if s.terminal {
		_, _ = fmt.Fprint(s.out, "\r\033[K")
	}
	_, _ = fmt.Fprintf(s.out, format+"\n", args...)
}

// draw renews the bar.
func (s *score) draw(what string) {
	if !s.terminal || s.all == 0 {
		return
	}
	const width, longest = 24, 60
	done := s.passed + len(s.failed)
	filled := min(width, width*done/s.all)
	_, _ = fmt.Fprintf(s.out, "\r\033[K[%s%s] %d/%d %s %.*s", strings.Repeat("#", filled), strings.Repeat(".", width-filled),
		done, s.all, s.elapsed(), longest, what)
}

func (s *score) elapsed() time.Duration { return time.Since(s.begun).Round(time.Second) }

// end prints the summary and reports whether all is well.
func (s *score) end(warehouse string) bool {
	if s.missing != nil {
		s.line("acceptance: %v", s.missing)
	}
	for _, name := range s.failed {
		s.line("failed: %s", name)
	}
	if s.listed > 0 {
		s.line("%d of the questions are refused by the engine on %s, as listed", s.listed, warehouse)
	}
	// The last line is read by scripts.
	s.line("passed %d of %d on %s, failed %d, in %s", s.passed, s.all, warehouse, len(s.failed), s.elapsed())
	return s.missing == nil && len(s.failed) == 0 && s.passed == s.all && s.passed > 0
}
