// Package doctor looks at everything that a server depends on, and says how to mend what is wrong.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/steward-mcp/steward/cmd/steward/app"
	"github.com/steward-mcp/steward/internal/infrastructure/certificate"
	"github.com/steward-mcp/steward/internal/infrastructure/clock"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/internal/infrastructure/disk"
	"github.com/steward-mcp/steward/internal/infrastructure/metricflow/worker"
	"github.com/steward-mcp/steward/internal/infrastructure/oidc"
)

// What comes of looking at something. The checks of the engine have another one, skipped.
const (
	ok      = "ok"
	warning = "warning"
	failed  = "failed"
)

// Finding is one thing that doctor looked at.
type Finding struct {
	Name   string
	Status string // ok, warning, failed, skipped
	Text   string // what was found, or what is wrong
	Mend   string // what to do about it
}

// Doctor examines. The zero value is ready.
type Doctor struct {
	Now  func() time.Time                    // nil takes the clock
	Room func(dir string) (disk.Room, error) // nil asks the file system
}

// Examine looks at everything that a server with this configuration depends on, changing nothing.
func (d Doctor) Examine(ctx context.Context, c config.Config) ([]Finding, error) {
	if d.Now == nil {
		d.Now = clock.Now
	}
	if d.Room == nil {
		d.Room = disk.Measure
	}
	journal, last := examineJournal(ctx, c)
	found := []Finding{journal, examineKey(c)}
	found = append(found, d.examineDirectories(c)...)
	found = append(found, d.examineClock(c, last), examinePersonas(c), examineIssuers(ctx, c), d.examineCertificate(c), d.examineContact(c), examineClaude(c))
	metrics, err := examineMetrics(ctx, c)
	return append(found, metrics...), err
}

func examineMetrics(ctx context.Context, c config.Config) ([]Finding, error) {
	if c.Metrics.ProjectDir == "" {
		return []Finding{{
			Name: "metrics", Status: warning, Text: "No dbt project is configured, so there are no metric tools.",
			Mend: "set metrics.project_dir to the folder of a dbt project",
		}}, nil
	}
	one := app.WorkerConfig(c.Metrics)
	one.Workers, one.Spare = 1, -1
	source, err := worker.New(one, clock.Now, zap.NewNop())
	if err != nil {
		return nil, err
	}
	defer source.Close()
	var found []Finding
	for _, check := range source.Inspect(ctx).Checks {
		text := check.Found
		if check.Reason != "" {
			text = check.Reason
		}
		found = append(found, Finding{Name: "metrics " + check.Name, Status: string(check.Status), Text: text, Mend: check.Mend})
	}
	return found, nil
}

func examinePersonas(c config.Config) Finding {
	if len(c.Personas) == 0 {
		return Finding{
			Name: "personas", Status: warning, Text: "No persona is configured, so nobody may do anything.",
			Mend: "write at least one under personas; configs/example.yaml shows how",
		}
	}
	return Finding{Name: "personas", Status: ok, Text: fmt.Sprintf("Configured: %d.", len(c.Personas))}
}

func examineIssuers(ctx context.Context, c config.Config) Finding {
	if len(c.Auth.Issuers) == 0 {
		return Finding{Name: "issuers", Status: ok, Text: "None is configured: clients need API keys, and access tokens are refused."}
	}
	f := Finding{Name: "issuers", Status: ok, Text: "The keys of every issuer can be fetched."}
	issuers, err := c.Auth.Tokens()
	if err == nil {
		var v *oidc.Verifier
		if v, err = oidc.New(ctx, issuers, clock.Now, zap.NewNop()); err == nil {
			defer v.Close()
			err = v.Fetch(ctx)
		}
	}
	if err != nil {
		f.Status, f.Text = failed, err.Error()
		f.Mend = "see that this machine reaches the issuers, directly or through auth.proxy, and that auth.issuers names them as their metadata does"
	}
	return f
}

func (d Doctor) examineCertificate(c config.Config) Finding {
	const name = "certificate"
	if c.Server.TLS.CertFile == "" {
		return Finding{Name: name, Status: ok, Text: "None is configured: the server speaks plain HTTP, to this machine or a proxy."}
	}
	files, err := certificate.Open(c.Server.TLS.CertFile, c.Server.TLS.KeyFile, d.Now, zap.NewNop())
	if err == nil {
		err = files.Check()
	}
	const replace = "replace server.tls.cert_file and server.tls.key_file; they are read again within seconds"
	switch {
	case errors.Is(err, certificate.ErrExpires) && !d.Now().Before(files.Ends()):
		return Finding{Name: name, Status: failed, Text: "The certificate has expired.", Mend: replace}
	case errors.Is(err, certificate.ErrExpires):
		return Finding{Name: name, Status: warning, Text: "The certificate expires on " + files.Ends().UTC().Format(time.RFC3339) + ".", Mend: replace}
	case err != nil:
		return Finding{
			Name: name, Status: failed, Text: err.Error(),
			Mend: "see that server.tls.cert_file and server.tls.key_file are PEM, belong together, and that only their owner can read the key",
		}
	}
	return Finding{Name: name, Status: ok, Text: "The certificate fits its key, and holds until " + files.Ends().UTC().Format(time.RFC3339) + "."}
}

func (d Doctor) examineContact(c config.Config) Finding {
	const name = "security.txt"
	expires := app.ContactExpires(c)
	if !d.Now().Before(expires) {
		return Finding{
			Name: name, Status: warning, Text: "What it says has not held since " + expires.UTC().Format(time.RFC3339) + ".",
			Mend: "update Steward, or set server.security_txt.contact and server.security_txt.expires",
		}
	}
	return Finding{Name: name, Status: ok, Text: "It holds until " + expires.UTC().Format(time.RFC3339) + "."}
}

func examineClaude(c config.Config) Finding {
	if !c.Claude.APIKey.IsSet() {
		return Finding{
			Name: "claude", Status: warning, Text: "There is no API key, so claude_conversation is not offered.",
			Mend: "set ANTHROPIC_API_KEY, or STEWARD_CLAUDE__API_KEY_FILE to a file that holds it",
		}
	}
	return Finding{Name: "claude", Status: ok, Text: "A key is set; it is tried when the first conversation begins."}
}
