package mcpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// The tests of this file are about mcp-go alone: each pins one behaviour that this package relies on, so that an upgrade which
// changes it says so here, and by its name.

// bareSession is a session as small as mcp-go takes one.
type bareSession struct {
	said     chan mcp.JSONRPCNotification
	ready    bool
	revision string
}

func newBareSession() *bareSession {
	return &bareSession{said: make(chan mcp.JSONRPCNotification, 4)}
}

func (*bareSession) SessionID() string                                     { return "s" }
func (s *bareSession) NotificationChannel() chan<- mcp.JSONRPCNotification { return s.said }
func (s *bareSession) Initialize()                                         { s.ready = true }
func (s *bareSession) Initialized() bool                                   { return s.ready }
func (s *bareSession) ProtocolVersion() string                             { return s.revision }
func (s *bareSession) SetProtocolVersion(version string)                   { s.revision = version }
func (*bareSession) handle(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	return mcp.NewToolResultText("ok"), nil
}

// library is mcp-go with one tool, one resource and one prompt.
func library(s *bareSession, more ...server.ServerOption) *server.MCPServer {
	m := server.NewMCPServer("n", "1", append([]server.ServerOption{
		server.WithToolCapabilities(true), server.WithResourceCapabilities(true, true), server.WithPromptCapabilities(true),
	}, more...)...)
	m.AddTool(mcp.NewToolWithRawSchema("t", "d", json.RawMessage(`{"type":"object"}`)), s.handle)
	m.AddResource(mcp.Resource{URI: "doc://r", Name: "r"}, func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
		return nil, errors.New("never")
	})
	return m
}

func (s *bareSession) send(ctx context.Context, m *server.MCPServer, message string) mcp.JSONRPCMessage {
	return m.HandleMessage(m.WithContext(ctx, s), json.RawMessage(message))
}

func failureOf(t *testing.T, m mcp.JSONRPCMessage) mcp.JSONRPCErrorDetails {
	t.Helper()
	e, ok := m.(mcp.JSONRPCError)
	if !ok {
		t.Fatalf("no error: %#v", m)
	}
	return e.Error
}

func resultOf(t *testing.T, m mcp.JSONRPCMessage) string {
	t.Helper()
	r, ok := m.(mcp.JSONRPCResponse)
	if !ok {
		t.Fatalf("no result: %#v", m)
	}
	text, err := json.Marshal(r.Result)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSeam_HandleMessageAnswersARequestByValueAndNothingElse(t *testing.T) {
	s := newBareSession()
	m := library(s)
	resultOf(t, s.send(t.Context(), m, initialize))
	resultOf(t, s.send(t.Context(), m, `{"jsonrpc":"2.0","id":1,"method":"ping"}`))
	for _, message := range []string{
		`{"jsonrpc":"2.0","method":"notifications/initialized"}`, `{"jsonrpc":"2.0","method":"notifications/nothing"}`,
	} {
		if answer := s.send(t.Context(), m, message); answer != nil {
			t.Errorf("%s is answered %#v", message, answer)
		}
	}
}

func TestSeam_InitializeSettlesTheSession(t *testing.T) {
	s := newBareSession()
	resultOf(t, s.send(t.Context(), library(s), strings.Replace(initialize, "2025-11-25", "2025-06-18", 1)))
	if !s.ready || s.revision != "2025-06-18" {
		t.Errorf("ready %t, revision %q", s.ready, s.revision)
	}
}

func TestSeam_TheCodesOfWhatItRefuses(t *testing.T) {
	s := newBareSession()
	m := library(s)
	for message, want := range map[string]int{
		`{"jsonrpc":"2.0","id":1,"method":"nothing"}`:                                                                                mcp.METHOD_NOT_FOUND,
		`{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"info"}}`:                                             mcp.METHOD_NOT_FOUND,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"gone"}}`:                                                    mcp.INVALID_PARAMS,
		`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":7}`:                                                                  mcp.INVALID_REQUEST,
		`{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"doc://r",` + modernMeta + `}}`:                      mcp.METHOD_NOT_FOUND,
		`{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true}}}`:              mcp.METHOD_NOT_FOUND,
		`{"jsonrpc":"2.0","id":1,"method":"ping","params":{` + modernMeta + `}}`:                                                     mcp.METHOD_NOT_FOUND,
		`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`: mcp.INVALID_PARAMS,
	} {
		if got := failureOf(t, s.send(t.Context(), m, message)).Code; got != want {
			t.Errorf("%s: %d, want %d", message, got, want)
		}
	}
}

func TestSeam_ASubscriptionIsAcknowledgedAndLastsAsLongAsItsContext(t *testing.T) {
	s := newBareSession()
	m := library(s)
	const listen = `{"jsonrpc":"2.0","id":"l","method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["doc://r"]},` + modernMeta + `}}`
	ctx, end := context.WithCancel(t.Context())
	answered := make(chan mcp.JSONRPCMessage, 1)
	go func() { answered <- s.send(ctx, m, listen) }()
	ack, _ := json.Marshal(<-s.said)
	for _, part := range []string{`"notifications/subscriptions/acknowledged"`, `"io.modelcontextprotocol/subscriptionId":"l"`, `"toolsListChanged":true`, `"resourceSubscriptions":["doc://r"]`} {
		if !strings.Contains(string(ack), part) {
			t.Errorf("the acknowledgement is %s", ack)
		}
	}
	select {
	case <-answered:
		t.Error("it does not wait")
	case <-time.After(20 * time.Millisecond):
	}
	end()
	if r := resultOf(t, <-answered); !strings.Contains(r, `"io.modelcontextprotocol/subscriptionId":"l"`) || !strings.Contains(r, `"resultType":"complete"`) {
		t.Errorf("it ends with %s", r)
	}
	// Of a context that has ended it makes the same, without waiting: that is how it is asked here.
	if r := resultOf(t, s.send(ctx, m, listen)); !strings.Contains(r, `"io.modelcontextprotocol/subscriptionId":"l"`) || len(s.said) != 1 {
		t.Errorf("of an ended context: %s", r)
	}
}

func TestSeam_SubscribingOnlyAcknowledges(t *testing.T) {
	s := newBareSession()
	m := library(s)
	for _, method := range []string{"resources/subscribe", "resources/unsubscribe"} {
		if r := resultOf(t, s.send(t.Context(), m, `{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":{"uri":"doc://gone"}}`)); r != "{}" {
			t.Errorf("%s: %s", method, r)
		}
	}
	m.SendNotificationToAllClients(mcp.MethodNotificationResourceUpdated, map[string]any{"uri": "doc://gone"})
	if len(s.said) != 0 {
		t.Error("it tells a session that was never registered")
	}
}

func TestSeam_AToolFilterActsOnListsAndCalls(t *testing.T) {
	s := newBareSession()
	var seen []int
	m := library(s, server.WithToolFilter(func(_ context.Context, tools []mcp.Tool) []mcp.Tool {
		seen = append(seen, len(tools))
		return nil
	}))
	if r := resultOf(t, s.send(t.Context(), m, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)); !strings.Contains(r, `"tools":[]`) {
		t.Errorf("listed: %s", r)
	}
	if got := failureOf(t, s.send(t.Context(), m, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}`)).Code; got != mcp.INVALID_PARAMS {
		t.Errorf("called: %d", got)
	}
	if diff := cmp.Diff([]int{1, 1}, seen); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

func TestSeam_AHookMayChangeTheResultOfAList(t *testing.T) {
	s := newBareSession()
	hooks := &server.Hooks{}
	hooks.AddAfterListResources(func(_ context.Context, _ any, _ *mcp.ListResourcesRequest, r *mcp.ListResourcesResult) {
		r.Resources = nil
	})
	m := library(s, server.WithHooks(hooks))
	if r := resultOf(t, s.send(t.Context(), m, `{"jsonrpc":"2.0","id":1,"method":"resources/list"}`)); strings.Contains(r, "doc://r") {
		t.Errorf("listed: %s", r)
	}
}

func TestSeam_AHandlersErrorIsInternalWhateverItIs(t *testing.T) {
	s := newBareSession()
	e := failureOf(t, s.send(t.Context(), library(s), `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"doc://r"}}`))
	if e.Code != mcp.INTERNAL_ERROR || !strings.Contains(e.Message, "never") { // its words are those of a Go error, so ours take their place
		t.Errorf("%+v", e)
	}
}

func TestSeam_TheRevisionsItSpeaks(t *testing.T) {
	want := []string{"2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"}
	if diff := cmp.Diff(want, mcp.ValidProtocolVersions); diff != "" {
		t.Errorf("revisions (-want +got):\n%s", diff)
	}
	for asked, want := range map[string]string{
		"2024-11-05": "2024-11-05", "2025-03-26": "2025-03-26", "2025-06-18": "2025-06-18", "2025-11-25": "2025-11-25",
		"2026-07-28": "2025-11-25", "1999-01-01": "2025-11-25", "": "2025-03-26",
	} {
		if got := mcp.NegotiateLegacyVersion(asked); got != want {
			t.Errorf("%q is answered %q, want %q", asked, got, want)
		}
	}
}

func TestSeam_TheErrorsOfRevisionsAndCapabilities(t *testing.T) {
	e := mcp.UnsupportedProtocolVersionError{Version: "x", Supported: []string{"y"}}.JSONRPCError().Error
	data, _ := json.Marshal(e.Data)
	if e.Code != -32022 || string(data) != `{"supported":["y"],"requested":"x"}` {
		t.Errorf("%d %s", e.Code, data)
	}
	if mcp.MISSING_REQUIRED_CLIENT_CAPABILITY != -32021 || mcp.HEADER_MISMATCH != -32020 || mcp.RESOURCE_NOT_FOUND != -32002 {
		t.Error("the codes of the protocol are others")
	}
}

func TestSeam_HeadersAreComparedWhereTheRevisionHasThem(t *testing.T) {
	params := json.RawMessage(`{"name":"t","arguments":{"at":"Hello"}}`)
	listed := mcp.NewToolWithRawSchema("t", "d", json.RawMessage(`{"type":"object","properties":{"at":{"type":"string","x-mcp-header":"At"}}}`))
	if len(mcp.ExtractParamHeaderBindings(&listed)) != 1 {
		t.Fatal("the schema's header is not found")
	}
	header := func(values map[string]string) func(string) (string, bool) {
		return func(name string) (string, bool) { v, ok := values[name]; return v, ok }
	}
	for name, c := range map[string]struct {
		values map[string]string
		ok     bool
	}{
		"as it is": {map[string]string{"Mcp-Param-At": "Hello"}, true}, "encoded": {map[string]string{"Mcp-Param-At": "=?base64?SGVsbG8=?="}, true},
		"another": {map[string]string{"Mcp-Param-At": "Bye"}, false}, "missing": {nil, false},
		"badly encoded": {map[string]string{"Mcp-Param-At": "=?base64?SGVsbG8?="}, false},
	} {
		if err := mcp.ValidateParamHeadersLookup(header(c.values), &listed, params); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	get := func(name string) string { return map[string]string{"Mcp-Method": "tools/call", "Mcp-Name": "t"}[name] }
	none := func(string) string { return "" }
	for revision, err := range map[string]error{
		"agreeing":  mcp.ValidateStandardHeaders(get, "2026-07-28", mcp.MethodToolsCall, params),
		"not there": mcp.ValidateStandardHeaders(none, "2025-11-25", mcp.MethodToolsCall, params),
	} {
		if err != nil {
			t.Errorf("%s: %v", revision, err)
		}
	}
	if mcp.ValidateStandardHeaders(none, "2026-07-28", mcp.MethodToolsCall, params) == nil {
		t.Error("missing headers are not noticed")
	}
}
