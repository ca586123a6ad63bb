package adminapi

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/sessionapp"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/session"
	"github.com/steward-mcp/steward/internal/presentation/httpapi"
)

const sessionsPath = httpapi.OperatorsPath + "sessions"

// errFilter is the answer to a query that does not say which sessions are meant.
var errFilter = fault.New(fault.Invalid, "admin.sessions", "Choose sessions by principal, client and state, each once; go on with after and limit.")

// Closing says why a session is closed.
type Closing struct {
	Reason string `json:"reason,omitempty"`
}

func (h handler) listSessions(w http.ResponseWriter, r *http.Request) {
	filter, ok := parseFilter(r)
	if !ok {
		h.edge.RefuseInput(w, r, errFilter)
		return
	}
	page, err := h.sessions.List.Do(r.Context(), sessionapp.ListSessions{Read: cqrs.Read{By: actor(r)}, Filter: filter})
	h.edge.Answer(w, r, page, err)
}

func parseFilter(r *http.Request) (f sessionapp.Filter, ok bool) {
	query, ok := chosen(r, "principal", "client", "state", "after", "limit")
	f = sessionapp.Filter{Principal: query["principal"], Client: query["client"], State: session.State(query["state"]), After: query["after"]}
	if limit := query["limit"]; limit != "" {
		var err error
		f.Limit, err = strconv.Atoi(limit)
		ok = ok && err == nil && f.Limit > 0
	}
	return f, ok
}

func (h handler) showSession(w http.ResponseWriter, r *http.Request) {
	s, err := h.sessions.Show.Do(r.Context(), sessionapp.ShowSession{Read: cqrs.Read{By: actor(r)}, ID: r.PathValue("id")})
	h.edge.Answer(w, r, s, err)
}

func (h handler) closeSession(w http.ResponseWriter, r *http.Request) {
	var asked Closing
	if !h.read(w, r, &asked) {
		return
	}
	s, err := h.sessions.Close.Do(r.Context(), sessionapp.CloseSession{
		Change: cqrs.Change{By: actor(r)}, ID: r.PathValue("id"), Reason: asked.Reason,
	})
	h.edge.Answer(w, r, s, err)
}

// Sessions asks for a page of sessions.
func (c Client) Sessions(ctx context.Context, f sessionapp.Filter) (page sessionapp.Page, err error) {
	query := url.Values{}
	for name, value := range map[string]string{
		"principal": f.Principal, "client": f.Client, "state": string(f.State), "after": f.After,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if f.Limit > 0 {
		query.Set("limit", strconv.Itoa(f.Limit))
	}
	return page, c.ask(ctx, http.MethodGet, sessionsPath+"?"+query.Encode(), nil, &page)
}

// Session asks for one.
func (c Client) Session(ctx context.Context, id string) (s sessionapp.Session, err error) {
	return s, c.ask(ctx, http.MethodGet, sessionsPath+"/"+url.PathEscape(id), nil, &s)
}

// CloseSession closes one.
func (c Client) CloseSession(ctx context.Context, id, reason string) (s sessionapp.Session, err error) {
	return s, c.ask(ctx, http.MethodPost, sessionsPath+"/"+url.PathEscape(id)+"/close", Closing{Reason: reason}, &s)
}
