package config

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// Variables of mcp-metricflow that set no key of their own.
const (
	formerHost    = "MCP_HOST"
	formerPort    = "MCP_PORT"
	formerKey     = "MCP_API_KEY"
	formerAuth    = "MCP_REQUIRE_AUTH"
	formerEngine  = "MF_PATH"
	formerScratch = "MF_TMP_DIR" // results are never files here, so it says nothing
)

// unheard reports whether a variable of mcp-metricflow is about listening and nobody listens. Its users set such
// variables for both of its transports alike, and stdio must not fail over them.
func (l *loader) unheard(variable string) bool { return l.stdio && strings.HasPrefix(variable, "MCP_") }

// formerAddress makes server.listen of MCP_HOST and MCP_PORT, unless something of Steward's own has set it. What the
// two leave out is as Steward has it, not as mcp-metricflow did.
func (l *loader) formerAddress() {
	host, port := l.env[formerHost], l.env[formerPort]
	if _, taken := l.origins["server.listen"]; taken || l.unheard(formerHost) || host == "" && port == "" {
		return
	}
	ownHost, ownPort, _ := net.SplitHostPort(l.config.Server.Listen) // a default, so it is an address
	at := Origin{Variable: formerHost}
	switch {
	case host == "":
		host, at = ownHost, Origin{Variable: formerPort}
	case !validIP(host):
		l.problem(at, "server.listen", "must be an IP address or localhost")
		host = ownHost
	}
	switch {
	case port == "":
		port = ownPort
	case !validPort(port):
		l.problem(Origin{Variable: formerPort}, "server.listen", "must be a port, 0 to 65535")
		port = ownPort
	}
	l.origins["server.listen"] = at
	l.config.Server.Listen = net.JoinHostPort(host, port)
}

func validIP(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil || host == "localhost"
}

// formerAuthentication holds MCP_REQUIRE_AUTH against server.unsafe_no_auth: the variable alone cannot open the server,
// as it could by its absence at mcp-metricflow.
func (l *loader) formerAuthentication() {
	if l.unheard(formerAuth) {
		return
	}
	at, open := Origin{Variable: formerAuth}, l.config.Server.UnsafeNoAuth
	switch strings.ToLower(l.env[formerAuth]) {
	case "":
	case "true", "1", "yes", "on":
		if open {
			l.problem(at, "server.unsafe_no_auth", "takes away the authentication that the variable asks for; unset one of them")
		}
	case "false", "0", "no", "off":
		if !open {
			l.problem(at, "server.unsafe_no_auth", "must be true for authentication to be off, on loopback and with a compat.persona; or unset the variable, and give clients a key")
		}
	default:
		l.problem(at, "", notBool)
	}
}

// atHome puts the home directory where the text has ~, as a shell would have done: the variables are often set by
// programs that are none.
func (l *loader) atHome(text string) (value, reason string) {
	rest, below := strings.CutPrefix(text, "~"+string(filepath.Separator))
	if home := l.env["HOME"]; filepath.IsAbs(home) && (below || text == "~") {
		if text == "~" {
			rest = ""
		}
		return filepath.Join(home, rest), ""
	}
	return text, ""
}

// interpreterBeside finds the Python of the environment that an mf belongs to: its neighbour, or, where mf is a link
// and has none, the neighbour of what it leads to. A bare name is looked for in PATH.
func (l *loader) interpreterBeside(text string) (python, reason string) {
	mf, _ := l.atHome(text)
	if !strings.ContainsRune(mf, filepath.Separator) {
		if mf = l.inPath(mf); mf == "" {
			return "", "names no program in PATH; name mf with its folder, or the interpreter in metrics.python"
		}
	}
	folders := []string{filepath.Dir(mf)}
	if target, err := filepath.EvalSymlinks(mf); err == nil {
		folders = append(folders, filepath.Dir(target))
	}
	for _, folder := range folders {
		for _, name := range []string{"python", "python3"} {
			if candidate := filepath.Join(folder, name); executable(candidate) {
				return candidate, ""
			}
		}
	}
	return "", "there is no python beside it; name the interpreter that has dbt-metricflow in metrics.python"
}

func (l *loader) inPath(program string) string {
	for _, folder := range filepath.SplitList(l.env["PATH"]) {
		// Relative entries are left out, as os/exec does.
		if candidate := filepath.Join(folder, program); filepath.IsAbs(folder) && executable(candidate) {
			return candidate
		}
	}
	return ""
}

func executable(name string) bool {
	const anyone = 0o111
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&anyone != 0
}
