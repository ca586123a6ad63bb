package oidc_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/internal/infrastructure/oidc"
)

// vectors are what of Project Wycheproof's file is needed here.
type vectors struct {
	NumberOfTests int
	TestGroups    []struct {
		Comment string
		Public  json.RawMessage
		Private json.RawMessage // the key, where it is a secret
		Tests   []struct {
			TcID    int
			Comment string
			JWS     string
			Result  string
			Flags   []string
		}
	}
}

// acceptable reports whether a JWS names an algorithm that is accepted, and its key no other.
func acceptable(t *testing.T, jws, ofKey string) bool {
	t.Helper()
	if ofKey != "" && !slices.Contains(oidc.Algorithms(), ofKey) {
		return false
	}
	head, _, _ := strings.Cut(jws, ".")
	text, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		t.Fatal(err)
	}
	var written struct{ Alg string }
	if err := json.Unmarshal(text, &written); err != nil {
		t.Fatal(err)
	}
	return slices.Contains(oidc.Algorithms(), written.Alg) && (ofKey == "" || ofKey == written.Alg)
}

func TestSignature_AgreesWithWycheproof(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/wycheproof/json_web_signature_test.json")
	if err != nil {
		t.Fatal(err)
	}
	var all vectors
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	tried, accepted, outside := 0, 0, 0
	for _, g := range all.TestGroups {
		key := g.Public
		if key == nil {
			key = g.Private
		}
		var written struct{ Alg string }
		if err := json.Unmarshal(key, &written); err != nil {
			t.Fatal(err)
		}
		set := json.RawMessage(`{"keys":[` + string(key) + `]}`)
		if strings.Contains(string(key), `"keys"`) {
			set = key
		}
		for _, v := range g.Tests {
			tried++
			_, err := oidc.Signature(v.JWS, set)
			switch {
			case v.Result != "valid" && err == nil:
				t.Errorf("%s, %d (%s): an invalid signature holds", g.Comment, v.TcID, v.Comment)
			case v.Result != "valid":
			case !acceptable(t, v.JWS, written.Alg):
				if outside++; err == nil {
					t.Errorf("%s, %d: an algorithm holds that is not accepted", g.Comment, v.TcID)
				}
			case err != nil:
				t.Errorf("%s, %d (%s): refused: %v", g.Comment, v.TcID, v.Comment, err)
			default:
				accepted++
			}
		}
	}
	if tried != all.NumberOfTests || tried != 401 {
		t.Errorf("%d vectors were tried of %d", tried, all.NumberOfTests)
	}
	if accepted != 16 || outside != 30 {
		t.Errorf("%d valid signatures hold, and %d are of algorithms that are not accepted", accepted, outside)
	}
}
