package metricapp_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/application/metricapp/metricapptest"
	"github.com/steward-mcp/steward/internal/domain/access"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var analyst = metricapptest.Analyst

type deny = metricapptest.Deny

func view(t *testing.T, policy access.DataPolicy) *metricapp.View {
	t.Helper()
	return metricapp.NewView(metricapptest.Shop(t), policy, analyst)
}
