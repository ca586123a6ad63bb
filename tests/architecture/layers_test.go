package architecture

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// kernel is what every context speaks.
var kernel = []string{
	"internal/domain/access", "internal/domain/event", "internal/domain/fault", "internal/domain/id",
}

// layer is a part of the module, and the other parts that it may import.
type layer struct {
	folder string
	may    []string
}

// layers are all parts there are. Among the contexts of one layer, contexts.txt has more to say.
var layers = []layer{
	{"internal/domain", kernel},
	{"internal/application", []string{"internal/domain", "internal/application"}},
	// Of the application, infrastructure knows only the names under which things are observed.
	{"internal/infrastructure", []string{"internal/domain", "internal/infrastructure", "internal/application/observe"}},
	{"internal/presentation", []string{"internal/domain", "internal/application", "internal/presentation"}},
	{"cmd", []string{"internal", "cmd", "configs"}},
	{"configs", nil},
	{"tests", []string{"internal", "cmd", "configs", "tests"}},
}

// layerRule complains of imports that point outward.
func layerRule(packages []pkg) []string {
	var complaints []string
	for _, p := range packages {
		i := slices.IndexFunc(layers, func(l layer) bool { return p.inside(l.folder) })
		if i < 0 {
			complaints = append(complaints, fmt.Sprintf("%s lies in no layer; move it into one of those in layers_test.go", p.path))
			continue
		}
		for _, imported := range p.imports() {
			if ours(imported) && !allowed(p, imported, layers[i].may) {
				complaints = append(complaints, fmt.Sprintf(
					"%s imports %s; %s may import only %s", p.path, imported, layers[i].folder, strings.Join(layers[i].may, ", ")))
			}
		}
	}
	return complaints
}

func allowed(p pkg, imported string, may []string) bool {
	if slices.ContainsFunc(may, func(folder string) bool { return within(imported, folder) }) {
		return true
	}
	// A context's contract suite, and what it keeps in folders of its own, belong to it.
	return contextFolder(p.path) == contextFolder(imported)
}

// contextFolder is the layer's folder for the context that a path belongs to: internal/domain/metric for
// internal/domain/metrictest.
func contextFolder(p string) string {
	parts := strings.SplitN(p, "/", 4)
	if len(parts) < 3 {
		return p
	}
	return strings.Join([]string{parts[0], parts[1], strings.TrimSuffix(parts[2], "test")}, "/")
}

// ours reports whether an import is of this module: those have lost their prefix and so their dots.
func ours(imported string) bool {
	return slices.ContainsFunc(layers, func(l layer) bool { return within(imported, l.folder) })
}

// thirdParties says which foreign packages are known to which part of the module alone.
var thirdParties = []struct {
	imports []string
	only    []string
	instead string
}{
	{
		[]string{"github.com/mark3labs/mcp-go"},
		[]string{"internal/presentation/mcpapi"},
		"the protocol library ends in mcpapi; convert there",
	},
	{
		[]string{"go.uber.org/fx", "go.uber.org/dig"},
		[]string{"cmd/steward/app"},
		"write a plain constructor and wire it in cmd/steward/app",
	},
	{
		[]string{"database/sql", "modernc.org/sqlite", "github.com/pressly/goose", "github.com/jackc/pgx"},
		[]string{"internal/infrastructure"},
		"declare a port in the domain and implement it in a store",
	},
	{
		[]string{
			"go.opentelemetry.io/otel/sdk", "go.opentelemetry.io/otel/exporters", "go.opentelemetry.io/contrib",
			"github.com/prometheus",
		},
		[]string{"internal/infrastructure/telemetry"},
		"take a provider of the OpenTelemetry API",
	},
	{
		[]string{"github.com/anthropics/anthropic-sdk-go"},
		[]string{"internal/infrastructure/claude"},
		"ask through the port for models in the domain",
	},
	{[]string{"github.com/spf13/cobra"}, []string{"cmd/steward"}, "flags and subcommands end in cmd/steward"},
	{
		[]string{"net/http", "net", "os", "os/exec", "log", "log/slog"},
		[]string{"internal/infrastructure", "internal/presentation", "cmd", "tests"},
		"domain and application touch no files, sockets or processes; declare a port",
	},
}

// applicationMay lists the foreign packages that use cases may know: interfaces and values, no machinery.
var applicationMay = []string{
	"go.opentelemetry.io/otel/attribute", "go.opentelemetry.io/otel/codes", "go.opentelemetry.io/otel/metric",
	"go.opentelemetry.io/otel/trace", "go.uber.org/zap",
}

// contractMay lists what contract suites need on top.
var contractMay = []string{"github.com/google/go-cmp", "pgregory.net/rapid", "go.uber.org/goleak"}

// thirdPartyRule complains of foreign packages outside the part that they are confined to, and of any at all in
// the domain.
func thirdPartyRule(packages []pkg) []string {
	var complaints []string
	for _, p := range packages {
		for _, imported := range p.imports() {
			if why := refused(p, imported); why != "" && !p.inside("tests") {
				complaints = append(complaints, fmt.Sprintf("%s imports %s; %s", p.path, imported, why))
			}
		}
	}
	return complaints
}

func refused(p pkg, imported string) string {
	for _, rule := range thirdParties {
		concerns := slices.ContainsFunc(rule.imports, func(i string) bool {
			return imported == i || strings.Contains(i, ".") && within(imported, i)
		})
		if concerns && !slices.ContainsFunc(rule.only, p.inside) {
			return rule.instead
		}
	}
	foreign := !ours(imported) && strings.Contains(strings.SplitN(imported, "/", 2)[0], ".")
	may := func(list []string) bool {
		return slices.ContainsFunc(list, func(i string) bool { return within(imported, i) })
	}
	switch {
	case !foreign, p.isContract() && may(contractMay):
		return ""
	case p.inside("internal/domain"):
		return "the domain knows the standard library alone"
	case p.inside("internal/application") && !may(applicationMay):
		return "add it to applicationMay if it is an interface or a value, else put it behind a port"
	}
	return ""
}

func TestModule_ImportsPointInward(t *testing.T) {
	t.Parallel()
	holds(t, layerRule(packages(t)))
}

func TestModule_KeepsThirdPartiesInTheirPlace(t *testing.T) {
	t.Parallel()
	holds(t, thirdPartyRule(packages(t)))
}

func TestLayerRule_Complains(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ folder, imports, want string }{
		{"internal/domain/metric", "internal/domain/fault", ""},
		{"internal/domain/metric", "internal/domain/tool", "may import only"},
		{"internal/domain/metric", "internal/application/cqrs", "may import only"},
		{"internal/domain/metrictest", "internal/domain/metric", ""},
		{"internal/domain/metrictest", "internal/domain/tool", "may import only"},
		{"internal/application/metricapp", "internal/domain/metric", ""},
		{"internal/application/metricapp", "internal/infrastructure/metricflow", "may import only"},
		{"internal/infrastructure/metricflow", "internal/application/metricapp", "may import only"},
		{"internal/infrastructure/metricflow", "internal/application/observe", ""},
		{"internal/presentation/mcpapi", "internal/infrastructure/telemetry", "may import only"},
		{"internal/presentation/mcpapi", "internal/application/toolapp", ""},
		{"cmd/steward/app", "internal/infrastructure/telemetry", ""},
		{"pkg/anything", "fmt", "lies in no layer"},
	} {
		t.Run(c.folder+" to "+c.imports, func(t *testing.T) {
			t.Parallel()
			imported := c.imports
			if ours(imported) {
				imported = module + "/" + imported
			}
			complains(t, layerRule([]pkg{importing(t, c.folder, imported)}), c.want)
		})
	}
}

func TestThirdPartyRule_Complains(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ folder, imports, want string }{
		{"internal/domain/metric", "strings", ""},
		{"internal/domain/metric", "go.uber.org/zap", "standard library alone"},
		{"internal/domain/metric", "os", "declare a port"},
		{"internal/domain/metrictest", "github.com/google/go-cmp/cmp", ""},
		{"internal/application/cqrs", "go.uber.org/zap", ""},
		{"internal/application/cqrs", "net/http", "declare a port"},
		{"internal/application/cqrs", "net/url", ""},
		{"internal/application/cqrs", "github.com/hashicorp/golang-lru/v2", "applicationMay"},
		{"internal/presentation/mcpapi", "github.com/mark3labs/mcp-go/server", ""},
		{"internal/presentation/httpapi", "github.com/mark3labs/mcp-go/server", "convert there"},
		{"internal/presentation/httpapi", "database/sql", "store"},
		{"internal/infrastructure/conversationstore", "database/sql", ""},
		{"internal/infrastructure/claude", "go.opentelemetry.io/otel/sdk/trace", "provider of the OpenTelemetry API"},
		{"internal/infrastructure/claude", "go.uber.org/fx", "plain constructor"},
		{"internal/infrastructure/claude", "github.com/anthropics/anthropic-sdk-go", ""},
		{"internal/infrastructure/metricflow", "github.com/anthropics/anthropic-sdk-go/option", "port for models"},
		{"cmd/steward", "go.uber.org/fx", "plain constructor"},
		{"cmd/steward/app", "go.uber.org/fx", ""},
		{"tests/component", "go.uber.org/fx/fxtest", ""},
	} {
		t.Run(c.folder+" to "+c.imports, func(t *testing.T) {
			t.Parallel()
			complains(t, thirdPartyRule([]pkg{importing(t, c.folder, c.imports)}), c.want)
		})
	}
}
