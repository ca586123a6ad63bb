package config

import (
	"crypto/tls"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Networks reads networks and single addresses. After Load none is left out.
func Networks(written []string) []netip.Prefix {
	var networks []netip.Prefix
	for _, text := range written {
		if n, ok := network(text); ok {
			networks = append(networks, n)
		}
	}
	return networks
}

func network(text string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), a.Zone() == ""
	}
	n, err := netip.ParsePrefix(text)
	// An IPv4 address written as an IPv6 one is compared as the former, and so would never be inside.
	return n, err == nil && n == n.Masked() && !n.Addr().Is4In6()
}

func validNetwork(text string) bool {
	_, ok := network(text)
	return ok
}

func validContact(text string) bool {
	u, err := url.Parse(text)
	return text == "" || err == nil && printable(text) && !strings.Contains(text, " ") &&
		(u.Scheme == "https" && u.Host != "" || (u.Scheme == "mailto" || u.Scheme == "tel") && u.Opaque != "")
}

func validInstant(text string) bool {
	_, err := time.Parse(time.RFC3339, text)
	return err == nil
}

func (l *loader) checkListeners() {
	s := l.config.Server
	if validAddress(s.Listen) && !loopback(s.Listen) && !s.BehindTLSProxy && s.TLS.CertFile == "" {
		l.wrong("server.listen", "is reachable from other machines without TLS; listen on 127.0.0.1, set server.tls, or set server.behind_tls_proxy when clients can only come through a proxy that speaks TLS")
	}
	if validAddress(s.AdminListen) && !loopback(s.AdminListen) {
		l.wrong("server.admin_listen", "is reachable from other machines, and asks nobody who they are; listen on 127.0.0.1")
	}
	if s.Listen == s.AdminListen && !strings.HasSuffix(s.Listen, ":0") {
		l.wrong("server.admin_listen", "must be another address than server.listen")
	}
	for _, n := range Networks(s.TrustedProxies) {
		if n.Bits() == 0 {
			l.wrong("server.trusted_proxies", "trusts everybody, so that clients could choose their address; name the proxies alone")
		}
	}
}

// checkTLS finds out before the start whether the certificate and its key can be used.
func (l *loader) checkTLS() {
	t := l.config.Server.TLS
	switch {
	case t == TLS{}:
		return
	case t.KeyFile == "":
		l.problem(l.origin("server.tls"), "server.tls.key_file", "must name the file of the key of server.tls.cert_file")
		return
	case t.CertFile == "":
		l.problem(l.origin("server.tls"), "server.tls.cert_file", "must name the file of the certificate of server.tls.key_file")
		return
	}
	certificate, reason := readFile(t.CertFile, maxSecretBytes)
	if reason != "" {
		l.wrong("server.tls.cert_file", reason)
	}
	key, keyReason := readFile(t.KeyFile, maxSecretBytes)
	if keyReason == "" {
		keyReason = exposed(t.KeyFile)
	}
	if keyReason != "" {
		l.wrong("server.tls.key_file", keyReason)
	}
	if reason != "" || keyReason != "" {
		return
	}
	if _, err := tls.X509KeyPair(certificate, key); err != nil { // which may quote the files
		l.wrong("server.tls.cert_file", "is no certificate in PEM that fits server.tls.key_file")
	}
}
