// Package claude answers prompts with Anthropic's Messages API, or with any endpoint that speaks it, through the
// official SDK. The vendor's types and words end here: errors become the faults of conversation.Model.
package claude

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"

	"github.com/steward-mcp/steward/internal/domain/conversation"
)

// Config says how to reach the endpoint.
type Config struct {
	// Endpoint is the base URL, without the path /v1/messages; empty means Anthropic's own. Plain HTTP is accepted on
	// loopback only, because the key and the conversation travel on it.
	Endpoint string
	// Proxy is the URL of the proxy through which the endpoint is reached; empty means directly, whatever the environment
	// says.
	Proxy string
	// Timeout bounds one Reply, attempts and pauses between them together; zero means two minutes.
	Timeout time.Duration
	// Retries bounds further attempts after 408, 409, 429, 5xx and a lost connection; zero means none.
	Retries int
}

const (
	defaultEndpoint = "https://api.anthropic.com"
	defaultTimeout  = 2 * time.Minute
)

// errNoMessage is about an endpoint that answers with success but does not speak the protocol.
var errNoMessage = errors.New("claude: the response is not a message")

// Client is a conversation.Model. It keeps connections; Close gives them back.
type Client struct {
	messages  anthropic.MessageService
	key       func() string
	timeout   time.Duration
	transport *transport
	meter     *meter
	now       func() time.Time
}

var _ conversation.Model = (*Client)(nil)

// New checks cfg and makes a client; it sends nothing. key is asked at each request, so that a rotated key takes
// effect, and must not answer the empty string. Neither the environment nor the vendor's profile files are read.
func New(cfg Config, key func() string, now func() time.Time) (*Client, error) {
	endpoint, err := parseEndpoint(cfg.Endpoint)
	if err != nil {
		return nil, err
	}
	var proxy *url.URL
	if cfg.Proxy != "" {
		if proxy, err = url.Parse(cfg.Proxy); err != nil {
			return nil, errors.New("claude: the proxy is not a URL") // without err, which repeats it
		}
	}
	if key == nil || key() == "" {
		return nil, errors.New("claude: there is no API key")
	}
	m, err := newMeter()
	if err != nil {
		return nil, err
	}
	timeout := cfg.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	tr := newTransport(proxy)
	vendor := anthropic.NewClient(
		option.WithoutEnvironmentDefaults(),
		option.WithBaseURL(endpoint.String()),
		option.WithHTTPClient(&http.Client{Transport: tr, CheckRedirect: refuseRedirect}),
		option.WithMaxRetries(cfg.Retries),
		option.WithRequestTimeout(timeout),
		// The trace belongs to the operator: its identifiers stay inside, and no variable may put prompts into it.
		option.WithOpenTelemetryPropagation(false),
		option.WithOpenTelemetryTracesContentMode(option.OpenTelemetryContentModeMetadataOnly),
	)
	return &Client{messages: vendor.Messages, key: key, timeout: timeout, transport: tr, meter: m, now: now}, nil
}

// Timeout is the deadline that Reply keeps.
func (c *Client) Timeout() time.Duration { return c.timeout }

// Close closes idle connections. It may be called again, and a later Reply opens new ones.
func (c *Client) Close() error {
	c.transport.base.CloseIdleConnections()
	return nil
}

// Reply implements conversation.Model.
func (c *Client) Reply(ctx context.Context, p conversation.Prompt) (conversation.Reply, error) {
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	begun := c.now()
	message, err := c.messages.New(bounded, toParams(p),
		option.WithAPIKey(c.key()), option.WithOpenTelemetryConversationID(p.Conversation.String()))
	if err == nil && message.Type != "message" {
		err = errNoMessage
	}
	if err != nil {
		f := toFault(ctx, err)
		c.meter.failed(ctx, p.Model, f.Code, c.now().Sub(begun))
		return conversation.Reply{}, f
	}
	reply := toReply(message)
	c.meter.answered(ctx, p.Model, reply, c.now().Sub(begun))
	return reply, nil
}

func parseEndpoint(text string) (*url.URL, error) {
	if text == "" {
		text = defaultEndpoint
	}
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Host == "":
		return nil, errors.New("claude: the endpoint is not a URL with a host")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("claude: the endpoint carries more than scheme, host and path; the key has a setting of its own")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return nil, fmt.Errorf("claude: the endpoint %s would send the key in the clear; use https", u.Redacted())
	}
	return u, nil
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
