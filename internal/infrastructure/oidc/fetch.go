package oidc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

// Bounds of what an issuer, or whoever answers in its place, can make Steward read and wait.
const (
	fetchTimeout   = 5 * time.Second // of all requests for one issuer's keys together
	maxMetadata    = 64 << 10        // bytes
	maxKeySet      = 256 << 10       // bytes
	maxHeaderBytes = 64 << 10
)

var (
	errInsecure = errors.New("keys are fetched over https only; plain http is for loopback addresses, under auth.unsafe_http")
	errTooLarge = errors.New("the document is too large")
	errMismatch = errors.New("the metadata is of another issuer")
	errNoKeyURI = errors.New("the metadata does not say where the keys are")
	errProxy    = errors.New("the proxy is no URL")
	errStatus   = errors.New("the issuer answered with another status than 200")
)

// fetcher gets documents of issuers.
type fetcher struct {
	client     *http.Client
	unsafeHTTP bool
}

func newFetcher(c Config) (*fetcher, error) {
	t := &http.Transport{
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
		MaxResponseHeaderBytes: maxHeaderBytes, DisableKeepAlives: true, DisableCompression: true,
	}
	if c.Proxy != "" {
		proxy, err := url.Parse(c.Proxy)
		if err != nil {
			return nil, errProxy // without err, which repeats what may have a password in it
		}
		t.Proxy = http.ProxyURL(proxy)
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &fetcher{client: &http.Client{Transport: t, CheckRedirect: stay}, unsafeHTTP: c.UnsafeHTTP}, nil
}

// keys fetches the keys of an issuer, from where the configuration says or else where its metadata does.
func (f *fetcher) keys(ctx context.Context, i Issuer) ([]key, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	at := i.JWKSURL
	if at == "" {
		var err error
		if at, err = f.discover(ctx, i.URL); err != nil {
			return nil, fmt.Errorf("discover the issuer: %w", err)
		}
	}
	text, err := f.get(ctx, at, maxKeySet)
	if err != nil {
		return nil, fmt.Errorf("fetch the key set: %w", err)
	}
	keys, err := parseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("read the key set: %w", err)
	}
	return keys, nil
}

// discover asks the issuer's metadata where its keys are. Metadata that names another issuer ends the search: who serves
// it is not to be trusted with a second answer.
func (f *fetcher) discover(ctx context.Context, issuer string) (string, error) {
	var failures []error
	for _, at := range metadataURLs(issuer) {
		text, err := f.get(ctx, at, maxMetadata)
		var metadata struct {
			Issuer string `json:"issuer"`
			Keys   string `json:"jwks_uri"`
		}
		if err == nil {
			err = json.Unmarshal(text, &metadata)
		}
		switch {
		case err != nil:
			failures = append(failures, err)
		case metadata.Issuer != issuer:
			return "", errMismatch
		case metadata.Keys == "":
			return "", errNoKeyURI
		default:
			return metadata.Keys, nil
		}
	}
	return "", errors.Join(failures...)
}

// metadataURLs are where an issuer's metadata may be: behind its path (OpenID Connect Discovery 1.0 §4), or between host
// and path (RFC 8414 §3.1).
func metadataURLs(issuer string) []string {
	issuer = strings.TrimSuffix(issuer, "/")
	urls := []string{issuer + "/.well-known/openid-configuration"}
	if u, err := url.Parse(issuer); err == nil {
		u.Path, u.RawPath = "/.well-known/oauth-authorization-server"+u.Path, ""
		urls = append(urls, u.String())
	}
	return urls
}

// get reads a document of at most so many bytes. It follows no redirect.
func (f *fetcher) get(ctx context.Context, at string, most int64) ([]byte, error) {
	if !f.secure(at) {
		return nil, errInsecure
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	response, err := f.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // what was read is whole, or read says why not
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: %d", errStatus, response.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > most {
		return nil, errTooLarge
	}
	return text, nil
}

func (f *fetcher) secure(at string) bool {
	u, err := url.Parse(at)
	if err != nil || u.Host == "" || u.User != nil {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && f.unsafeHTTP && isLoopback(u.Hostname())
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.Unmap().IsLoopback()
}
