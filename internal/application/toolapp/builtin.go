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
		Bind: nothing(func(context.Context, access.Principal) tool.Result {
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
	Tokens    Tokens
}

// Tokens is what is left of those that a principal may spend on conversations in a day. The zero value says that there is no
// such bound, or no conversation.
type Tokens struct {
	PerDay    int64 `json:"per_day"`
	Remaining int64 `json:"remaining"`
}

type identity struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Personas []string `json:"personas"`
	Tools    []string `json:"tools"`
	Policy   string   `json:"policy"`
	Limits   limits   `json:"limits"`

	Expires         time.Time `json:"expires,omitzero"`
	Scope           []carried `json:"scope,omitempty"`
	RequiresPurpose bool      `json:"requires_purpose"`
}

// carried is one rule of what a credential is for.
type carried struct {
	Actions []string `json:"actions"`
	Targets []string `json:"targets"`
}

// carries is what a scope leaves of its principal's rights; nil when it leaves all.
func carries(s *access.Scope) []carried {
	if s == nil {
		return nil
	}
	rules := []carried{}
	for _, r := range s.Rules() {
		rules = append(rules, carried{Actions: r.Actions, Targets: r.Targets})
	}
	return rules
}

// limits is an Allowance on its way out: that nothing remains must be said, that there is no limit too.
type limits struct {
	Limited   bool `json:"limited"`
	PerMinute int  `json:"requests_per_minute,omitempty"`
	Burst     int  `json:"burst,omitempty"`
	Remaining *int `json:"remaining,omitempty"`

	Tokens *Tokens `json:"conversation_tokens,omitempty"`
}

func (a Allowance) limits() limits {
	l := limits{Limited: a.Limited}
	if a.Limited {
		l.PerMinute, l.Burst, l.Remaining = a.PerMinute, a.Burst, &a.Remaining
	}
	if a.Tokens.PerDay > 0 {
		l.Tokens = &a.Tokens
	}
	return l
}

func (a Allowance) String() string {
	text := "No rate limit applies to you."
	if a.Limited {
		text = fmt.Sprintf("%d calls are left to you at this moment, of %d a minute in bursts of at most %d.", a.Remaining, a.PerMinute, a.Burst)
	}
	if a.Tokens.PerDay > 0 {
		text += fmt.Sprintf(" %d tokens of conversation are left to you today (UTC), of %d a day.", a.Tokens.Remaining, a.Tokens.PerDay)
	}
	return text
}

// WhoAmI is the tool that tells a caller who it is taken for, until when and for what its credential holds, what it may call,
// what is asked of its calls, and what is left of its limits. visible is asked at each call, because it needs the catalog that
// this tool is part of.
func WhoAmI(policy access.DataPolicy, visible func(access.Principal) []string, left func(context.Context, access.Principal) Allowance) tool.Tool {
	return tool.Tool{
		Definition: tool.Definition{
			Name: "whoami", Title: "Who am I", Icon: "system",
			Description: "Tells who you are to this server and until when, which tools you may call, what your calls must say, and how many of them you have left.",
			InputSchema: schema("none.input"), OutputSchema: schema("whoami.output"),
			ReadOnly: true,
		},
		Bind: nothing(func(ctx context.Context, p access.Principal) tool.Result {
			allowance := left(ctx, p)
			me := identity{
				ID: p.ID(), Name: p.Name, Personas: append([]string{}, p.Personas...),
				Tools: visible(p), Policy: policy.Decide(p).Policy, Limits: allowance.limits(),
				Expires: p.Expires.UTC(), Scope: carries(p.Scope), RequiresPurpose: policy.Obligations(p).Purpose != "",
			}
			return tool.Result{Structured: me, Text: me.text(p, allowance)}
		}),
	}
}

func (me identity) text(p access.Principal, left Allowance) string {
	parts := []string{fmt.Sprintf("You are %s (%s), with the personas %s. You may call: %s. %s",
		me.Name, me.ID, listing(me.Personas), listing(me.Tools), left)}
	if !me.Expires.IsZero() {
		parts = append(parts, "Your credential holds until "+me.Expires.Format(time.RFC3339)+".")
	}
	if p.Scope != nil {
		var rules []string
		for _, r := range me.Scope {
			rules = append(rules, strings.Join(r.Actions, ",")+" "+strings.Join(r.Targets, ","))
		}
		parts = append(parts, "It is for no more than: "+listing(rules)+".")
	}
	if me.RequiresPurpose {
		parts = append(parts, `Each of your calls must say what it is for, as "steward/purpose" in _meta.`)
	}
	return strings.Join(parts, " ")
}

func listing(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// nothing binds a tool that takes no arguments and cannot fail.
func nothing(run func(context.Context, access.Principal) tool.Result) func(context.Context, access.Principal, json.RawMessage) (tool.Bound, error) {
	return func(_ context.Context, by access.Principal, _ json.RawMessage) (tool.Bound, error) {
		return tool.Bound{Run: func(ctx context.Context) (tool.Result, error) { return run(ctx, by), nil }}, nil
	}
}
