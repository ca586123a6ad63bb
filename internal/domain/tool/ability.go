package tool

import (
	"context"
	"errors"
	"fmt"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// ErrIncapable is what a use comes to that asks what its client cannot answer. Its reason is a Lacking.
var ErrIncapable = fault.New(fault.Precondition, "tool.capability_missing", "This needs a client that can do more.")

// Abilities are the kinds of Question that a client can answer. A use that asks others comes to ErrIncapable, so only one that
// has a choice needs to look.
type Abilities struct {
	Forms, Visits, Samples, Roots bool
}

// Lacking is the reason of an ErrIncapable: what the client would have to be able to answer.
type Lacking struct{ Abilities }

func (Lacking) Error() string { return "abilities that the client lacks" }

type abilitiesKey struct{}

// WithAbilities tells a use what the client can answer.
func WithAbilities(ctx context.Context, a Abilities) context.Context {
	if a == AbilitiesOf(ctx) {
		return ctx
	}
	return context.WithValue(ctx, abilitiesKey{}, a)
}

// AbilitiesOf tells what the client can answer.
func AbilitiesOf(ctx context.Context) Abilities {
	a, _ := ctx.Value(abilitiesKey{}).(Abilities)
	return a
}

// MaxRounds is how often one use may ask.
const MaxRounds = 10

// ErrRounds ends a use that asks more often than MaxRounds, and the task that it has become.
var ErrRounds = fault.New(fault.Precondition, "tool.rounds", "This asked for input too often; begin again.")

// Bounds of one Ask.
const (
	maxQuestions = 16
	maxKey       = 64      // bytes of the key of a question
	maxState     = 8 << 10 // bytes
)

// Asked is what a use came to: err, unless that asks something. Then it is ErrIncapable if the client of ctx cannot answer, and
// an error of the tool's if it asked wrongly.
func Asked(ctx context.Context, err error) error {
	asking, ok := AskedBy(err)
	if !ok {
		return err
	}
	if err := asking.check(); err != nil {
		return fault.ErrInternal.Because(err)
	}
	if lacking := asking.needs().without(AbilitiesOf(ctx)); lacking != (Abilities{}) {
		return ErrIncapable.Because(Lacking{lacking})
	}
	return err
}

func (a *Asking) check() error {
	if len(a.Questions) == 0 || len(a.Questions) > maxQuestions {
		return fmt.Errorf("a tool asks %d questions at once; 1 to %d are allowed", len(a.Questions), maxQuestions)
	}
	if len(a.State) > maxState {
		return fmt.Errorf("a tool keeps %d bytes of state; %d are allowed", len(a.State), maxState)
	}
	for key, question := range a.Questions {
		if key == "" || len(key) > maxKey || question == nil {
			return errors.New("a tool asks nothing, or under a key of a wrong length")
		}
	}
	return nil
}

func (a *Asking) needs() Abilities {
	var n Abilities
	for _, question := range a.Questions {
		switch question.(type) {
		case Form:
			n.Forms = true
		case Visit:
			n.Visits = true
		case Sample:
			n.Samples = true
		case Roots:
			n.Roots = true
		}
	}
	return n
}

func (a Abilities) without(b Abilities) Abilities {
	return Abilities{
		Forms: a.Forms && !b.Forms, Visits: a.Visits && !b.Visits, Samples: a.Samples && !b.Samples, Roots: a.Roots && !b.Roots,
	}
}
