package toolapp

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

//go:embed schemas/*.json
var schemas embed.FS

// schema reads an embedded schema; a missing one is a programming error, found by the first test that lists tools.
func schema(name string) json.RawMessage {
	raw, err := schemas.ReadFile("schemas/" + name + ".json")
	if err != nil {
		panic(err) //nolint:forbidigo // the file is part of the binary
	}
	return raw
}

// Echo is the tool that says back what it is told: the cheapest way to see that a connection works from end to end.
func Echo() tool.Tool {
	return tool.Tool{
		Definition: tool.Definition{
			Name: "echo", Title: "Echo", Icon: "system",
			Description: "Says back the given text. Use it to check that the connection to this server works.",
			InputSchema: schema("echo.input"), OutputSchema: schema("echo.output"),
			ReadOnly: true, Idempotent: true,
		},
		Bind: func(_ context.Context, _ access.Principal, args json.RawMessage) (tool.Bound, error) {
			var in struct {
				Text string `json:"text"`
			}
			if err := json.Unmarshal(args, &in); err != nil {
				return tool.Bound{}, err
			}
			return tool.Bound{Run: func(context.Context) (tool.Result, error) {
				return tool.Result{Text: in.Text, Structured: in}, nil
			}}, nil
		},
	}
}

type systemInfo struct {
	Name         string    `json:"name"`
	Version      string    `json:"version"`
	GoVersion    string    `json:"go_version"`
	OS           string    `json:"os"`
	Architecture string    `json:"architecture"`
	Started      time.Time `json:"started"`
	Uptime       int64     `json:"uptime_seconds"`
}

// SystemInfo is the tool that tells what is running here. It names neither the host nor its user.
func SystemInfo(version string, now func() time.Time) tool.Tool {
	started := now().UTC().Truncate(time.Second)
	return tool.Tool{
		Definition: tool.Definition{
			Name: "system_info", Title: "System information", Icon: "system",
			Description: "Tells the version of this server, what it runs on, and since when.",
			InputSchema: schema("none.input"), OutputSchema: schema("system_info.output"),
			ReadOnly: true,
		},
		Bind: nothing(func(access.Principal) tool.Result {
			info := systemInfo{
				Name: "steward", Version: version, GoVersion: runtime.Version(), OS: runtime.GOOS,
				Architecture: runtime.GOARCH, Started: started, Uptime: int64(now().Sub(started).Seconds()),
			}
			return tool.Result{
				Structured: info,
				Text: fmt.Sprintf("Steward %s (%s, %s/%s), up since %s.",
					version, info.GoVersion, info.OS, info.Architecture, started.Format(time.RFC3339)),
			}
		}),
	}
}

// Allowance is what is left of a principal's budget of one class.
type Allowance struct {
	Limited   bool // the rest means nothing otherwise
	PerMinute int
	Burst     int
	Remaining int
}

type identity struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Personas []string `json:"personas"`
	Tools    []string `json:"tools"`
	Policy   string   `json:"policy"`
	Limits   limits   `json:"limits"`
}

// limits is an Allowance on its way out: that nothing remains must be said, that there is no limit too.
type limits struct {
	Limited   bool `json:"limited"`
	PerMinute int  `json:"requests_per_minute,omitempty"`
	Burst     int  `json:"burst,omitempty"`
	Remaining *int `json:"remaining,omitempty"`
}

func (a Allowance) limits() limits {
	if !a.Limited {
		return limits{}
	}
	return limits{Limited: true, PerMinute: a.PerMinute, Burst: a.Burst, Remaining: &a.Remaining}
}

func (a Allowance) String() string {
	if !a.Limited {
		return "No rate limit applies to you."
	}
	return fmt.Sprintf("%d calls are left to you at this moment, of %d a minute in bursts of at most %d.", a.Remaining, a.PerMinute, a.Burst)
}

// WhoAmI is the tool that tells a caller who it is taken for, what it may call, and what is left of its limits.
// visible is asked at each call, because it needs the catalog that this tool is part of.
func WhoAmI(policy access.Policy, visible func(access.Principal) []string, left func(access.Principal) Allowance) tool.Tool {
	return tool.Tool{
		Definition: tool.Definition{
			Name: "whoami", Title: "Who am I", Icon: "system",
			Description: "Tells who you are to this server, which tools you may call and how many calls you have left.",
			InputSchema: schema("none.input"), OutputSchema: schema("whoami.output"),
			ReadOnly: true,
		},
		Bind: nothing(func(p access.Principal) tool.Result {
			allowance := left(p)
			me := identity{
				ID: p.ID(), Name: p.Name, Personas: append([]string{}, p.Personas...),
				Tools: visible(p), Policy: policy.Decide(p).Policy, Limits: allowance.limits(),
			}
			return tool.Result{Structured: me, Text: fmt.Sprintf("You are %s (%s), with the personas %s. You may call: %s. %s",
				p.Name, me.ID, listing(me.Personas), listing(me.Tools), allowance)}
		}),
	}
}

func listing(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// nothing binds a tool that takes no arguments and cannot fail.
func nothing(run func(access.Principal) tool.Result) func(context.Context, access.Principal, json.RawMessage) (tool.Bound, error) {
	return func(_ context.Context, by access.Principal, _ json.RawMessage) (tool.Bound, error) {
		return tool.Bound{Run: func(context.Context) (tool.Result, error) { return run(by), nil }}, nil
	}
}
