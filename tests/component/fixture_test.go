package component_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"go.uber.org/fx"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// fixture is a bounded context that exists in tests only. That its tools are listed, decided, limited, recorded and
// traced like any other, with nothing but a group tag to tell of them, is what a developer is promised.
type fixture struct {
	journal string
	began   chan struct{} // told by each call of fixture_waits
	release chan struct{} // lets one call of fixture_follows end

	mu       sync.Mutex
	changes  int
	intended bool // whether the intent of the last change was on the disk when the change began
}

func newFixture(journal string) *fixture {
	return &fixture{journal: journal, began: make(chan struct{}, 16), release: make(chan struct{})}
}

func (f *fixture) module() fx.Option {
	return fx.Module("fixture", fx.Provide(
		fx.Annotate(f.all, fx.ResultTags(`group:"tools,flatten"`)),
		fx.Annotate(documents, fx.ResultTags(`group:"resources,flatten"`)),
		fx.Annotate(notes, fx.ResultTags(`group:"templates,flatten"`)),
		fx.Annotate(prompts, fx.ResultTags(`group:"prompts,flatten"`)),
	))
}

func (f *fixture) all() []tool.Tool {
	change := fixtureTool("fixture_changes", f.change)
	change.ReadOnly, change.Destructive = false, true
	collapse := fixtureTool("fixture_collapses", func(context.Context, json.RawMessage) (tool.Result, error) { panic("halfway") })
	collapse.ReadOnly = false
	expires := fixtureTool("fixture_expires", f.wait)
	expires.Timeout = 20 * time.Millisecond
	return []tool.Tool{
		change, collapse, expires,
		fixtureTool("fixture_waits", f.wait),
		fixtureTool("fixture_follows", f.follow),
		fixtureTool("fixture_hidden", nothing),
		fixtureTool("fixture_large", func(context.Context, json.RawMessage) (tool.Result, error) {
			return tool.Result{Text: strings.Repeat("large ", 20_000)}, nil
		}),
		fixtureTool("fixture_picky", nothing),
		fixtureTool("fixture_panics", func(_ context.Context, args json.RawMessage) (tool.Result, error) {
			panic(fmt.Sprintf("boom over %s", args))
		}),
		fixtureTool("fixture_leaks", func(_ context.Context, args json.RawMessage) (tool.Result, error) {
			var in struct{ Word string }
			_ = json.Unmarshal(args, &in)
			return tool.Result{}, fmt.Errorf("look for %q: %w", in.Word, &fs.PathError{Op: "open", Path: "/etc/fixture.secret", Err: fs.ErrPermission})
		}),
	}
}

// change does what must not happen unrecorded, and looks whether it is.
func (f *fixture) change(ctx context.Context, _ json.RawMessage) (tool.Result, error) {
	all, err := readJournal(f.journal)
	if err != nil {
		return tool.Result{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changes++
	f.intended = false
	for _, r := range all {
		if r.Phase == audit.Intent && r.Request == cqrs.RequestFrom(ctx).ID() {
			f.intended = true
		}
	}
	return tool.Result{Text: "changed"}, nil
}

func (f *fixture) changed() (times int, intended bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changes, f.intended
}

func (f *fixture) wait(ctx context.Context, _ json.RawMessage) (tool.Result, error) {
	f.began <- struct{}{}
	<-ctx.Done()
	return tool.Result{}, ctx.Err()
}

// follow says how far it is, and ends when the test lets it.
func (f *fixture) follow(ctx context.Context, args json.RawMessage) (tool.Result, error) {
	var in struct{ Stage string }
	_ = json.Unmarshal(args, &in)
	tool.Progress(ctx)(in.Stage)
	select {
	case <-f.release:
		return tool.Result{Text: "followed " + in.Stage}, nil
	case <-ctx.Done():
		return tool.Result{}, ctx.Err()
	}
}

func nothing(context.Context, json.RawMessage) (tool.Result, error) {
	return tool.Result{Text: "nothing"}, nil
}

// pickySchema has one of each thing that an argument can be wrong about.
const pickySchema = `{
  "type": "object", "additionalProperties": false, "required": ["word"],
  "properties": {
    "word": {"type": "string", "maxLength": 40, "description": "A word."},
    "code": {"type": "string", "maxLength": 8, "pattern": "^[a-z]+$", "description": "Lower-case letters."},
    "colour": {"enum": ["red", "green"], "description": "One of two."},
    "count": {"type": "integer", "minimum": 1, "maximum": 9, "description": "A digit."},
    "list": {"type": "array", "maxItems": 2, "items": {"type": "integer"}, "description": "At most two."},
    "deep": {
      "type": "object", "additionalProperties": false, "description": "Something inside something.",
      "properties": {"rows": {"type": "array", "maxItems": 3, "items": {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}}}
    }
  }
}`

func fixtureTool(name string, run func(context.Context, json.RawMessage) (tool.Result, error)) tool.Tool {
	d := tool.Definition{
		Name: name, Title: name, Description: "A tool of the tests.", ReadOnly: true,
		InputSchema: json.RawMessage(`{"type":"object"}`),
	}
	if name == "fixture_picky" {
		d.InputSchema = json.RawMessage(pickySchema)
	}
	return tool.Tool{Definition: d, Bind: func(_ context.Context, _ access.Principal, args json.RawMessage) (tool.Bound, error) {
		return tool.Bound{Run: func(ctx context.Context) (tool.Result, error) { return run(ctx, args) }}, nil
	}}
}
