package claude_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/steward-mcp/steward/internal/domain/conversation"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/infrastructure/claude"
	"github.com/steward-mcp/steward/tests/aimock"
)

const model = "claude-sonnet-5-5"

func client(t *testing.T, cfg claude.Config, key string) *claude.Client {
	t.Helper()
	c, err := claude.New(cfg, func() string { return key }, time.Now)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func say(texts ...string) conversation.Prompt {
	p := conversation.Prompt{Conversation: id.New[id.ConversationKind](), Model: model, MaxTokens: 64}
	for i, text := range texts {
		role := [...]conversation.Role{conversation.User, conversation.Assistant}[i%2]
		p.Turns = append(p.Turns, conversation.Turn{Role: role, Text: text})
	}
	return p
}

func TestClient_AnswersWithTextStopReasonAndUsage(t *testing.T) {
	t.Parallel()
	c := client(t, claude.Config{Endpoint: aimock.Start(t).URL}, aimock.Key)
	cases := map[string]conversation.Reply{
		"What is the capital of France?": {Text: "Paris.", Model: model, StopReason: "end_turn", Usage: conversation.Usage{Input: 14, Output: 3}},
		"Tell me a long story.":          {Text: "Once upon a", Model: model, StopReason: "max_tokens", Usage: conversation.Usage{Input: 9, Output: 4}},
		"Say nothing.":                   {Text: "", Model: model, StopReason: "tool_use", Usage: conversation.Usage{Input: 7, Output: 1}},
	}
	for question, want := range cases {
		got, err := c.Reply(t.Context(), say(question))
		if err != nil {
			t.Errorf("%s: %v", question, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", question, diff)
		}
	}
}

func TestClient_SendsTheWholeExchangeAndTheTerms(t *testing.T) {
	t.Parallel()
	server := aimock.Start(t)
	c := client(t, claude.Config{Endpoint: server.URL + "/"}, aimock.Key)
	p := say("Who are you?", "Your mate.", "Greet me.")
	p.System, p.Model, p.MaxTokens = "You are a pirate.", "claude-haiku-5-5", 33
	if _, err := c.Reply(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	sent := server.Requests(t)
	if len(sent) != 1 {
		t.Fatalf("%d requests were sent, want one", len(sent))
	}
	want := []aimock.Message{
		{Role: "system", Content: "You are a pirate."},
		{Role: "user", Content: "Who are you?"},
		{Role: "assistant", Content: "Your mate."},
		{Role: "user", Content: "Greet me."},
	}
	if diff := cmp.Diff(want, sent[0].Body.Messages); diff != "" {
		t.Errorf("messages sent (-want +got):\n%s", diff)
	}
	if b := sent[0].Body; b.Model != "claude-haiku-5-5" || b.MaxTokens != 33 || sent[0].Path != "/v1/messages" {
		t.Errorf("sent to %s: model %s, max_tokens %d", sent[0].Path, b.Model, b.MaxTokens)
	}
}

func TestClient_TellsFailuresApart(t *testing.T) {
	t.Parallel()
	server := aimock.Start(t)
	c := client(t, claude.Config{Endpoint: server.URL}, aimock.Key)
	cases := []struct {
		message string
		want    *fault.Fault
		after   time.Duration
	}{
		{"Limited for long.", conversation.ErrModelRateLimited, 120 * time.Second},
		{"Overloaded.", conversation.ErrModelOverloaded, 0},
		{"Broken.", conversation.ErrModelFailed, 0},
		{"Invalid.", conversation.ErrModelRequest, 0},
		{"Too large.", conversation.ErrModelRequest, 0},
		{"Unauthenticated.", conversation.ErrModelCredentials, 0},
		{"Unpaid.", conversation.ErrModelCredentials, 0},
		{"Forbidden.", conversation.ErrModelCredentials, 0},
		{"Unknown model.", conversation.ErrModelUnknown, 0},
		{"Gateway timeout.", conversation.ErrModelTimeout, 0},
	}
	for _, tc := range cases {
		_, err := c.Reply(t.Context(), say(tc.message))
		if !errors.Is(err, tc.want) {
			t.Errorf("%s %v, want %v", tc.message, err, tc.want)
			continue
		}
		if got := fault.From(err).RetryAfter; got != tc.after {
			t.Errorf("%s retry after %v, want %v", tc.message, got, tc.after)
		}
		if chain := fmt.Sprintf("%v %v", err, errors.Unwrap(err)); strings.Contains(chain, "fixture detail") || strings.Contains(chain, aimock.Key) {
			t.Errorf("%s the error repeats what the provider or Steward said: %s", tc.message, chain)
		}
	}
}

func TestClient_IsRefusedWithAWrongKey(t *testing.T) {
	t.Parallel()
	server := aimock.Start(t)
	c := client(t, claude.Config{Endpoint: server.URL}, "a wrong key")
	_, err := c.Reply(t.Context(), say("What is the capital of France?"))
	if !errors.Is(err, conversation.ErrModelCredentials) {
		t.Errorf("Reply: %v, want %v", err, conversation.ErrModelCredentials)
	}
}

func TestClient_AsksForItsKeyAtEachRequest(t *testing.T) {
	t.Parallel()
	key := "a key that was revoked"
	c, err := claude.New(claude.Config{Endpoint: aimock.Start(t).URL}, func() string { return key }, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Reply(t.Context(), say("And of Italy?")); !errors.Is(err, conversation.ErrModelCredentials) {
		t.Errorf("before the rotation: %v, want %v", err, conversation.ErrModelCredentials)
	}
	key = aimock.Key
	if _, err := c.Reply(t.Context(), say("And of Italy?")); err != nil {
		t.Errorf("after the rotation: %v", err)
	}
}

func TestClient_TriesAgainWithinItsBounds(t *testing.T) {
	t.Parallel()
	server := aimock.Start(t)
	c := client(t, claude.Config{Endpoint: server.URL, Retries: 1}, aimock.Key)
	for _, message := range []string{"Limited once.", "Broken once."} {
		if _, err := c.Reply(t.Context(), say(message)); err != nil {
			t.Errorf("%s %v", message, err)
		}
	}
	before := len(server.Requests(t))
	if _, err := c.Reply(t.Context(), say("Overloaded.")); !errors.Is(err, conversation.ErrModelOverloaded) {
		t.Errorf("Overloaded. %v, want %v", err, conversation.ErrModelOverloaded)
	}
	if got := len(server.Requests(t)) - before; got != 2 {
		t.Errorf("%d requests for one reply with one retry, want 2", got)
	}
	before = len(server.Requests(t))
	// The provider asks for two minutes: waiting would only turn the reason into a timeout.
	if _, err := c.Reply(t.Context(), say("Limited for long.")); !errors.Is(err, conversation.ErrModelRateLimited) {
		t.Errorf("Limited for long. %v, want %v", err, conversation.ErrModelRateLimited)
	}
	if got := len(server.Requests(t)) - before; got != 1 {
		t.Errorf("%d requests after being told to wait for long, want 1", got)
	}
}

func TestClient_StopsAtItsDeadline(t *testing.T) {
	t.Parallel()
	c := client(t, claude.Config{Endpoint: aimock.Start(t).URL, Timeout: time.Second}, aimock.Key)
	begun := time.Now()
	_, err := c.Reply(t.Context(), say("Slowly."))
	if !errors.Is(err, conversation.ErrModelTimeout) {
		t.Errorf("Reply: %v, want %v", err, conversation.ErrModelTimeout)
	}
	if took := time.Since(begun); took > 15*time.Second {
		t.Errorf("a deadline of 1 s was kept after %v", took)
	}
}

func TestClient_StopsWhenTheCallerLeaves(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	c, _ := stub(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client left
		close(arrived)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	_, err := c.Reply(ctx, say("Hello."))
	if f := fault.From(err); f == nil || f.Kind != fault.Canceled {
		t.Errorf("Reply: %v, want a fault of kind canceled", err)
	}
}

// stub is an endpoint for what aimock cannot be made to do: lie about the protocol.
func stub(t *testing.T, handle http.HandlerFunc) (*claude.Client, *httptest.Server) {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return client(t, claude.Config{Endpoint: server.URL}, "key"), server
}

func TestClient_DistrustsTheEndpoint(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the client followed a redirect to %s", r.URL.Path)
	}))
	t.Cleanup(elsewhere.Close)
	cases := map[string]http.HandlerFunc{
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+"/v1/messages", http.StatusTemporaryRedirect)
		},
		"a page of a proxy": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<html>Please sign in</html>"))
		},
		"an empty object": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte("{}"))
		},
		"no body": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"a flood": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			chunk := []byte(strings.Repeat(" ", 1<<20))
			for range 20 {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		},
	}
	for name, handle := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := stub(t, handle)
			reply, err := c.Reply(t.Context(), say("Hello."))
			if !errors.Is(err, conversation.ErrModelFailed) {
				t.Errorf("Reply = %+v, %v; want %v", reply, err, conversation.ErrModelFailed)
			}
		})
	}
}

func TestClient_SaysThatTheEndpointIsNotThere(t *testing.T) {
	t.Parallel()
	c, server := stub(t, func(http.ResponseWriter, *http.Request) {})
	server.Close()
	if _, err := c.Reply(t.Context(), say("Hello.")); !errors.Is(err, conversation.ErrModelUnreachable) {
		t.Errorf("Reply: %v, want %v", err, conversation.ErrModelUnreachable)
	}
}

func TestNew_RefusesAnEndpointThatWouldLeakTheKey(t *testing.T) {
	t.Parallel()
	accepted := []string{
		"", "https://models.example", "https://models.example/anthropic", "http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:9",
	}
	for _, endpoint := range accepted {
		client(t, claude.Config{Endpoint: endpoint}, "key")
	}
	refused := []string{
		"http://models.example", "http://127.0.0.1.example", "http://10.0.0.1", "ftp://models.example", "models.example", "https://",
		"https://user:secret@models.example", "https://models.example/?key=1", "https://models.example/#part", "://",
	}
	for _, endpoint := range refused {
		_, err := claude.New(claude.Config{Endpoint: endpoint}, func() string { return "key" }, time.Now)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("New with %q: %v, want a refusal without the credentials", endpoint, err)
		}
	}
	for name, key := range map[string]func() string{"no key": nil, "an empty key": func() string { return "" }} {
		if _, err := claude.New(claude.Config{}, key, time.Now); err == nil {
			t.Errorf("New with %s succeeded", name)
		}
	}
}

func TestClient_ReadsNothingFromTheEnvironment(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a request went to the address in the environment")
	}))
	defer elsewhere.Close()
	t.Setenv("ANTHROPIC_BASE_URL", elsewhere.URL)
	t.Setenv("ANTHROPIC_API_KEY", "key of the environment")
	t.Setenv("ANTHROPIC_AUTH_TOKEN", "token of the environment")
	t.Setenv("ANTHROPIC_CUSTOM_HEADERS", "X-Custom: of the environment")
	var sent http.Header
	c, _ := stub(t, func(w http.ResponseWriter, r *http.Request) {
		sent = r.Header.Clone()
		w.WriteHeader(http.StatusBadRequest)
	})
	_, _ = c.Reply(t.Context(), say("Hello."))
	if got := sent.Get("X-Api-Key"); got != "key" {
		t.Errorf("the key sent is %q, want the configured one", got)
	}
	for _, name := range []string{"Authorization", "X-Custom"} {
		if got := sent.Get(name); got != "" {
			t.Errorf("header %s: %q was sent", name, got)
		}
	}
}

func TestClient_KeepsTheTraceToItself(t *testing.T) {
	propagator := otel.GetTextMapPropagator()
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))
	defer otel.SetTextMapPropagator(propagator)
	var sent http.Header
	c, _ := stub(t, func(w http.ResponseWriter, r *http.Request) {
		sent = r.Header.Clone()
		w.WriteHeader(http.StatusBadRequest)
	})
	parent := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
	_, _ = c.Reply(trace.ContextWithSpanContext(t.Context(), parent), say("Hello."))
	if sent == nil {
		t.Fatal("no request was sent")
	}
	for _, name := range []string{"Traceparent", "Tracestate", "Baggage"} {
		if got := sent.Get(name); got != "" {
			t.Errorf("header %s: %q was sent to the provider", name, got)
		}
	}
}
