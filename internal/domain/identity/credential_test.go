package identity_test

import (
	"bytes"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/identity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func generate(t testing.TB, env string) identity.Credential {
	t.Helper()
	c, err := identity.Generate(env)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestParse_ReadsWhatRevealTold(t *testing.T) {
	c := generate(t, "prod2")
	got, err := identity.Parse(c.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if got.Reveal() != c.Reveal() || got.ID() != c.ID() || !strings.HasPrefix(c.Reveal(), "stw_prod2_") {
		t.Errorf("got %s, want %s", got, c)
	}
}

// 256 bits of secret are 52 characters of base32; two keys share none of their random parts.
func TestGenerate_MakesStrongKeys(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		parts := strings.Split(generate(t, "dev").Reveal(), "_")
		if len(parts) != 4 || len(parts[2]) != 16 || len(parts[3]) != 52+7 {
			t.Fatalf("the parts are %q", parts)
		}
		for _, random := range []string{parts[2], parts[3][:52]} {
			if seen[random] {
				t.Fatalf("%s twice", random)
			}
			seen[random] = true
		}
	}
}

func TestGenerate_RefusesWhatIsNoEnvironment(t *testing.T) {
	for _, env := range []string{"", "Dev", "1dev", "de_v", "dev ", strings.Repeat("a", 17)} {
		if _, err := identity.Generate(env); !errors.Is(err, identity.ErrEnv) {
			t.Errorf("Generate(%q) = %v, want ErrEnv", env, err)
		}
	}
}

func TestParse_RefusesEveryTypingError(t *testing.T) {
	text := generate(t, "dev").Reveal()
	rapid.Check(t, func(t *rapid.T) {
		i := rapid.IntRange(0, len(text)-1).Draw(t, "position")
		c := rapid.SampledFrom([]byte("abcdefghijklmnopqrstuvwxyz234567ABC_ \n0189")).Draw(t, "character")
		for _, wrong := range []string{text[:i] + string(c) + text[i+1:], text[:i] + text[i+1:], text[:i] + string(c) + text[i:]} {
			if _, err := identity.Parse(wrong); wrong != text && !errors.Is(err, identity.ErrMalformed) {
				t.Fatalf("Parse(%q) = %v", wrong, err)
			}
		}
	})
}

func TestCredential_NeverPrintsItsSecret(t *testing.T) {
	c := generate(t, "dev")
	secret := strings.Split(c.Reveal(), "_")[3]
	type holder struct{ inner identity.Credential }
	var printed []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%t"} {
		printed = append(printed, fmt.Sprintf(verb, c), fmt.Sprintf(verb, &c), fmt.Sprintf(verb, holder{c}), fmt.Sprintf(verb, []any{c}))
	}
	text, err := json.Marshal(map[string]any{"key": c})
	if err != nil {
		t.Fatal(err)
	}
	printed = append(printed, string(text))
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "k", c, "h", holder{c})
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "k", c, "h", holder{c})
	printed = append(printed, log.String())
	bits, err := base32.StdEncoding.DecodeString(strings.ToUpper(secret[:48]))
	if err != nil {
		t.Fatal(err)
	}
	shapes := []string{secret[:12], fmt.Sprintf("%x", secret[:12]), strings.Trim(fmt.Sprintf("%d", bits[:5]), "[]"), fmt.Sprintf("%x", bits[:6])}
	for _, p := range printed {
		for _, shape := range shapes {
			if strings.Contains(strings.ToLower(p), shape) {
				t.Errorf("the secret shows in %s", p)
			}
		}
	}
	if want := "stw_dev_" + c.ID().String() + "_[redacted]"; c.String() != want {
		t.Errorf("String is %s, want %s", c, want)
	}
}

func FuzzParse_IsExact(f *testing.F) {
	f.Add(generate(f, "dev").Reveal())
	f.Add("stw_dev_aaaaaaaaaaaaaaaa_" + strings.Repeat("a", 59))
	f.Add("stw___")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := identity.Parse(text)
		switch {
		case err == nil && c.Reveal() != text:
			t.Errorf("%q reads as %q", text, c.Reveal())
		case err != nil && !errors.Is(err, identity.ErrMalformed):
			t.Errorf("Parse(%q) = %v", text, err)
		case err != nil && !c.IsZero():
			t.Errorf("a refused text gives %v", c)
		}
	})
}

func FuzzParseKeyID_IsExact(f *testing.F) {
	f.Add(generate(f, "dev").ID().String())
	f.Add("aaaaaaaaaaaaaaa\n")
	f.Fuzz(func(t *testing.T, text string) {
		if id, err := identity.ParseKeyID(text); err == nil && id.String() != text {
			t.Errorf("%q reads as %q", text, id)
		}
	})
}
