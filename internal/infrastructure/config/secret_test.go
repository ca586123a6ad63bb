package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

const canary = "canary-7f3a9"

func TestSecret_NeverPrintsItself(t *testing.T) {
	type holder struct{ inner config.Secret }
	secret := config.NewSecret(canary)
	c := config.Default()
	c.KeyPepper, c.Claude.APIKey = secret, secret
	var printed []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%t"} {
		printed = append(printed, fmt.Sprintf(verb, secret), fmt.Sprintf(verb, &secret), fmt.Sprintf(verb, holder{secret}), fmt.Sprintf(verb, c), fmt.Sprintf(verb, &c))
	}
	for _, encode := range []func(any) ([]byte, error){json.Marshal, yaml.Marshal} {
		text, err := encode(map[string]any{"s": secret, "c": c})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(text, []byte("[redacted]")) {
			t.Errorf("the secret leaves no trace in %s", text)
		}
		printed = append(printed, string(text))
	}
	for _, field := range []zap.Field{zap.Any("s", secret), zap.Reflect("s", secret), zap.Stringer("s", secret), zap.Any("s", holder{secret}), zap.Any("c", c)} {
		line, err := zapcore.NewJSONEncoder(zapcore.EncoderConfig{}).EncodeEntry(zapcore.Entry{}, []zap.Field{field})
		if err != nil {
			t.Fatal(err)
		}
		printed = append(printed, line.String())
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", secret, "c", c)
	printed = append(printed, log.String())
	decimal := strings.Trim(fmt.Sprintf("%d", []byte(canary[:5])), "[]")
	for _, p := range printed {
		for _, shape := range []string{canary, fmt.Sprintf("%x", canary[:6]), fmt.Sprintf("%X", canary[:6]), decimal} {
			if strings.Contains(p, shape) {
				t.Errorf("the secret shows in %s", p)
			}
		}
	}
	if secret.Reveal() != canary || fmt.Sprint(secret) != "[redacted]" || fmt.Sprint(config.Secret{}) != "" {
		t.Errorf("%q, %v, %v", secret.Reveal(), secret, config.Secret{})
	}
}

func secretFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestLoad_ReadsSecretsFromFiles(t *testing.T) {
	for text, want := range map[string]string{canary: canary, canary + "\n": canary, canary + "\r\n": canary, canary + "\n\n": canary + "\n", " " + canary: " " + canary} {
		c := load(t, config.Options{Env: []string{home, "STEWARD_KEY_PEPPER_FILE=" + secretFile(t, text, 0o400)}})
		if got := c.KeyPepper.Reveal(); got != want {
			t.Errorf("of %q: %q", text, got)
		}
	}
}

// A canary stands in every slot where a secret could be by mistake; no error repeats it.
func TestLoad_RefusesSecretsThatOthersCouldSeeWithoutRepeatingThem(t *testing.T) {
	for name, c := range map[string]struct {
		options config.Options
		want    string
	}{
		"literal":        {config.Options{File: write(t, "claude: {api_key: "+canary+"}")}, "a secret is not written here"},
		"quoted":         {config.Options{File: write(t, "key_pepper: '"+canary+"'")}, "a secret is not written here"},
		"block":          {config.Options{File: write(t, "key_pepper: |\n  "+canary)}, "a secret is not written here"},
		"anchor":         {config.Options{File: write(t, "claude: {model: &k "+canary+", api_key: *k}")}, "a secret is not written here"},
		"mapping":        {config.Options{File: write(t, "key_pepper: {value: "+canary+"}")}, "a secret is not written here"},
		"tag":            {config.Options{File: write(t, "key_pepper: !!binary "+canary)}, "a secret is not written here"},
		"null":           {config.Options{File: write(t, "key_pepper:\nlog: {level: "+canary+"}")}, "a secret is not written here"},
		"unknown key":    {config.Options{File: write(t, "claude: {apikey: "+canary+"}")}, "did you mean api_key"},
		"wrong place":    {config.Options{File: write(t, "server: {listen: "+canary+"}")}, "server.listen"},
		"flag":           {config.Options{Overrides: map[string]string{"key_pepper": canary}}, "not given on the command line"},
		"wrong variable": {config.Options{Env: []string{"STEWARD_API_KEY=" + canary}}, "not a known variable"},
		"twice":          {config.Options{Env: []string{"STEWARD_KEY_PEPPER=" + canary, "STEWARD_KEY_PEPPER_FILE=" + secretFile(t, canary, 0o600)}}, "set twice"},
		"group file":     {config.Options{Env: []string{"STEWARD_KEY_PEPPER_FILE=" + secretFile(t, canary, 0o640)}}, "others can read"},
		"world file":     {config.Options{Env: []string{"STEWARD_KEY_PEPPER_FILE=" + secretFile(t, canary, 0o604)}}, "others can read"},
		"empty file":     {config.Options{Env: []string{"STEWARD_KEY_PEPPER_FILE=" + secretFile(t, "\n", 0o600)}}, "is empty"},
		"missing file":   {config.Options{Env: []string{"STEWARD_KEY_PEPPER_FILE=/none/" + canary}}, "there is no such file"},
		"folder":         {config.Options{Env: []string{"STEWARD_KEY_PEPPER_FILE=/"}}, "is not a regular file"},
		"device":         {config.Options{Env: []string{"STEWARD_KEY_PEPPER_FILE=/dev/zero"}}, "is not a regular file"},
		"huge file":      {config.Options{Env: []string{"STEWARD_KEY_PEPPER_FILE=" + secretFile(t, strings.Repeat(canary, 10_000), 0o600)}}, "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			c.options.Env = append(c.options.Env, home)
			_, err := config.Load(c.options)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), canary) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
