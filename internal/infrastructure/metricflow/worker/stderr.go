package worker

import (
	"bufio"
	"os"
	"regexp"
	"strings"
	"unicode"

	"go.uber.org/zap"
)

// longestLine bounds what one line of the worker's stderr may add to the log; the rest of the line is dropped.
const longestLine = 2000

func logLines(from *os.File, log *zap.Logger, redact *strings.Replacer) {
	lines := bufio.NewReaderSize(from, longestLine)
	for {
		line, more, err := lines.ReadLine()
		if len(line) > 0 {
			log.Debug("metrics worker", zap.String("line", redact.Replace(printable(string(line)))))
		}
		for more && err == nil {
			_, more, err = lines.ReadLine()
		}
		if err != nil {
			return
		}
	}
}

// printable drops what would colour or move a terminal's cursor.
func printable(line string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, ansi.ReplaceAllString(line, ""))
}

var ansi = regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]`)
