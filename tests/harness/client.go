package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
)

// Era is one of the two ways to speak to an MCP endpoint.
type Era string

// The eras: with the initialize handshake, and without.
const (
	Legacy Era = "2025-11-25"
	Modern Era = "2026-07-28"
)

// Client speaks MCP over HTTP with as little as the protocol asks for, so that what a test sees is the server's doing.
// Safe for concurrent use after its first call.
type Client struct {
	URL     string
	Key     string
	Era     Era
	HTTP    *http.Client
	session atomic.Pointer[string]
	next    atomic.Int64
}

// NewClient makes a client of its own connections.
func NewClient(url, key string, era Era) *Client {
	const connections = 512
	return &Client{URL: url, Key: key, Era: era, HTTP: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections},
	}}
}

// Close ends the client's idle connections.
func (c *Client) Close() { c.HTTP.CloseIdleConnections() }

// Session is the id of the legacy era's session; empty before the first call.
func (c *Client) Session() string {
	if sid := c.session.Load(); sid != nil {
		return *sid
	}
	return ""
}

// RPCError is a JSON-RPC error answer.
type RPCError struct {
	Code    int             `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data"`
	Status  int             `json:"-"` // HTTP
	Request string          `json:"-"` // X-Request-Id
}

func (e *RPCError) Error() string {
	return fmt.Sprintf("JSON-RPC error %d (HTTP %d): %s %s", e.Code, e.Status, e.Message, e.Data)
}

// Result is what a tool answered.
type Result struct {
	Content []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	} `json:"content"`
	Structured json.RawMessage `json:"structuredContent"`
	IsError    bool            `json:"isError"`
	Request    string          `json:"-"` // X-Request-Id
}

// Text is the first text of the answer.
func (r Result) Text() string {
	for _, c := range r.Content {
		if c.Type == "text" {
			return c.Text
		}
	}
	return ""
}

// Failure is what an error result says.
type Failure struct {
	Code        string   `json:"code"`
	Message     string   `json:"message"`
	Suggestions []string `json:"suggestions"`
	RetryAfter  float64  `json:"retry_after_seconds"`
	Request     string   `json:"request_id"`
}

func (f *Failure) Error() string {
	return fmt.Sprintf("%s: %s %s", f.Code, f.Message, strings.Join(f.Suggestions, ", "))
}

// Tool calls a tool and decodes its structured result into out, unless out is nil. An error result is a *Failure.
func (c *Client) Tool(ctx context.Context, name string, args, out any) (Result, error) {
	var r Result
	request, err := c.do(ctx, "tools/call", map[string]any{"name": name, "arguments": args}, &r)
	if r.Request = request; err != nil {
		return r, err
	}
	if r.IsError {
		f := &Failure{}
		if err := json.Unmarshal([]byte(r.Text()), f); err != nil {
			return r, fmt.Errorf("an error result that is no failure: %q", r.Text())
		}
		return r, f
	}
	if out == nil {
		return r, nil
	}
	d := json.NewDecoder(bytes.NewReader(r.Structured))
	d.UseNumber()
	return r, d.Decode(out)
}

// Do makes one request. A JSON-RPC error is a *RPCError.
func (c *Client) Do(ctx context.Context, method string, params map[string]any, out any) error {
	_, err := c.do(ctx, method, params, out)
	return err
}

// do also gives the request id under which the server has recorded the request.
func (c *Client) do(ctx context.Context, method string, params map[string]any, out any) (request string, err error) {
	if c.Era == Legacy && method != "initialize" && c.session.Load() == nil {
		if err := c.initialize(ctx); err != nil {
			return "", err
		}
	}
	body, err := c.message(method, params)
	if err != nil {
		return "", err
	}
	var headers map[string]string
	if c.Era == Modern {
		name, _ := params["name"].(string)
		if uri, ok := params["uri"].(string); ok {
			name = uri
		}
		headers = map[string]string{"Mcp-Method": method, "Mcp-Name": name}
	}
	answer, status, header, err := c.Post(ctx, body, headers)
	if err != nil {
		return "", err
	}
	if sid := header.Get("Mcp-Session-Id"); sid != "" {
		c.session.Store(&sid)
	}
	request = header.Get("X-Request-Id")
	err = read(answer, status, out)
	if refusal, ok := errors.AsType[*RPCError](err); ok {
		refusal.Request = request
	}
	return request, err
}

// message is a request in the client's era.
func (c *Client) message(method string, params map[string]any) ([]byte, error) {
	if params == nil {
		params = map[string]any{}
	}
	if c.Era == Modern {
		params["_meta"] = modernMeta()
	}
	return json.Marshal(map[string]any{"jsonrpc": "2.0", "id": c.next.Add(1), "method": method, "params": params})
}

func modernMeta() map[string]any {
	return map[string]any{
		"io.modelcontextprotocol/protocolVersion":    string(Modern),
		"io.modelcontextprotocol/clientInfo":         map[string]string{"name": "harness", "version": "1"},
		"io.modelcontextprotocol/clientCapabilities": map[string]any{},
	}
}

func legacyHello() map[string]any {
	return map[string]any{
		"protocolVersion": string(Legacy), "capabilities": map[string]any{},
		"clientInfo": map[string]string{"name": "harness", "version": "1"},
	}
}

func read(answer []byte, status int, out any) error {
	var reply Reply
	if err := json.Unmarshal(answer, &reply); err != nil {
		return fmt.Errorf("HTTP %d, and the answer is no JSON-RPC response: %.200q", status, answer)
	}
	if reply.Error != nil {
		reply.Error.Status = status
		return reply.Error
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(reply.Result, out)
}

// Post sends bytes as they are, with the client's own headers and then the given ones; Host is one of them, and an
// empty value leaves a header out.
func (c *Client) Post(ctx context.Context, body []byte, headers map[string]string) ([]byte, int, http.Header, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, bytes.NewReader(body))
	if err != nil {
		return nil, 0, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	r.Header.Set("Mcp-Protocol-Version", string(c.Era))
	if c.Key != "" {
		r.Header.Set("Authorization", "Bearer "+c.Key)
	}
	if sid := c.session.Load(); sid != nil {
		r.Header.Set("Mcp-Session-Id", *sid)
	}
	for name, value := range headers {
		switch {
		case name == "Host":
			r.Host = value
		case value == "":
			r.Header.Del(name)
		default:
			r.Header.Set(name, value)
		}
	}
	response, err := c.HTTP.Do(r)
	if err != nil {
		return nil, 0, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if response.Header.Get("Content-Type") == "text/event-stream" {
		answer = lastEvent(answer)
	}
	return answer, response.StatusCode, response.Header, err
}

// lastEvent is the last message of a stream: what comes before the answer tells how far it is.
func lastEvent(stream []byte) (message []byte) {
	for line := range bytes.Lines(stream) {
		if data, ok := bytes.CutPrefix(line, []byte("data: ")); ok && len(bytes.TrimSpace(data)) > 0 {
			message = bytes.TrimSpace(data)
		}
	}
	return message
}

func (c *Client) initialize(ctx context.Context) error {
	if err := c.Do(ctx, "initialize", legacyHello(), nil); err != nil {
		return err
	}
	_, status, _, err := c.Post(ctx, []byte(`{"jsonrpc":"2.0","method":"notifications/initialized"}`), nil)
	if err == nil && status != http.StatusAccepted {
		err = fmt.Errorf("notifications/initialized answered HTTP %d", status)
	}
	return err
}
