package app

import (
	"context"
	"maps"
	"os/user"
	"slices"

	"go.uber.org/fx"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/identityapp"
	"github.com/steward-mcp/steward/internal/application/sessionapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	domain "github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

// operator is the persona of whoever may write the state directory: there is nothing there that Steward could keep
// from them. Their acts are on record all the same.
const operator = "operator"

// Acts are what an operator can do with the state.
type Acts struct {
	Keys     identityapp.Administration
	Sessions sessionapp.Administration
}

// Administer locks the state, hands what can be done with it to act, and lets go of everything again. It fails when a
// server holds the state. about is what is acted on, as the record names it: keys, sessions.
func Administer(ctx context.Context, s Settings, about string, act func(context.Context, Acts, access.Principal) error) error {
	var acts Acts
	var records *cqrs.Recorder
	a := fx.New(
		fx.Supply(s, s.Config), fx.NopLogger,
		platform, identityModule, sessionModule,
		fx.Provide(
			fx.Annotate(operatorPolicy, fx.As(new(access.Policy))),
		),
		fx.Populate(&acts.Keys, &acts.Sessions, &records),
	)
	if err := a.Err(); err != nil {
		return rootCause(err)
	}
	if err := a.Start(ctx); err != nil {
		return rootCause(err)
	}
	ctx, _ = records.Open(ctx, cqrs.Arrival{Transport: "cli", Method: about})
	err := act(ctx, acts, access.Local(userName(), operator))
	if stopped := a.Stop(context.WithoutCancel(ctx)); err == nil {
		err = stopped
	}
	return err
}

func newAdministration(g *cqrs.Gate, r domain.Repository, authority domain.Authority, c config.Config, n now) identityapp.Administration {
	return identityapp.NewAdministration(g, r, authority, slices.Sorted(maps.Keys(c.Personas)), n)
}

func operatorPolicy() (*access.RuleSet, error) {
	everything := []access.Rule{{Actions: []string{"*"}, Targets: []string{"*"}}}
	return access.Compile([]access.Persona{{Name: operator, Allow: everything}})
}

func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}
