package httpapi

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/identity"
)

// metadataPath is where the metadata of a protected resource is (RFC 9728 §3). The resource's own path stands behind it;
// clients that do not know that look at the root.
const metadataPath = "/.well-known/oauth-protected-resource"

// Resource is this server as clients that sign in by OAuth know it. They begin with a refusal, which says where the
// metadata is, and learn from that where to sign in.
type Resource struct {
	metadata metadata
	at       string   // URL of the metadata
	paths    []string // where it is served
	scopes   string   // for challenges; empty for none
}

// metadata is the document of RFC 9728 §2.
type metadata struct {
	Resource      string   `json:"resource"`
	Servers       []string `json:"authorization_servers"`
	BearerMethods []string `json:"bearer_methods_supported"`
	Scopes        []string `json:"scopes_supported,omitempty"`
	Name          string   `json:"resource_name"`
}

// NewResource makes the resource of a canonical URL, at which tokens of the given issuers are accepted. scopes are what
// clients may ask them for.
func NewResource(canonical string, issuers, scopes []string) (*Resource, error) {
	u, err := url.Parse(canonical)
	if err != nil {
		return nil, err
	}
	path := metadataPath + u.Path
	u.Path, u.RawPath = path, ""
	return &Resource{
		metadata: metadata{
			Resource: canonical, Servers: issuers, BearerMethods: []string{"header"}, Scopes: scopes, Name: "Steward",
		},
		at: u.String(), paths: []string{metadataPath, metadataPath + MCPPath, path}, scopes: strings.Join(scopes, " "),
	}, nil
}

// serves reports whether the metadata is at path. A nil resource is nowhere.
func (s *Resource) serves(path string) bool { return s != nil && slices.Contains(s.paths, path) }

// Metadata answers the resource's metadata to anybody whose request is for this server. Like a probe it is on record only
// when it is refused.
func (e *Edge) Metadata() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, request := e.open(r.Context(), w, r)
		defer e.finish(ctx, w, request)
		if by, f := e.inspect(r); f != nil {
			e.turnAway(ctx, w, r, by, f)
			return
		}
		request.Discard()
		w.Header().Set("Cache-Control", "public, max-age=300")
		answer(w, http.StatusOK, e.Resource.metadata)
	})
}

// challenge tells whoever is refused how to be let in: RFC 6750 §3, RFC 9728 §5.1. It is nothing for other refusals.
func (s *Resource) challenge(f *fault.Fault, presented bool) string {
	var scope string
	parameters := []string{`Bearer realm="steward"`}
	switch {
	case f.Kind == fault.Unauthenticated && s == nil:
		return parameters[0]
	case s == nil:
		return ""
	case f.Kind == fault.Unauthenticated:
		scope = s.scopes
		if presented {
			parameters = append(parameters, `error="invalid_token"`)
		}
	case f.Is(identity.ErrScope):
		scope = strings.Join(f.Suggestions, " ")
		parameters = append(parameters, `error="insufficient_scope"`)
	default:
		return ""
	}
	if scope != "" {
		parameters = append(parameters, `scope="`+scope+`"`)
	}
	return strings.Join(append(parameters, `resource_metadata="`+s.at+`"`), ", ")
}
