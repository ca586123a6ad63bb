// Package adminapi is the operators' API: what steward's commands ask a running server for. Requests and answers are
// JSON; whoever asks shows a key or token whose principal is permitted the actions admin.….
//
//	GET  /admin/v1/keys               query unused: a duration; answers {keys}
//	POST /admin/v1/keys               NewKey; answers Secret
//	POST /admin/v1/keys/{id}/rotate   Rotation; answers Secret
//	POST /admin/v1/keys/{id}/revoke   answers the key
//
//	GET  /admin/v1/sessions              query principal, client, state, after, limit; answers sessionapp.Page
//	GET  /admin/v1/sessions/{id}         answers the session
//	POST /admin/v1/sessions/{id}/close   Closing; answers the session
package adminapi

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/identityapp"
	"github.com/steward-mcp/steward/internal/application/sessionapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/presentation/httpapi"
	"github.com/steward-mcp/steward/internal/presentation/wire"
)

const keysPath = httpapi.OperatorsPath + "keys"

// NewKey asks for a key.
type NewKey struct {
	Name       string                  `json:"name"`
	Personas   []string                `json:"personas"`
	Attributes map[string][]string     `json:"attributes,omitempty"`
	Lifetime   Duration                `json:"lifetime,omitempty"`
	Scope      []identityapp.Narrowing `json:"scope,omitempty"`
	Networks   []netip.Prefix          `json:"networks,omitempty"`
}

// Rotation asks for another secret of a key.
type Rotation struct {
	Overlap  Duration `json:"overlap"`
	Lifetime Duration `json:"lifetime,omitempty"`
}

// Secret is a key with its credential, which is told this once.
type Secret struct {
	Key        identityapp.Key `json:"key"`
	Credential string          `json:"credential"`
}

// Keys is a list of keys.
type Keys struct {
	Keys []identityapp.Key `json:"keys"`
}

// Duration is written as Go writes durations: 36h, 90m.
type Duration time.Duration

// MarshalText writes it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads it.
func (d *Duration) UnmarshalText(text []byte) error {
	read, err := time.ParseDuration(string(text))
	*d = Duration(read)
	return err
}

// What the API refuses by itself.
var (
	errBody    = fault.New(fault.Invalid, "admin.body", "The body is not the JSON that this act takes.")
	errUnused  = fault.New(fault.Invalid, "admin.unused", "Choose keys by unused, once, a duration such as 720h; or write nothing, for all of them.")
	errNothing = fault.New(fault.NotFound, "admin.not_found", "There is no such act; steward's commands keys and sessions use this API.")
)

type handler struct {
	edge     *httpapi.Edge
	keys     identityapp.Administration
	sessions sessionapp.Administration
}

// New is the API behind an edge, which lets nobody in unknown.
func New(edge *httpapi.Edge, keys identityapp.Administration, sessions sessionapp.Administration) http.Handler {
	h := handler{edge: edge, keys: keys, sessions: sessions}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+keysPath, h.list)
	mux.HandleFunc("POST "+keysPath, h.create)
	mux.HandleFunc("POST "+keysPath+"/{id}/rotate", h.rotate)
	mux.HandleFunc("POST "+keysPath+"/{id}/revoke", h.revoke)
	mux.HandleFunc("GET "+sessionsPath, h.listSessions)
	mux.HandleFunc("GET "+sessionsPath+"/{id}", h.showSession)
	mux.HandleFunc("POST "+sessionsPath+"/{id}/close", h.closeSession)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { edge.RefuseInput(w, r, errNothing) })
	return edge.Guard(mux)
}

func actor(r *http.Request) access.Principal { return cqrs.RequestFrom(r.Context()).Actor() }

// chosen is what the query of r says by each of the names that it may have. It takes no query of which it does not understand
// every word, or that says nothing or two things by one name: what is left of such a one would choose everything.
func chosen(r *http.Request, names ...string) (values map[string]string, ok bool) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	values = make(map[string]string, len(query))
	for name, said := range query {
		if !slices.Contains(names, name) || len(said) != 1 || said[0] == "" {
			return nil, false
		}
		values[name] = said[0]
	}
	return values, err == nil
}

func (h handler) list(w http.ResponseWriter, r *http.Request) {
	query, ok := chosen(r, "unused")
	var unused time.Duration
	if written := query["unused"]; ok && written != "" {
		var err error
		unused, err = time.ParseDuration(written)
		ok = err == nil && unused > 0
	}
	if !ok {
		h.edge.RefuseInput(w, r, errUnused)
		return
	}
	keys, err := h.keys.List.Do(r.Context(), identityapp.ListKeys{Read: cqrs.Read{By: actor(r)}, Unused: unused})
	h.edge.Answer(w, r, Keys{Keys: keys}, err)
}

func (h handler) create(w http.ResponseWriter, r *http.Request) {
	var asked NewKey
	if !h.read(w, r, &asked) {
		return
	}
	grant := identity.Grant{
		Name: asked.Name, Personas: asked.Personas, Attributes: asked.Attributes,
		Lifetime: time.Duration(asked.Lifetime), Networks: asked.Networks, Scope: identityapp.Rules(asked.Scope),
	}
	made, err := h.keys.Create.Do(r.Context(), identityapp.CreateKey{Change: cqrs.Change{By: actor(r)}, Grant: grant})
	h.edge.Answer(w, r, Secret{Key: made.Key, Credential: made.Credential.Reveal()}, err)
}

func (h handler) rotate(w http.ResponseWriter, r *http.Request) {
	var asked Rotation
	if !h.read(w, r, &asked) {
		return
	}
	rotation := identity.Rotation{Overlap: time.Duration(asked.Overlap), Lifetime: time.Duration(asked.Lifetime)}
	made, err := h.keys.Rotate.Do(r.Context(), identityapp.RotateKey{Change: cqrs.Change{By: actor(r)}, ID: r.PathValue("id"), Rotation: rotation})
	h.edge.Answer(w, r, Secret{Key: made.Key, Credential: made.Credential.Reveal()}, err)
}

func (h handler) revoke(w http.ResponseWriter, r *http.Request) {
	k, err := h.keys.Revoke.Do(r.Context(), identityapp.RevokeKey{Change: cqrs.Change{By: actor(r)}, ID: r.PathValue("id")})
	h.edge.Answer(w, r, k, err)
}

// read takes the body, or refuses it.
func (h handler) read(w http.ResponseWriter, r *http.Request, into any) bool {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = wire.ScanForeign(body)
	}
	if err == nil {
		d := json.NewDecoder(bytes.NewReader(body))
		d.DisallowUnknownFields()
		err = d.Decode(into)
	}
	if err != nil {
		h.edge.RefuseInput(w, r, errBody)
		return false
	}
	return true
}
