package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
)

// Expectation is one row of a table of what a policy is meant to decide.
type Expectation struct {
	Name       string           `yaml:"name"` // for people
	As         texts            `yaml:"as"`   // personas
	Attributes map[string]texts `yaml:"attributes"`
	Scope      texts            `yaml:"scope"` // of the credential: "ACTION,... TARGET,..."
	Tool       string           `yaml:"tool"`
	Args       map[string]any   `yaml:"args"`
	Purpose    string           `yaml:"purpose"`
	Action     string           `yaml:"action"`
	Target     string           `yaml:"target"`
	Expect     string           `yaml:"expect"` // allowed or refused
	Rule       string           `yaml:"rule"`   // the deciding one; empty: any
}

// texts are a list, or one text.
type texts []string

// UnmarshalYAML implements yaml.InterfaceUnmarshaler.
func (t *texts) UnmarshalYAML(unmarshal func(any) error) error {
	var one string
	if err := unmarshal(&one); err == nil {
		*t = texts{one}
		return nil
	}
	var list []string
	err := unmarshal(&list)
	*t = list
	return err
}

// ReadExpectations reads a table, a YAML or JSON list. Keys that a row does not know are errors.
func ReadExpectations(text []byte) ([]Expectation, error) {
	var table []Expectation
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&table); err != nil {
		return nil, fmt.Errorf("the table cannot be read: %w", err)
	}
	for i, e := range table {
		switch {
		case e.Expect != "allowed" && e.Expect != "refused":
			return nil, fmt.Errorf("row %d: expect must be allowed or refused", i+1)
		case len(e.As) == 0:
			return nil, fmt.Errorf("row %d: as must name the personas", i+1)
		case (e.Tool == "") == (e.Action == "" && e.Target == ""):
			return nil, fmt.Errorf("row %d: either tool, or action and target", i+1)
		}
	}
	if len(table) == 0 {
		return nil, fmt.Errorf("the table has no rows")
	}
	return table, nil
}

// Asks is what the row asks.
func (e Expectation) Asks() (Asked, error) {
	a := Asked{Personas: e.As, Scope: e.Scope, Tool: e.Tool, Purpose: e.Purpose, Action: e.Action, Target: e.Target}
	for name, values := range e.Attributes {
		if a.Attributes == nil {
			a.Attributes = map[string][]string{}
		}
		a.Attributes[name] = values
	}
	if e.Args == nil {
		return a, nil
	}
	var err error
	a.Arguments, err = json.Marshal(e.Args)
	return a, err
}

// Title tells the row from others.
func (e Expectation) Title() string {
	if e.Name != "" {
		return e.Name
	}
	who := strings.Join(e.As, "+")
	if e.Tool == "" {
		return who + " " + e.Action + " " + e.Target
	}
	args, _ := json.Marshal(e.Args) // Asks has told what does not marshal
	return who + " " + e.Tool + " " + string(args)
}

// Hold reports whether the policy decides what e expects, and otherwise what it was expected to decide and does.
func (p *Policy) Hold(ctx context.Context, e Expectation) (holds bool, want, got string, err error) {
	asked, err := e.Asks()
	if err != nil {
		return false, "", "", err
	}
	r, err := p.Rule(ctx, asked)
	if err != nil {
		return false, "", "", err
	}
	want, got = e.Expect, "refused"
	if r.Allowed {
		got = "allowed"
	}
	holds = want == got && (e.Rule == "" || e.Rule == r.Rule)
	if e.Rule != "" {
		want += " by " + e.Rule
	}
	got += " by " + r.Rule
	if r.Told != nil {
		got += fmt.Sprintf(" (%s, %s)", r.DeniedBy, r.Told.Code)
	}
	return holds, want, got, nil
}
