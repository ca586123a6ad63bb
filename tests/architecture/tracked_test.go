package architecture

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// tiedToAPlace are things that are true on one machine or in one moment only. The patterns are put together from
// parts so that this file does not match itself.
var tiedToAPlace = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{
		regexp.MustCompile(`(?:^|[\s"'=:(` + "`" + `])/` + `(?:work|root|Users)[/\s"']`),
		"a path of one machine; use one relative to the module",
	},
	{
		regexp.MustCompile(`registry\.` + `npmjs|proxy\.` + `golang\.org|sum\.` + `golang\.org|files\.` +
			`pythonhosted|pypi\.` + `org/simple`),
		"the host of a package registry; leave it to the machine's own settings",
	},
	{
		regexp.MustCompile(`--(?:extra-)?` + `index-url|"resolved": ` + `"http`),
		"a lock file bound to one registry; lock versions and hashes alone",
	},
	{
		regexp.MustCompile(`\bDESIGN ` + `§|\bnotes/` + `[a-z-]+\.md|\bissue ` + `#?\d`),
		"a pointer to a document that readers do not have; say the thing itself",
	},
}

// placeRule complains of lines in a file that hold only where they were written.
func placeRule(name string, content []byte) []string {
	if bytes.IndexByte(content, 0) >= 0 {
		return nil // not text
	}
	var complaints []string
	for n, line := range strings.Split(string(content), "\n") {
		for _, tie := range tiedToAPlace {
			if found := tie.pattern.FindString(line); found != "" {
				complaints = append(complaints, fmt.Sprintf("%s:%d: %q is %s", name, n+1, strings.TrimSpace(found), tie.instead))
			}
		}
	}
	return complaints
}

// tracked are the files that git keeps or would keep.
func tracked(t *testing.T) []string {
	t.Helper()
	out := run(t, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	names := strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
	if len(names) < 2 {
		t.Fatal("git lists no files; the test needs a checkout")
	}
	return names
}

// hereOnly are the folders of this very machine, which no pattern can know.
func hereOnly(t *testing.T) []string {
	t.Helper()
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	return []string{home + "/", root(t)}
}

func TestModule_HoldsOnEveryMachine(t *testing.T) {
	t.Parallel()
	here := hereOnly(t)
	for _, name := range tracked(t) {
		content, err := os.ReadFile(filepath.Join(root(t), name))
		if os.IsNotExist(err) {
			continue // deleted, and not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		holds(t, placeRule(name, content))
		for _, folder := range here {
			if bytes.Contains(content, []byte(folder)) {
				t.Errorf("%s contains %s, a folder of this machine", name, folder)
			}
		}
	}
}

func TestPlaceRule_Complains(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"see docs/operations.md":                                      "",
		"PATH=/usr/bin:/bin":                                          "",
		"the folder `/home` of the jail":                              "",
		"https://example.com/work/in/progress":                        "",
		"dir = \"/" + "work/main\"":                                   "path of one machine",
		"cd /" + "root/go":                                            "path of one machine",
		"cp x /" + "Users/ada/x":                                      "path of one machine",
		`"resolved": "` + `https://example.com/x.tgz"`:                "lock file",
		"https://registry." + "npmjs.org/x":                           "registry",
		"pip install --" + "index-url https://example.com":            "lock file",
		"as issue " + "3 says":                                        "readers do not have",
		"see notes/" + "platform.md":                                  "readers do not have",
		"\x00 binary \"/" + "work/main\"":                             "",
		"https://modelcontextprotocol.io/specification/2025-11-25/":   "",
		"`GOPROXY` decides where modules come from; see your own one": "",
	} {
		complains(t, placeRule("x", []byte(line)), want)
	}
}
