package config

import (
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-playground/validator/v10"

	"github.com/steward-mcp/steward/internal/domain/identity"
)

// rule is a validation of our own: which texts hold, and what to say of the others.
type rule struct {
	holds    func(string) bool
	sentence string
}

var rules = map[string]rule{
	"address":         {validAddress, "must be an address such as 127.0.0.1:7878: an IP address or localhost, a colon and a port"},
	"contact":         {validContact, "must be a mailto:, https: or tel: URI"},
	"environment_tag": {identity.ValidEnv, "must be a lower-case letter and up to 15 more lower-case letters or digits"},
	"endpoint":        {validEndpoint, "must be an https:// URL without query or credentials; http:// is for loopback only"},
	"env_name":        {validEnvName, "must be the name of an environment variable"},
	"host":            {validHost, "must be a host name or IP address, with or without a port, and without a scheme"},
	"instant":         {validInstant, "must be a time such as 2027-01-31T00:00:00Z"},
	"network":         {validNetwork, "must be a network such as 10.0.0.0/8, or an address"},
	"origin":          {validOrigin, "must be an origin such as https://app.example.com: a scheme, a host and perhaps a port"},
	"printable":       {printable, "must hold printable characters only"},
	"tool_suffix":     {validToolSuffix, "must be an underscore and 1 to 20 lower-case letters, digits or underscores, such as _tool"},
}

// newValidator makes a validator that names fields by their keys.
func newValidator() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(yamlName)
	for tag, r := range rules {
		// It fails only for an empty or a reserved tag.
		_ = v.RegisterValidation(tag, func(fl validator.FieldLevel) bool {
			return fl.Field().Kind() == reflect.String && r.holds(fl.Field().String())
		}, true)
	}
	return v
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

func validToolSuffix(suffix string) bool {
	word, ok := strings.CutPrefix(suffix, "_")
	return ok && word != "" && len(word) <= 20 && strings.Trim(word, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

func validPort(port string) bool {
	_, err := strconv.ParseUint(port, 10, 16)
	return err == nil
}

// validAddress accepts only what needs no name service: whether a name is public would depend on the answer.
func validAddress(address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil || !validPort(port) {
		return false
	}
	_, err = netip.ParseAddr(host)
	return err == nil || host == "" || host == "localhost"
}

// loopback reports whether only this machine reaches a valid address. An empty host is every interface.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func validHost(host string) bool {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	} else if !validPort(port) {
		return false
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return validHostName(name)
}

// validHostName follows RFC 1123 §2.1, and lets underscores pass, which private networks use.
func validHostName(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") ||
			strings.ContainsFunc(label, func(r rune) bool { return !isWord(r) && r != '-' }) {
			return false
		}
	}
	return true
}

func isWord(r rune) bool {
	return r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// validOrigin follows RFC 6454 §6.2: nothing behind host and port, no trailing slash.
func validOrigin(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && validHost(u.Host) &&
		origin == u.Scheme+"://"+u.Host
}

func validEndpoint(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && loopback(net.JoinHostPort(u.Hostname(), "0"))
}

func validEnvName(name string) bool {
	return name != "" && (name[0] < '0' || name[0] > '9') && !strings.ContainsFunc(name, func(r rune) bool { return !isWord(r) })
}
