package telemetry_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/domain/redact"
	"github.com/steward-mcp/steward/internal/infrastructure/telemetry"
)

type verbose struct{ Key, Inner any }

func TestNewLogger_HoldsNoSecretWhereverItStands(t *testing.T) {
	t.Parallel()
	const secret = "canary-5e0f\"1c7a-of the warehouse"
	for _, format := range []string{"json", "console"} {
		var out bytes.Buffer
		log, err := telemetry.NewLogger(telemetry.LogConfig{Level: "debug", Format: format, Redact: redact.New(nil, secret)}, &out)
		if err != nil {
			t.Fatal(err)
		}
		log = log.With(zap.String("with", secret)).Named(secret)
		log.Debug("message "+secret, zap.String("a", secret), zap.ByteString("b", []byte(secret)), zap.Any("c", verbose{secret, map[string]any{"d": []string{secret}}}))
		log.Info("errors", zap.Error(fmt.Errorf("outer: %w", errors.New(secret))), zap.Errors("many", []error{errors.New(secret)}))
		log.Warn("texts", zap.Stringer("s", bytes.NewBufferString(secret)), zap.Strings("list", []string{"x", secret}), zap.String(secret, "name"))
		log.Error("forms", zap.String("auth", "Basic "+base64.StdEncoding.EncodeToString([]byte("u:"+secret))), zap.Binary("raw", []byte(secret)), zap.String("quoted", fmt.Sprintf("%q", secret)))
		log.Error("patterns", zap.String("password", "hunter2"), zap.String("url", "postgres://u:hunter2@db/x"), zap.String("half", secret[:18]), zap.String("other", secret[18:]))
		for _, leak := range []string{secret, "hunter2", secret[:18], base64.StdEncoding.EncodeToString([]byte(secret))[:30], "canary-5e0f"} {
			if strings.Contains(out.String(), leak) {
				t.Errorf("%s: %q is in\n%s", format, leak, out.String())
			}
		}
	}
}

func TestNewLogger_WritesOneLineThatATerminalDoesNotObey(t *testing.T) {
	t.Parallel()
	hostile := "a\r\n{\"level\":\"error\"}\x1b[2J\u009b2J\u2028\u202e\u200b\U000e0041\x7f" + strings.Repeat("x", 1<<20)
	for _, format := range []string{"json", "console"} {
		var out bytes.Buffer
		log, err := telemetry.NewLogger(telemetry.LogConfig{Format: format}, &out)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("agent", zap.String("agent", hostile))
		line := out.String()
		if strings.Count(line, "\n") != 1 || strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return r != '\t' && !unicode.IsPrint(r) }) {
			t.Errorf("%s: the line shows more than text: %.200q", format, line)
		}
		var read struct{ Agent string }
		if format == "json" && (json.Unmarshal([]byte(line), &read) != nil || read.Agent != hostile) {
			t.Errorf("the line does not tell what was sent: %.200q", line)
		}
	}
}
