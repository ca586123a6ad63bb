package worker

import (
	"context"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

// validationKey tells validations apart that are asked for at the same time.
type validationKey struct {
	manifest string
	options  metric.ValidationOptions
}

// Validate implements metric.Validator. Identical validations that are asked for at the same time are made once.
func (s *Source) Validate(ctx context.Context, options metric.ValidationOptions) ([]metric.ValidationIssue, error) {
	s.Start(ctx)
	hash, err := s.manifests.Present(ctx)
	if err != nil {
		return nil, err
	}
	return s.validated.do(ctx, validationKey{hash, options}, func(ctx context.Context) ([]metric.ValidationIssue, error) {
		var issues []metric.ValidationIssue
		err := s.on(ctx, func(p *process) error {
			if err := s.hand(ctx, p, hash); err != nil {
				return err
			}
			metric.Progress(ctx)(metric.StageRunning)
			r, err := p.ask(ctx, request{
				Op: opValidate, Manifest: hash,
				SkipWarehouse: options.SkipWarehouse, ShowAll: options.ShowAll, TimeoutMS: options.Timeout.Milliseconds(),
			}, nil)
			if err == nil {
				issues = toIssues(r.Issues)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		return s.placed(ctx, issues), nil
	})
}

// placed adds where things are written down, which dbt no longer tells the engine.
func (s *Source) placed(ctx context.Context, issues []metric.ValidationIssue) []metric.ValidationIssue {
	for i := range issues {
		if issues[i].File != "" {
			continue
		}
		if at, found := s.manifests.Place(ctx, issues[i].Kind, issues[i].Name); found {
			issues[i].File, issues[i].Line = at.File, at.Line
		}
	}
	return issues
}

func toIssues(found []issue) []metric.ValidationIssue {
	issues := make([]metric.ValidationIssue, len(found))
	for i, f := range found {
		issues[i] = metric.ValidationIssue(f)
	}
	return issues
}
