package config

import (
	"fmt"
	"net"
	"slices"
)

// Difference is one way in which Steward does otherwise than mcp-metricflow did in the same environment.
type Difference struct {
	About string // a variable, or what clients notice it by
	Text  string // what is so now, what was before, and what to do about it
}

// Differences tells a former user of mcp-metricflow what is no longer as it was. It is empty for everybody else: it
// takes one of that server's own variables, compat or tool_suffix to be set. Call it with what Load has accepted.
func Differences(o Options) []Difference {
	l := read(o)
	if !l.migrating() {
		return nil
	}
	return slices.Concat(l.overruled(), l.listening(), l.asking())
}

// migrating looks for what nobody sets who has not come from mcp-metricflow. The variables of dbt are not that.
func (l *loader) migrating() bool {
	c := l.config
	return c.ToolSuffix != "" || c.Compat.Persona != "" || slices.ContainsFunc(
		[]string{formerHost, formerPort, formerKey, formerAuth, formerEngine, formerScratch},
		func(variable string) bool { return l.env[variable] != "" })
}

// overruled are variables that are set and have no effect.
func (l *loader) overruled() []Difference {
	var found []Difference
	say := func(variable, path string) {
		by := l.origins[path]
		if l.env[variable] != "" && !l.unheard(variable) && by.Variable != variable {
			found = append(found, Difference{variable, fmt.Sprintf("has no effect: %s is set by %s", path, by)})
		}
	}
	for _, a := range ambient {
		if a.path != "claude.api_key" { // mcp-metricflow talked to no model
			say(a.variable, a.path)
		}
	}
	if by := l.origins["server.listen"].Variable; by != formerHost && by != formerPort {
		say(formerHost, "server.listen")
		say(formerPort, "server.listen")
	}
	if l.env[formerScratch] != "" {
		found = append(found, Difference{formerScratch, "has no effect: Steward writes no result files"})
	}
	return found
}

// listening is about the listener and who gets past it.
func (l *loader) listening() []Difference {
	if l.stdio {
		return l.overStdio()
	}
	var found []Difference
	host, port, _ := net.SplitHostPort(l.config.Server.Listen) // checked
	if l.env[formerAuth] == "" && !l.config.Server.UnsafeNoAuth {
		found = append(found, Difference{formerAuth, "is not set, which means on; it meant off. Clients send Authorization: Bearer and a key: MCP_API_KEY, or one of `steward keys create`"})
	}
	if l.env[formerHost] == "" {
		found = append(found, Difference{formerHost, "is not set: the server listens on " + host + ", where it was 0.0.0.0"})
	}
	if l.env[formerPort] == "" {
		found = append(found, Difference{formerPort, "is not set: the port is " + port + ", where it was 8000"})
	}
	return append(found, Difference{"/sse", "MCP is served at /mcp, over streamable HTTP; give clients that address"})
}

func (l *loader) overStdio() []Difference {
	var found []Difference
	for _, variable := range []string{formerHost, formerPort, formerKey, formerAuth} {
		if l.env[variable] != "" {
			found = append(found, Difference{variable, "has no effect over stdio"})
		}
	}
	if len(l.config.Stdio.Personas) == 0 {
		found = append(found, Difference{"stdio.personas", "is empty, so the user of stdio may do nothing; who could start mcp-metricflow could do everything"})
	}
	return found
}

// asking is about questions and their answers.
func (l *loader) asking() []Difference {
	var found []Difference
	if l.config.ToolSuffix == "" {
		found = append(found, Difference{"tool names", "have no _tool behind them; tool_suffix: _tool brings it back"})
	}
	if l.env["DBT_PROFILES_DIR"] == "" && l.config.Metrics.ProfilesDir == "" {
		found = append(found, Difference{"DBT_PROFILES_DIR", "is not set: profiles.yml is looked for in the project first, and in ~/.dbt only then"})
	}
	return append(found,
		Difference{"session_id", "is a label that has no effect, where it named a file"},
		Difference{"rows", "come typed in structuredContent, where they were texts of a CSV file"},
		Difference{"errors", "are marked isError and have a code, where they looked like empty results"},
		Difference{"where", "is read by a grammar of conditions, where it was SQL"},
		Difference{"limit", fmt.Sprintf("is %d when a question has none, where it was 100", l.config.Metrics.DefaultLimit)},
		Difference{".env", "is not read; export its variables before the start"},
	)
}
