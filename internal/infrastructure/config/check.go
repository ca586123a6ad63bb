package config

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/go-playground/validator/v10"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/identity"
)

// Check loads the configuration only to say what is wrong with it: every Problem on a line of its own on out. It
// returns what Load does.
func Check(o Options, out io.Writer) error {
	_, err := Load(o)
	if err == nil {
		return nil
	}
	if _, writeErr := fmt.Fprintln(out, err); writeErr != nil {
		return errors.Join(err, writeErr)
	}
	return err
}

// check finds what is wrong with values that are well written.
func (l *loader) check() {
	l.checkFields()
	l.checkPersonas()
	l.checkStdio()
	l.checkListeners()
	l.checkTLS()
	l.checkAuthentication()
	l.checkModels()
	l.checkAuth()
}

// wrong reports a value, unless it could not even be read: then what is there is not what was written.
func (l *loader) wrong(path, reason string) {
	if !slices.ContainsFunc(l.problems, func(p Problem) bool { return p.Path == path }) {
		l.problem(l.origin(path), path, reason)
	}
}

func (l *loader) checkFields() {
	err := newValidator().Struct(l.config)
	violations, _ := errors.AsType[validator.ValidationErrors](err)
	for _, v := range violations {
		_, path, _ := strings.Cut(v.Namespace(), ".") // the first part is the type's name
		l.wrong(path, sentence(v))
	}
}

// sentence says what a rule wants. Rules without a parameter have their sentence in rules.
func sentence(v validator.FieldError) string {
	switch v.Tag() {
	case "required":
		return "must not be empty"
	case "unique":
		return "must not name anything twice"
	case "oneof":
		return "must be one of " + strings.ReplaceAll(v.Param(), " ", ", ")
	case "gte":
		return "must be at least " + v.Param()
	case "lte":
		return "must be at most " + v.Param()
	case "ltefield":
		return "must be at most " + sibling(v.Param())
	case "max":
		if v.Kind() == reflect.String {
			return "must have at most " + v.Param() + " characters"
		}
		return "must have at most " + v.Param() + " elements"
	}
	return rules[v.Tag()].sentence
}

// sibling is the key of a field that a rule names in Go.
func sibling(name string) string {
	for section := range reflect.TypeFor[Config]().Fields() {
		if section.Type.Kind() != reflect.Struct {
			continue
		}
		if f, ok := section.Type.FieldByName(name); ok {
			return yamlName(f)
		}
	}
	return name
}

func (l *loader) checkPersonas() {
	_, err := l.config.Policy()
	flaws, _ := errors.AsType[access.Flaws](err)
	for _, flaw := range flaws {
		l.wrong("personas."+flaw.Path, flaw.Reason.Message)
	}
}

const notPersona = "is not a persona that is defined under personas"

func (l *loader) checkStdio() {
	s := l.config.Stdio
	for i, name := range s.Personas {
		if _, ok := l.config.Personas[name]; !ok {
			l.wrong(fmt.Sprintf("stdio.personas[%d]", i), notPersona)
		}
	}
	if !identity.ValidAttributes(s.Claims()) {
		l.wrong("stdio.attributes", "must be at most 50 attributes of at most 100 values, each name and value 1 to 256 printable characters")
	}
}

// checkAuthentication sees to it that whoever is let in without a key of Steward's own has rights that are written
// down, and that nobody is let in without any key from another machine.
func (l *loader) checkAuthentication() {
	c := l.config
	if c.Compat.APIKey.IsSet() && !identity.ValidStaticSecret(c.Compat.APIKey.Reveal()) {
		l.wrong("compat.api_key", identity.ErrStaticSecret.Message)
	}
	_, defined := c.Personas[c.Compat.Persona]
	switch {
	case defined:
	case c.Compat.Persona != "":
		l.wrong("compat.persona", notPersona)
	case c.Compat.APIKey.IsSet():
		l.problem(l.origin("compat.api_key"), "compat.persona", "must name the persona under personas whose rights the holder of the key has, as in compat: {persona: analyst}")
	case c.Server.UnsafeNoAuth:
		l.problem(l.origin("server.unsafe_no_auth"), "compat.persona", "must name the persona under personas that callers without a key have, as in compat: {persona: analyst}")
	}
	if c.Server.UnsafeNoAuth && (c.Server.BehindTLSProxy || validAddress(c.Server.Listen) && !loopback(c.Server.Listen)) {
		l.wrong("server.unsafe_no_auth", "lets in whoever reaches the server, so it holds on loopback only, and not behind a proxy; take it away, and give clients keys")
	}
}

func (l *loader) checkModels() {
	c := l.config.Claude
	if len(c.Models) > 0 && !slices.Contains(c.Models, c.Model) {
		l.wrong("claude.model", "must be one of claude.models")
	}
}
