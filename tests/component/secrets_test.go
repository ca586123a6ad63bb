package component_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/domain/redact"
	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

// The secrets that are planted. No other text of the tests has any of them.
const (
	plantedPepper = "canary-pepper-7Qw2+Zr/8Lk=\"x\"-and-32-more-bytes"
	plantedKey    = "canary-vendor-key-9fUe31Bs"
	plantedCompat = "canary-compat-key-5c02Xd77aa-0918-2736"
	plantedEnv    = "canary-warehouse-pass word-31"
	plantedBearer = "canarybearer0x4b1dd9e7f3"
)

// slips is a tool that errs in every way there is, with the secrets in its hands.
func slips(log *zap.Logger, planted []string) tool.Tool {
	all := strings.Join(planted, " and ")
	return fixtureTool("fixture_slips", func(_ context.Context, args json.RawMessage) (tool.Result, error) {
		var in struct{ How string }
		if err := json.Unmarshal(args, &in); err != nil {
			return tool.Result{}, err
		}
		switch in.How {
		case "answers":
			return tool.Result{Text: all, Structured: map[string]any{"rows": planted, all: base64.StdEncoding.EncodeToString([]byte("u:" + all))}}, nil
		case "fails":
			return tool.Result{}, fmt.Errorf("connect to postgres://steward:%s@db/x: %w", url.QueryEscape(planted[0]), errors.New(all))
		case "panics":
			panic(all)
		case "logs":
			for _, s := range planted {
				half := len(s) / 2
				log.Debug(s, zap.String("a", s[:half+1]), zap.String("b", s[half+1:]), zap.Any("c", map[string]any{s: []string{s}}))
				log.Error("it said "+hex.EncodeToString([]byte(s)), zap.Error(errors.New(s)), zap.String("basic", base64.StdEncoding.EncodeToString([]byte("x:"+s))))
			}
		}
		return tool.Result{Text: "done"}, nil
	})
}

// Whatever slot a secret is planted in, it comes out nowhere.
func TestSecrets_ReachNoSink(t *testing.T) {
	t.Setenv("DBT_ENV_SECRET_CANARY", plantedEnv)
	c := configured(t, func(c *config.Config) {
		c.KeyPepper = config.NewSecret(plantedPepper)
		c.Claude.APIKey = config.NewSecret(plantedKey)
		c.Compat = config.Compat{APIKey: config.NewSecret(plantedCompat), Persona: "caller"}
	})
	kept, exporter := spans(t)
	w := newWorld(c)
	planted := []string{plantedPepper, plantedKey, plantedCompat, plantedEnv}
	w.listen(t, exporter,
		fx.Provide(fx.Annotate(func(log *zap.Logger) []tool.Tool { return []tool.Tool{slips(log, planted)} }, fx.ResultTags(`group:"tools,flatten"`))))
	w.key = plantedCompat
	var out bytes.Buffer
	ask := func(change func(*http.Request), body string) {
		r := w.post(t, body)
		change(r)
		status, header, answer := send(t, r)
		fmt.Fprintln(&out, status, header, answer)
	}
	call := func(name, arguments string) string {
		return strings.NewReplacer(`"name":"echo"`, `"name":"`+name+`"`, `{"text":""}`, arguments).Replace(echo("", ""))
	}
	for _, how := range []string{"answers", "fails", "panics", "logs"} {
		ask(func(r *http.Request) { r.Header.Set("Mcp-Name", "fixture_slips") }, call("fixture_slips", `{"how":"`+how+`"}`))
	}
	for _, secret := range planted {
		ask(func(*http.Request) {}, echo(secret, `,"steward/purpose":`+quote("because of "+secret)))
		ask(func(r *http.Request) { r.Header.Set("Mcp-Name", "unknown") }, call(strings.ReplaceAll(secret, `"`, ""), `{}`))
		ask(func(r *http.Request) {
			r.Header.Set("User-Agent", secret)
			r.Header.Set("Origin", "https://"+plantedBearer)
			r.Header.Set("Cookie", "session="+secret)
		}, echo("", `,"x":`+quote(secret)))
		ask(func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+plantedBearer+"-wrong") }, echo("", ""))
		ask(func(r *http.Request) { r.URL.RawQuery = "api_key=" + plantedBearer }, echo("", ""))
		ask(func(*http.Request) {}, `{"jsonrpc":"2.0","id":1,"method":`+quote(secret)+`}`)
		ask(func(*http.Request) {}, `{"jsonrpc":"2.0",`+quote(secret)+`:`)
	}
	_, metrics := get(t, w.admin+"/metrics")
	_, ready := get(t, w.admin+"/readyz")
	w.stop()
	seen := kept.GetSpans()
	sinks := map[string]string{
		"answers": out.String(), "metrics": metrics, "readiness": ready, "log": w.log.String(), "journal": journalText(t, w.journal),
		"spans": fmt.Sprintf("%+v", seen),
	}
	if len(seen) == 0 || !strings.Contains(ready, `"checks":{"`) {
		t.Errorf("%d spans were seen, and /readyz says %q", len(seen), ready)
	}
	for name, text := range sinks {
		for _, secret := range append(planted, plantedBearer) {
			for form, leak := range formsOf(secret) {
				if at := strings.Index(strings.ToLower(text), strings.ToLower(leak)); at >= 0 {
					t.Errorf("%q as %s is in the %s: %q", secret, form, name, text[max(0, at-80):at+len(leak)])
				}
			}
		}
	}
	if !strings.Contains(out.String(), redact.Mark) || !strings.Contains(sinks["log"], redact.Mark) {
		t.Error("nothing was taken out, so nothing was planted")
	}
	if !strings.Contains(metrics, `steward_redaction_class="configured"`) {
		t.Error("what is taken out is not counted")
	}
}

// formsOf is how a secret could be read back.
func formsOf(secret string) map[string]string {
	inJSON := strings.Trim(quote(secret), `"`)
	return map[string]string{
		"itself": secret, "JSON": inJSON, "JSON in JSON": strings.Trim(quote(inJSON), `"`), "a query": url.QueryEscape(secret),
		"hexadecimal": hex.EncodeToString([]byte(secret)), "base64": strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(secret)), "=")[:4*(len(secret)/3)],
	}
}

func journalText(t *testing.T, dir string) string {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(segments) == 0 {
		t.Fatalf("no journal: %v", err)
	}
	var all []byte
	for _, segment := range segments {
		text, err := os.ReadFile(segment)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	return string(all)
}
