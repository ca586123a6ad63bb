package config_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

func TestChanges_NamesEveryKeyAndNoValue(t *testing.T) {
	t.Parallel()
	before := config.Default()
	before.Claude.APIKey = config.NewSecret("one")
	same := config.Default()
	same.Claude.APIKey = config.NewSecret("one")
	if got := config.Changes(before, same); len(got) != 0 {
		t.Errorf("two readings of one file differ in %v", got)
	}
	after := same
	after.Claude.APIKey = config.NewSecret("two")
	after.Log.Level = "debug"
	after.Server.TLS.CertFile = "/elsewhere"
	after.Server.AllowedHosts = []string{"steward.example.com"}
	after.Metrics.Timeout = 3 * time.Second
	after.Personas = map[string]config.Persona{"p": {}}
	after.Auth.Issuers = []config.Issuer{{Issuer: "https://login.example.com"}}
	want := []string{
		"server.allowed_hosts", "server.tls.cert_file", "auth.issuers", "personas", "metrics.timeout", "claude.api_key", "log.level",
	}
	if diff := cmp.Diff(want, config.Changes(before, after)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}
