package app

import (
	"context"
	"net/netip"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/identityapp"
	"github.com/steward-mcp/steward/internal/infrastructure/certificate"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/internal/infrastructure/ratelimit"
	"github.com/steward-mcp/steward/internal/presentation/httpapi"
)

func newEdge(c config.Config, r *cqrs.Recorder, a *identityapp.Authenticator, p propagation.TextMapPropagator, limits *ratelimit.Edge, log *zap.Logger) (*httpapi.Edge, error) {
	e := &httpapi.Edge{
		Records: r, Authn: a, Context: p, Log: log, MaxBody: c.Server.MaxBodyBytes, Limits: limits,
		Hosts: lower(c.Server.AllowedHosts), Origins: lower(c.Server.AllowedOrigins), Networks: config.Networks(c.Server.AllowedNetworks),
		Proxies: httpapi.Proxies{Trusted: config.Networks(c.Server.TrustedProxies), Header: c.Server.ForwardedHeader},
		Contact: newContact(c.Server.SecurityTxt), BehindTLS: c.Server.BehindTLSProxy,
	}
	if len(c.Auth.Issuers) == 0 {
		return e, nil
	}
	var err error
	e.Resource, err = httpapi.NewResource(c.Auth.Resource, c.Auth.AuthorizationServers(), c.Auth.Scopes())
	return e, err
}

// newEdgeLimits makes the limits of addresses, of the whole, and of what runs at a time. Refused requests of a principal
// have the rate of its calls.
func newEdgeLimits(c config.Config, n now) (*ratelimit.Edge, error) {
	r := c.Security.RateLimit
	if !r.Enabled {
		return ratelimit.NewEdge(ratelimit.EdgeConfig{}, n)
	}
	limits := ratelimit.EdgeConfig{
		PerAddress:    ratelimit.Rate{PerMinute: r.PerAddress.RequestsPerMinute, Burst: r.PerAddress.BurstSize},
		Global:        ratelimit.Rate{PerMinute: r.Global.RequestsPerMinute, Burst: r.Global.BurstSize},
		Refusals:      ratelimit.Rate{PerMinute: r.RequestsPerMinute, Burst: r.BurstSize},
		MaxConcurrent: r.MaxConcurrent, MaxConcurrentPerPrincipal: r.MaxConcurrentPerPrincipal,
	}
	if unknownProxy(c) {
		limits.PerAddress = ratelimit.Rate{}
	}
	return ratelimit.NewEdge(limits, n)
}

// unknownProxy reports whether all clients have the address of a proxy that nobody named. Limits of an address would then
// be those of everybody.
func unknownProxy(c config.Config) bool {
	return c.Server.BehindTLSProxy && len(c.Server.TrustedProxies) == 0
}

func warnOfProxy(c config.Config, log *zap.Logger) {
	if unknownProxy(c) {
		log.Warn("server.trusted_proxies names no proxy, so every request seems to come from the proxy's address: nothing is limited by address")
	}
}

// newCertificate reads the certificate of the public listener; nil when it has none.
func newCertificate(c config.Config, n now, log *zap.Logger) (*certificate.Files, error) {
	t := c.Server.TLS
	if t.CertFile == "" {
		return nil, nil //nolint:nilnil // without TLS there is nothing to make
	}
	return certificate.Open(t.CertFile, t.KeyFile, n, log)
}

// withCertificate adds the check of a certificate, where there is one.
func withCertificate(checks []httpapi.Check, f *certificate.Files) []httpapi.Check {
	if f == nil {
		return checks
	}
	return append(checks, httpapi.Check{Name: "certificate", Ask: func(context.Context) error { return f.Check() }})
}

// mainOptions are what the public listener has beside the operators' one.
func mainOptions(c config.Config, e *httpapi.Edge, f *certificate.Files) []httpapi.Option {
	room := httpapi.Room{Most: c.Server.MaxConnections, Each: c.Server.MaxConnectionsPerAddress}
	if unknownProxy(c) {
		room.Each = 0
	}
	proxies := e.Proxies.Trusted
	room.Of = func(from netip.Addr) (netip.Prefix, bool) {
		return ratelimit.Subscriber(from), !slices.ContainsFunc(proxies, func(n netip.Prefix) bool { return n.Contains(from) })
	}
	options := []httpapi.Option{httpapi.WithRoom(room), httpapi.WithUnread(e.Unread)}
	if f != nil {
		options = append(options, httpapi.WithTLS(f.Config()))
	}
	return options
}

// Where the project wants to hear of weaknesses, and what it promises to whoever reports one.
const (
	reportAt     = "https://github.com/steward-mcp/steward/security/advisories/new"
	reportPolicy = "https://github.com/steward-mcp/steward/security/policy"
)

func newContact(s config.SecurityTxt) httpapi.Contact {
	contact := httpapi.Contact{URI: s.Contact}
	if s.Contact == "" {
		contact = httpapi.Contact{URI: reportAt, Policy: reportPolicy}
	}
	var err error
	if contact.Expires, err = time.Parse(time.RFC3339, s.Expires); err != nil { // nothing is configured
		contact.Expires = built().AddDate(1, 0, 0)
	}
	return contact
}

// ContactExpires is until when what /.well-known/security.txt says holds.
func ContactExpires(c config.Config) time.Time { return newContact(c.Server.SecurityTxt).Expires }

// built is when the source was committed that this binary is of, or else when the binary was written.
func built() time.Time {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if at, err := time.Parse(time.RFC3339, s.Value); s.Key == "vcs.time" && err == nil {
				return at
			}
		}
	}
	name, err := os.Executable()
	if err != nil {
		return time.Time{}
	}
	info, err := os.Stat(name)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
