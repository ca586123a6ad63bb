// Package access is the language in which every context says who wants to do what, and in which policy answers:
// principals, demands, decisions. It knows nothing of how a principal proved who it is (identity) nor of where
// personas are written down (configuration).
package access

import (
	"encoding/json"
	"strings"
	"time"
)

// Principal is who acts. It is a value; handlers receive it as part of the message.
type Principal struct {
	Issuer     string              // who vouches: "key", "local", "anonymous", "system", or a token issuer's URL
	Subject    string              // whom the issuer means: a key id, a user name, a token's sub
	Name       string              // for people to read; never compared
	Personas   []string            // names of personas; the principal has the union of their rights
	Attributes map[string][]string // claims or key attributes, for policies that depend on the person
	Client     string              // the OAuth client that acts for the subject, by its issuer's word; empty for others
	Scope      *Scope              // what the credential presented is for; nil for all that the personas allow
	Expires    time.Time           // from when on the credential is refused; zero when it does not end by itself
	Expiring   time.Time           // the same, if that is soon enough to say so; zero otherwise
	Under      *RuleSet            // the policy of the request that the principal is making, if a Switch has settled it
}

// ID is what state belongs to: issuer and subject, never the bytes of a credential.
func (p Principal) ID() string { return p.Issuer + ":" + p.Subject }

// IsZero reports whether p is nobody at all. Nobody is permitted anything.
func (p Principal) IsZero() bool { return p.Issuer == "" && p.Subject == "" }

// Local is the user at a stdio transport, whose personas come from configuration.
func Local(subject string, personas ...string) Principal {
	return Principal{Issuer: "local", Subject: subject, Name: subject, Personas: personas}
}

// Action is what a principal wants to do, as context.verb: tool.call, metric.query.
type Action string

// Target is what an action is done to. Aliases are other names of the same thing: a deny that matches any of
// them denies, an allow that matches any of them allows. A dimension has one alias per path that leads to it. Tags are
// what the authors of a project say of it, as key or key=value; rules on tags are matched with them in the same way.
type Target struct {
	Kind    string // tool, metric, dimension, entity, saved_query, conversation
	Name    string
	Aliases []string
	Tags    []string
}

// String is the form that rules match and records show: kind:name.
func (t Target) String() string { return t.Kind + ":" + t.Name }

// Demand is one thing that a call needs to be permitted.
type Demand struct {
	Action    Action
	Target    Target
	Arguments json.RawMessage // of a tool call, an object; nil when it is asked whether any call could be permitted
}

// On makes a demand.
func On(action Action, kind, name string, aliases ...string) Demand {
	return Demand{Action: action, Target: Target{Kind: kind, Name: name, Aliases: aliases}}
}

// Tagged is d with the tags of its target.
func (d Demand) Tagged(tags []string) Demand {
	d.Target.Tags = tags
	return d
}

// With is d as the demand of a call with these arguments; none are {}.
func (d Demand) With(arguments json.RawMessage) Demand {
	if d.Arguments = arguments; len(arguments) == 0 {
		d.Arguments = json.RawMessage("{}")
	}
	return d
}

// Bare is d whatever the arguments are: refused only if no call could be permitted.
func (d Demand) Bare() Demand {
	d.Arguments = nil
	return d
}

func (d Demand) String() string {
	return strings.Join([]string{string(d.Action), d.Target.String()}, " ")
}

// Decision is the answer to a set of demands. The zero value denies.
type Decision struct {
	Allowed bool
	Rule    string // the rule that decided, "persona/allow[2]"; ByDefault when none spoke
	Denied  Demand // the demand that was refused, the least of them if several were; zero when Allowed
	Policy  string // content hash of the policy that decided
}

// Policy decides. An implementation is pure and safe for concurrent use: the same principal and demands under
// the same policy hash give the same decision, whatever came before and in whatever order the demands stand.
type Policy interface {
	// Decide allows only when every demand is allowed by some persona of p and denied by none.
	Decide(p Principal, demands ...Demand) Decision
}

// DataPolicy is a Policy that also bounds what is in the answers to permitted questions.
type DataPolicy interface {
	Policy
	// Obligations are what p's personas ask of everything that they allow.
	Obligations(p Principal) Obligations
}
