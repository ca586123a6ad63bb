package component_test

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/fx"

	"github.com/steward-mcp/steward/internal/application/auditapp"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/domain/metric/where"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

// events are the security events that /metrics tells of; those that never were are not among them.
func (w *world) events(t *testing.T) map[string]int {
	t.Helper()
	status, text := get(t, w.admin+"/metrics")
	if status != http.StatusOK {
		t.Fatalf("HTTP %d", status)
	}
	counts := map[string]int{}
	shown := 0
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), `steward_security_events_total{event="`)
		if !ok {
			continue
		}
		name, value, _ := strings.Cut(rest, `"} `)
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if shown++; n > 0 {
			counts[name] = int(n)
		}
	}
	if shown != len(auditapp.Events()) {
		t.Fatalf("%d events are shown, want %d:\n%s", shown, len(auditapp.Events()), text)
	}
	return counts
}

// from makes a request of an address, by the word of the proxy that the test is.
func (w *world) from(t *testing.T, address string) *http.Request {
	t.Helper()
	r := w.post(t, echo("x", ""))
	r.Header.Set("X-Forwarded-For", address)
	return r
}

func behindProxy(c *config.Config) { c.Server.TrustedProxies = []string{"127.0.0.0/8"} }

// provocation is what must be told of.
type provocation struct {
	change func(*config.Config)
	more   []fx.Option
	do     func(t *testing.T, w *world)
	want   map[string]int
	silent bool // it has no line of its own
}

func provocations() map[string]provocation {
	ask := func(spoil func(*http.Request), body string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			t.Helper()
			r := w.post(t, body)
			spoil(r)
			send(t, r)
		}
	}
	as := func(*http.Request) {}
	calls := func(name, arguments string) func(*testing.T, *world) {
		body := strings.NewReplacer(`"name":"echo"`, `"name":"`+name+`"`, `{"text":"x"}`, arguments).Replace(echo("x", ""))
		return ask(header("Mcp-Name", name), body)
	}
	clock := newHand()
	return map[string]provocation{
		"no key":      {do: ask(func(r *http.Request) { r.Header.Del("Authorization") }, echo("x", "")), want: map[string]int{"authn_failed": 1}},
		"another key": {do: ask(header("Authorization", "Bearer none"), echo("x", "")), want: map[string]int{"authn_failed": 1}},
		"a revoked key": {want: map[string]int{"key_refused": 1}, do: func(t *testing.T, w *world) {
			t.Helper()
			k, credential := w.issued(t, identity.Grant{Name: "former", Personas: []string{"caller"}})
			id, err := identity.ParseKeyID(k.ID)
			if err != nil {
				t.Fatal(err)
			}
			err = w.keys.Update(t.Context(), id, func(k *identity.Key) error { k.Revoke(time.Now()); return nil })
			if err != nil {
				t.Fatal(err)
			}
			w.key = credential.Reveal()
			send(t, w.post(t, echo("x", "")))
		}},
		"a hidden tool": {do: calls("fixture_hidden", "{}"), want: map[string]int{"authz_denied": 1}},
		"a rate": {
			change: func(c *config.Config) {
				c.Security.RateLimit = config.RateLimit{Enabled: true, RequestsPerMinute: 1, BurstSize: 1}
			},
			do: func(t *testing.T, w *world) {
				t.Helper()
				send(t, w.post(t, echo("x", "")))
				send(t, w.post(t, echo("x", "")))
			},
			want: map[string]int{"rate_limited": 1},
		},
		"no JSON":         {do: ask(as, "{"), want: map[string]int{"malformed": 1}},
		"no path":         {do: func(t *testing.T, w *world) { t.Helper(); get(t, strings.TrimSuffix(w.url, "/mcp")+"/etc/passwd") }, want: map[string]int{"malformed": 1}},
		"wrong arguments": {do: calls("fixture_picky", "{}"), want: map[string]int{"bad_input": 1}},
		"a path that climbs": {change: reader, want: map[string]int{"injection": 1}, do: func(t *testing.T, w *world) {
			t.Helper()
			said(t, w.client(t, w.key, ways[1].era), "resources/read", map[string]any{"uri": "note://%2E%2e/..%2f../etc/passwd"})
		}},
		"a page":              {do: ask(header("Origin", "https://attacker.example.com"), echo("x", "")), want: map[string]int{"foreign_origin": 1}},
		"a rebound name":      {do: ask(func(r *http.Request) { r.Host = "attacker.example.com" }, echo("x", "")), want: map[string]int{"foreign_origin": 1}},
		"a key in an address": {do: ask(func(r *http.Request) { r.URL.RawQuery = "api_key=x" }, echo("x", "")), want: map[string]int{"credential_in_url": 1}},
		"a closed session": {change: operators, want: map[string]int{"session_closed": 1}, do: func(t *testing.T, w *world) {
			t.Helper()
			operator := w.issue(t, identity.Grant{Name: "operator", Personas: []string{"operator"}})
			send(t, w.post(t, echo("x", "")))
			all := w.requests(t)
			if status, answer := w.act(t, operator, "POST", "/admin/v1/sessions/"+all[len(all)-1].Session+"/close", `{}`); status != http.StatusOK {
				t.Fatalf("HTTP %d %v", status, answer)
			}
			send(t, w.post(t, echo("x", "")))
		}},
		"a secret on its way into the journal": {silent: true, want: map[string]int{"redaction": 1}, do: func(t *testing.T, w *world) {
			t.Helper()
			send(t, w.post(t, echo("x", `,"steward/purpose":`+quote("because of "+w.key))))
		}},
		"a key from elsewhere": {change: behindProxy, want: map[string]int{"new_address": 1}, do: func(t *testing.T, w *world) {
			t.Helper()
			for _, address := range []string{"192.0.2.1", "192.0.2.1", "198.51.100.1", "192.0.2.1"} {
				send(t, w.from(t, address))
			}
		}},
		"a burst": {more: []fx.Option{clock.option()}, want: map[string]int{"burst": 1}, do: func(t *testing.T, w *world) {
			t.Helper()
			for range 6 {
				send(t, w.post(t, echo("x", "")))
				clock.advance(time.Minute)
			}
			p := w.client(t, w.key, ways[1].era)
			for range 70 {
				call(t, p, "echo", map[string]any{"text": "x"})
			}
		}},
		"a broken journal": {change: func(c *config.Config) { c.Audit.MaxSegmentBytes = 1 }, want: map[string]int{"journal_broken": 1}, do: func(t *testing.T, w *world) {
			t.Helper()
			w.breakJournal(t)
			send(t, w.post(t, echo("x", "")))
		}},
	}
}

// Whatever operators should hear of is counted where they look, has a line in the log that leads to the record, and nothing
// else is taken for it.
func TestEvents_AreToldOfWhereTheyHappen(t *testing.T) {
	t.Parallel()
	for name, p := range provocations() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := serve(t, p.change, p.more...)
			if counts := w.events(t); len(counts) > 0 {
				t.Errorf("before anything happened: %v", counts)
			}
			p.do(t, w)
			if diff := cmp.Diff(p.want, w.events(t)); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			for event := range p.want {
				line, want := fmt.Sprintf(`"msg":"security event","event":%q`, event), 1
				if p.silent {
					want = 0
				}
				if got := strings.Count(w.log.String(), line); got != want {
					t.Errorf("%d lines of %s, want %d:\n%s", got, event, want, w.log)
				}
			}
			if event := slices.Sorted(maps.Keys(p.want))[0]; !p.silent && event != "journal_broken" {
				w.leadsToRecord(t, event)
			}
		})
	}
}

// leadsToRecord holds the request that a line names against the journal.
func (w *world) leadsToRecord(t *testing.T, event string) {
	t.Helper()
	_, line, _ := strings.Cut(w.log.String(), fmt.Sprintf(`"event":%q`, event))
	line, _, _ = strings.Cut(line, "\n")
	for _, r := range w.requests(t) {
		if strings.Contains(line, fmt.Sprintf(`"request_id":%q`, r.Request)) {
			return
		}
	}
	t.Errorf("the line leads to no record: %s", line)
}

// What the grammar of filters refuses is told apart from other input that cannot run.
func TestEvents_TellAFilterThatIsNone(t *testing.T) {
	t.Parallel()
	if got := auditapp.EventOf(audit.Record{Outcome: where.ErrSyntax.Code, DeniedBy: audit.ByInput}); got != auditapp.Injection {
		t.Errorf("taken for %q", got)
	}
}

// The guide tells of every event there is, and its rules for Prometheus ask for no other.
func TestEvents_AreInTheOperatorsGuide(t *testing.T) {
	t.Parallel()
	text, blocks := document(t, "operations.md")
	want := map[string]bool{}
	for _, event := range auditapp.Events() {
		want[string(event)] = true
	}
	_, table, _ := strings.Cut(text, "| Event | Is |")
	table, _, _ = strings.Cut(table, "\n\n")
	listed := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(table, -1) {
		listed[row[1]] = true
	}
	if diff := cmp.Diff(want, listed); diff != "" {
		t.Errorf("the table (-there are +listed):\n%s", diff)
	}
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	at := slices.IndexFunc(blocks, func(b block) bool { return b.title == "prometheus" })
	if err := yaml.Unmarshal([]byte(blocks[at].text), &rules); err != nil || len(rules.Groups) != 1 || len(rules.Groups[0].Rules) == 0 {
		t.Fatal(err, rules)
	}
	for _, r := range rules.Groups[0].Rules {
		found := regexp.MustCompile(`steward_security_events_total\{event=~?"([a-z_|]+)"\}`).FindStringSubmatch(r.Expr)
		if found == nil {
			t.Errorf("%s asks for %s", r.Alert, r.Expr)
			continue
		}
		for name := range strings.SplitSeq(found[1], "|") {
			if !want[name] {
				t.Errorf("%s asks for %s, which is no event", r.Alert, name)
			}
		}
	}
}

// A caller does not see what the operator does: that the key was a good one once.
func TestEvents_AreNothingToTheCaller(t *testing.T) {
	t.Parallel()
	w := serve(t, nil)
	answers := map[string]string{}
	for _, name := range []string{"another key", "a revoked key"} {
		w.key = "stw_dev_aaaaaaaaaaaaaaaa_x"
		if name == "a revoked key" {
			provocations()[name].do(t, w)
		}
		status, head, body := send(t, w.post(t, echo("x", "")))
		head.Del("Date")
		id := head.Get("X-Request-Id")
		answers[name] = strings.ReplaceAll(fmt.Sprint(status, head, body), id, "REQUEST")
	}
	if diff := cmp.Diff(answers["another key"], answers["a revoked key"]); diff != "" {
		t.Errorf("told apart (-unknown +revoked):\n%s", diff)
	}
	if got := w.events(t); got["authn_failed"] != 1 || got["key_refused"] != 2 {
		t.Errorf("events: %v", got)
	}
}

// Whoever has a network of 64 bits has as many addresses as they like, and is one client.
func TestEvents_TakeAnAttackerWhoRotatesAddressesForOne(t *testing.T) {
	t.Parallel()
	w := serve(t, behindProxy)
	for i := range 40 {
		if status, _, body := send(t, w.from(t, fmt.Sprintf("2001:db8:1:2::%x", i+1))); status != http.StatusOK {
			t.Fatalf("HTTP %d %s", status, body)
		}
	}
	if got := w.events(t); len(got) > 0 {
		t.Errorf("from one network: %v", got)
	}
	send(t, w.from(t, "2001:db8:1:3::1"))
	if diff := cmp.Diff(map[string]int{"new_address": 1}, w.events(t)); diff != "" {
		t.Errorf("from another (-want +got):\n%s", diff)
	}
}

// A flood of refusals leaves its number, and a few lines.
func TestEvents_AFloodFillsNoLog(t *testing.T) {
	t.Parallel()
	w := serve(t, nil)
	const flood = 150
	good := w.key
	w.key = "none"
	for range flood {
		send(t, w.post(t, echo("x", "")))
	}
	w.key = good
	if diff := cmp.Diff(map[string]int{"authn_failed": flood}, w.events(t)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	w.stop()
	lines := strings.Count(w.log.String(), `"msg":"security event"`)
	if lines != 10 || !strings.Contains(w.log.String(), fmt.Sprintf(`"event":"authn_failed","count":%d`, flood-10)) {
		t.Errorf("%d lines:\n%s", lines, w.log)
	}
}
