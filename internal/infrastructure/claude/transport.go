package claude

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	maxResponse = 16 << 20 // bytes; far beyond any reply within max_tokens, and short of harm
	maxPause    = 10 * time.Second
)

var errTooLarge = errors.New("the response is too large")

// transport bounds what the endpoint can make Steward read and wait. The SDK waits for as long as Retry-After says;
// a pause beyond maxPause, or beyond the deadline, is better told to the caller.
type transport struct {
	base *http.Transport
}

// newTransport goes through the proxy, or directly when there is none: what the environment names for other programs gets
// neither the conversation nor the name of the endpoint.
func newTransport(proxy *url.URL) *transport {
	base := &http.Transport{}
	if usual, ok := http.DefaultTransport.(*http.Transport); ok {
		base = usual.Clone()
	}
	base.Proxy = nil
	if proxy != nil {
		base.Proxy = http.ProxyURL(proxy)
	}
	return &transport{base: base}
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := t.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	res.Body = &limitedBody{ReadCloser: res.Body, left: maxResponse}
	if pause := retryAfter(res.Header); pause > maxPause || !fits(req.Context(), pause) {
		res.Header.Set("x-should-retry", "false") // the SDK's own switch
	}
	return res, nil
}

func fits(ctx context.Context, pause time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return !ok || pause < time.Until(deadline) //nolint:forbidigo // deadlines of contexts are on the wall clock
}

// limitedBody fails where io.LimitReader would pretend that the body ended.
type limitedBody struct {
	io.ReadCloser
	left int64
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	return n, err
}

// refuseRedirect keeps the key and the conversation from following a redirect to another host.
func refuseRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
