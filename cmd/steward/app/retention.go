package app

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/observe"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
	"github.com/steward-mcp/steward/internal/infrastructure/clock"
)

// Prune puts away what is older than before in the server's journal, whose lock it takes. It is an administrative act of
// whoever runs it, with an intent before the effect and an outcome after it.
func Prune(ctx context.Context, s Settings, before time.Time, archive string) (auditlog.Pruned, error) {
	journal, err := serverChain(s.Config).open(auditlog.Options{MaxSegmentBytes: s.Config.Audit.MaxSegmentBytes, Now: clock.Now})
	if err != nil {
		return auditlog.Pruned{}, err
	}
	p := pruning{journal: journal, now: clock.Now, actor: access.Local(userName(), operator), transport: "cli"}
	put, err := p.run(ctx, before, archive)
	if closed := journal.Close(context.WithoutCancel(ctx)); err == nil {
		err = closed
	}
	return put, err
}

// retention puts away what is older than the retention says, once a day from the start on, until ctx ends.
func retention(ctx context.Context, journal *auditlog.Journal, keep time.Duration, log *zap.Logger) {
	const daily = 24 * time.Hour
	p := pruning{journal: journal, now: clock.Now, actor: access.Local("steward"), transport: "internal"}
	prune := func(ctx context.Context) {
		put, err := p.run(ctx, clock.Now().Add(-keep), "")
		switch {
		case ctx.Err() != nil:
		case err != nil:
			log.Error("audit.retention", observe.Error(err))
		case put.Segments > 0:
			log.Info("audit.retention", zap.Int("segments", put.Segments), zap.Uint64("last_record", put.Last))
		}
	}
	prune(ctx)
	every(ctx, daily, prune)
}

// pruning is putting away on record.
type pruning struct {
	journal   *auditlog.Journal
	now       func() time.Time
	actor     access.Principal
	transport string
}

func (p pruning) run(ctx context.Context, before time.Time, archive string) (auditlog.Pruned, error) {
	r := audit.Record{
		Request: id.New[id.RequestKind]().String(), Actor: p.actor.ID(), Personas: p.actor.Personas, Transport: p.transport,
		Method: "audit prune", Action: "audit.prune", Target: "audit:journal",
	}
	announced := false
	put, err := p.journal.Prune(ctx, before, archive, func(put auditlog.Pruned) error {
		r.Time, r.Phase = p.now(), audit.Intent
		r.Detail = fmt.Sprintf("Records %d to %d, whose last hash is %s.", put.First, put.Last, put.Head)
		err := p.journal.Append(ctx, r)
		announced = err == nil
		return err
	})
	if !announced {
		return put, err
	}
	r.Time, r.Phase, r.Outcome = p.now(), audit.Closed, audit.OK
	if f := fault.From(err); f != nil {
		r.Outcome = f.Code
	}
	if lost := p.journal.Append(context.WithoutCancel(ctx), r); err == nil {
		err = lost
	}
	return put, err
}
