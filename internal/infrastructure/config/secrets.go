package config

import (
	"reflect"
	"slices"
	"strings"
)

// Secrets are the texts of all secrets that are configured, and of those that env, as os.Environ gives it, holds for
// other programs: variables of dbt's for secrets, and those whose name ends like that of a password, token or key.
func (c Config) Secrets(env []string) []string {
	var secrets []string
	add := func(text string) {
		if text != "" && !slices.Contains(secrets, text) {
			secrets = append(secrets, text)
		}
	}
	v := reflect.ValueOf(c)
	for _, f := range allFields() {
		if s, ok := reflect.TypeAssert[Secret](v.FieldByIndex(f.index)); ok {
			add(s.Reveal())
		}
	}
	for _, entry := range env {
		if name, value, _ := strings.Cut(entry, "="); namesSecret(name) {
			add(value)
		}
	}
	return secrets
}

func namesSecret(variable string) bool {
	name := strings.ToUpper(variable)
	return strings.HasPrefix(name, "DBT_ENV_SECRET") || slices.ContainsFunc(
		[]string{"PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "API_KEY", "ACCESS_KEY", "PRIVATE_KEY", "_PEPPER"},
		func(end string) bool { return strings.HasSuffix(name, end) })
}
