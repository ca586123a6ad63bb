package claude_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/steward-mcp/steward/internal/infrastructure/claude"
	"github.com/steward-mcp/steward/tests/aimock"
)

func TestClient_MeasuresRepliesByTheConventions(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	before := otel.GetMeterProvider()
	otel.SetMeterProvider(provider)
	defer otel.SetMeterProvider(before)
	c := client(t, claude.Config{Endpoint: aimock.Start(t).URL}, aimock.Key)
	if _, err := c.Reply(t.Context(), say("What is the capital of France?")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Reply(t.Context(), say("Overloaded.")); err == nil {
		t.Fatal("the overloaded provider answered")
	}
	var collected metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &collected); err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{} // metric, token or error type, count or sum
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Histogram[int64]:
				for _, p := range data.DataPoints {
					got[m.Name+" "+value(p.Attributes, "gen_ai.token.type")] = float64(p.Sum)
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					got[m.Name+" "+value(p.Attributes, "error.type")] = float64(p.Count)
				}
			}
		}
	}
	want := map[string]float64{
		"gen_ai.client.token.usage input":                                14,
		"gen_ai.client.token.usage output":                               3,
		"gen_ai.client.operation.duration ":                              1,
		"gen_ai.client.operation.duration conversation.model_overloaded": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

func value(set attribute.Set, key attribute.Key) string {
	v, _ := set.Value(key)
	return v.AsString()
}
