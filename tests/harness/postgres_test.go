package harness_test

import (
	"strings"
	"testing"

	"github.com/steward-mcp/steward/tests/harness"
)

func TestPostgres_ServesUntilItIsStopped(t *testing.T) {
	t.Parallel()
	first, err := harness.StartPostgres(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, err := harness.StartPostgres(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	shop, err := first.Create(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := shop.Run(t.Context(), "select current_database(), 1;\nselect current_setting('lc_collate')"); err != nil || got != "shop|1\nC" {
		t.Errorf("answered %q, %v", got, err)
	}
	if _, err := shop.Run(t.Context(), "select 1/0"); err == nil || !strings.Contains(err.Error(), "division by zero") {
		t.Errorf("an error of the script: %v", err)
	}
	shop.Password = "guessed"
	if _, err := shop.Run(t.Context(), "select 1"); err == nil || !strings.Contains(err.Error(), "password") {
		t.Errorf("a wrong password: %v", err)
	}
	if err := first.Stop(); err != nil {
		t.Errorf("stop: %v\n%s", err, first.Log())
	}
	if got, err := second.Run(t.Context(), "select 2"); err != nil || got != "2" {
		t.Errorf("the other server answered %q, %v", got, err)
	}
	if err := second.Stop(); err != nil {
		t.Errorf("stop: %v\n%s", err, second.Log())
	}
	if _, err := second.Run(t.Context(), "select 2"); err == nil {
		t.Error("a stopped server still answers")
	}
}
