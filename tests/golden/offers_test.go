package golden_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// What is offered beside tools, each kind in a folder of its own.
func TestOffers_AreWhatTheFilesSay(t *testing.T) {
	t.Parallel()
	for _, offer := range []struct{ method, member, folder, key string }{
		{"resources/list", "resources", "resources", "uri"},
		{"resources/templates/list", "resourceTemplates", "templates", "uriTemplate"},
		{"prompts/list", "prompts", "prompts", "name"},
	} {
		files := map[string]bool{}
		for _, raw := range entries(t, offer.method, offer.member) {
			var one map[string]any
			if err := json.Unmarshal(raw, &one); err != nil {
				t.Fatal(err)
			}
			name, _ := one["name"].(string)
			file := filepath.Join(offer.folder, name+".json")
			files[file] = true
			same(t, file, indented(t, raw))
			tellsEnough(t, file, one, offer.key)
		}
		if len(files) == 0 {
			t.Errorf("%s lists nothing", offer.method)
		}
		only(t, filepath.Join(offer.folder, "*.json"), files)
	}
}

// tellsEnough holds an entry to what clients show of it.
func tellsEnough(t *testing.T, file string, one map[string]any, key string) {
	t.Helper()
	text := func(of map[string]any, member string) string { s, _ := of[member].(string); return s }
	if text(one, key) == "" || text(one, "title") == "" || len(text(one, "description")) < 30 || !strings.HasSuffix(text(one, "description"), ".") {
		t.Errorf("%s needs a title, and a description of whole sentences", file)
	}
	if key != "name" && text(one, "mimeType") == "" {
		t.Errorf("%s does not say of what type it is", file)
	}
	arguments, _ := one["arguments"].([]any)
	for _, a := range arguments {
		if argument, _ := a.(map[string]any); !strings.HasSuffix(text(argument, "description"), ".") {
			t.Errorf("%s: the argument %s is not described", file, text(argument, "name"))
		}
	}
}
