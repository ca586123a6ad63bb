package app

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
	"github.com/steward-mcp/steward/internal/infrastructure/certificate"
	"github.com/steward-mcp/steward/internal/infrastructure/clock"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/internal/infrastructure/metricflow/worker"
	"github.com/steward-mcp/steward/internal/infrastructure/oidc"
)

// Finding is one thing that doctor looked at.
type Finding struct {
	Name   string
	Status string // ok, warning, failed, skipped
	Text   string // what was found, or what is wrong
	Mend   string // what to do about it
}

// Examine looks at everything that a server with this configuration depends on, changing nothing.
func Examine(ctx context.Context, c config.Config) ([]Finding, error) {
	found := []Finding{examineJournal(ctx, c), examinePersonas(c), examineIssuers(ctx, c), examineCertificate(c), examineClaude(c)}
	if c.Metrics.ProjectDir == "" {
		return append(found, Finding{
			Name: "metrics", Status: "warning", Text: "No dbt project is configured, so there are no metric tools.",
			Mend: "set metrics.project_dir to the folder of a dbt project",
		}), nil
	}
	one := WorkerConfig(c.Metrics)
	one.Workers, one.Spare = 1, -1
	source, err := worker.New(one, clock.Now, zap.NewNop())
	if err != nil {
		return nil, err
	}
	defer source.Close()
	for _, check := range source.Inspect(ctx).Checks {
		text := check.Found
		if check.Reason != "" {
			text = check.Reason
		}
		found = append(found, Finding{Name: "metrics " + check.Name, Status: string(check.Status), Text: text, Mend: check.Mend})
	}
	return found, nil
}

func examineJournal(ctx context.Context, c config.Config) Finding {
	f := Finding{Name: "audit", Status: "ok", Text: "Every record holds."}
	for _, chain := range Chains(c) {
		report, err := chain.Verify(ctx, nil)
		switch {
		case errors.Is(err, auditlog.ErrNoJournal):
		case err != nil:
			f.Status, f.Text, f.Mend = "failed", err.Error(), "let the user that runs Steward read and write audit.dir"
		case report.Bad != nil:
			f.Status, f.Text = "failed", "The journal is not whole: "+report.Bad.Error()
			f.Mend = "keep a copy of the directory as evidence, and move it away before the next start"
		}
	}
	return f
}

func examinePersonas(c config.Config) Finding {
	if len(c.Personas) == 0 {
		return Finding{
			Name: "personas", Status: "warning", Text: "No persona is configured, so nobody may do anything.",
			Mend: "write at least one under personas; configs/example.yaml shows how",
		}
	}
	return Finding{Name: "personas", Status: "ok"}
}

func examineIssuers(ctx context.Context, c config.Config) Finding {
	if len(c.Auth.Issuers) == 0 {
		return Finding{Name: "issuers", Status: "ok", Text: "None is configured: clients need API keys, and access tokens are refused."}
	}
	f := Finding{Name: "issuers", Status: "ok", Text: "The keys of every issuer can be fetched."}
	issuers, err := c.Auth.Tokens()
	if err == nil {
		var v *oidc.Verifier
		if v, err = oidc.New(ctx, issuers, clock.Now, zap.NewNop()); err == nil {
			defer v.Close()
			err = v.Fetch(ctx)
		}
	}
	if err != nil {
		f.Status, f.Text = "failed", err.Error()
		f.Mend = "see that this machine reaches the issuers, directly or through auth.proxy, and that auth.issuers names them as their metadata does"
	}
	return f
}

func examineCertificate(c config.Config) Finding {
	const name = "certificate"
	if c.Server.TLS.CertFile == "" {
		return Finding{Name: name, Status: "ok", Text: "None is configured: the server speaks plain HTTP, to this machine or a proxy."}
	}
	files, err := newCertificate(c, clock.Now, zap.NewNop())
	if err == nil {
		err = files.Check()
	}
	switch {
	case errors.Is(err, certificate.ErrExpires):
		return Finding{Name: name, Status: "warning", Text: err.Error(), Mend: "replace server.tls.cert_file and server.tls.key_file; they are read again within seconds"}
	case err != nil:
		return Finding{
			Name: name, Status: "failed", Text: err.Error(),
			Mend: "see that server.tls.cert_file and server.tls.key_file are PEM, belong together, and that only their owner can read the key",
		}
	}
	return Finding{Name: name, Status: "ok", Text: "The certificate fits its key and has not expired."}
}

func examineClaude(c config.Config) Finding {
	if !c.Claude.APIKey.IsSet() {
		return Finding{
			Name: "claude", Status: "warning", Text: "There is no API key, so claude_conversation is not offered.",
			Mend: "set ANTHROPIC_API_KEY, or STEWARD_CLAUDE__API_KEY_FILE to a file that holds it",
		}
	}
	return Finding{Name: "claude", Status: "ok", Text: "A key is set; it is tried when the first conversation begins."}
}
