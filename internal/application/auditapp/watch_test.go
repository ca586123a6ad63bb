package auditapp_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/steward-mcp/steward/internal/application/auditapp"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/domain/identity/identitytest"
)

// tower is a watch with its clock, its counts and its log.
type tower struct {
	*auditapp.Watch
	now    time.Time
	reader *sdkmetric.ManualReader
	log    *observer.ObservedLogs
}

func newTower(t *testing.T) *tower {
	t.Helper()
	w := &tower{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), reader: sdkmetric.NewManualReader()}
	core, log := observer.New(zapcore.DebugLevel)
	w.log = log
	var err error
	w.Watch, err = auditapp.NewWatch(sdkmetric.NewMeterProvider(sdkmetric.WithReader(w.reader)), zap.New(core), func() time.Time { return w.now })
	if err != nil {
		t.Fatal(err)
	}
	w.Begin(t.Context())
	return w
}

// counts are the events that were counted, but for those that never were.
func (w *tower) counts(t *testing.T) map[auditapp.Event]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := w.reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	counts := map[auditapp.Event]int64{}
	for _, point := range all.ScopeMetrics[0].Metrics[0].Data.(metricdata.Sum[int64]).DataPoints {
		event, _ := point.Attributes.Value("event")
		if point.Value > 0 {
			counts[auditapp.Event(event.AsString())] = point.Value
		}
	}
	return counts
}

func (w *tower) expect(t *testing.T, what string, want map[auditapp.Event]int64) {
	t.Helper()
	if diff := cmp.Diff(want, w.counts(t)); diff != "" {
		t.Errorf("%s: events (-want +got):\n%s", what, diff)
	}
}

func keyID(t *testing.T) identity.KeyID {
	t.Helper()
	k, _ := identitytest.Issue(t, "Ada", time.Now())
	return k.ID()
}

func refused(by, code string) audit.Record {
	return audit.Record{Phase: audit.Closed, Request: "req_1", Address: "192.0.2.7", DeniedBy: by, Outcome: code}
}

func TestEventOf_TellsWhatARecordIsAbout(t *testing.T) {
	t.Parallel()
	at := func(target string, r audit.Record) audit.Record { r.Target = target; return r }
	why := func(reason string, r audit.Record) audit.Record { r.Detail = reason; return r }
	unauthenticated := refused(audit.ByAuthentication, "identity.unauthenticated")
	for name, c := range map[string]struct {
		record audit.Record
		want   auditapp.Event
	}{
		"success":                 {refused("", audit.OK), ""},
		"an intent":               {audit.Record{Phase: audit.Intent}, ""},
		"a failure":               {refused("", "internal"), ""},
		"a question":              {refused(audit.ByInput, "tool.input_required"), ""},
		"no credential":           {unauthenticated, auditapp.AuthnFailed},
		"an unknown key":          {why("no key has this id", unauthenticated), auditapp.AuthnFailed},
		"a wrong secret":          {why("the secret is not the key's", unauthenticated), auditapp.AuthnFailed},
		"a revoked key":           {why("the key is revoked", unauthenticated), auditapp.KeyRefused},
		"an expired key":          {why("the key has expired", unauthenticated), auditapp.KeyRefused},
		"a replaced secret":       {why("the key has a newer secret, and the time of the old one is over", unauthenticated), auditapp.KeyRefused},
		"a key elsewhere":         {why("the key does not hold at this address", unauthenticated), auditapp.KeyRefused},
		"a token without a scope": {refused(audit.ByAuthentication, "identity.insufficient_scope"), auditapp.AuthzDenied},
		"a hidden tool":           {refused(audit.ByPolicy, "tool.unknown"), auditapp.AuthzDenied},
		"a rate":                  {refused(audit.ByLimit, "limit.rate"), auditapp.RateLimited},
		"no JSON":                 {refused(audit.ByEdge, "mcp.message"), auditapp.Malformed},
		"wrong arguments":         {refused(audit.ByInput, "tool.arguments"), auditapp.BadInput},
		"a filter that is none":   {refused(audit.ByInput, "metric.where"), auditapp.Injection},
		"a path that climbs":      {at("resource:file:///a/../../etc/passwd", refused(audit.ByInput, "tool.resource_unknown")), auditapp.Injection},
		"one that hides it":       {at("resource:file:///a/%2E%2e%5Cetc", refused(audit.ByPolicy, "tool.resource_unknown")), auditapp.Injection},
		"one with a zero byte":    {at("resource:file:///a%00.txt", refused(audit.ByInput, "tool.resource_unknown")), auditapp.Injection},
		"one with dots":           {at("resource:metric://a..b", refused(audit.ByInput, "tool.resource_unknown")), auditapp.BadInput},
		"another host":            {refused(audit.ByEdge, "http.host"), auditapp.ForeignOrigin},
		"another origin":          {refused(audit.ByEdge, "http.origin"), auditapp.ForeignOrigin},
		"a key in a URL":          {refused(audit.ByEdge, "http.credential_in_url"), auditapp.CredentialInURL},
		"a closed session":        {refused("session", "session.closed"), auditapp.SessionClosed},
		"a policy that is wrong":  {refused("", "policy.reload"), auditapp.ReloadRefused},
	} {
		if got := auditapp.EventOf(c.record); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A flood is counted to the last, and fills no log.
func TestWatch_CountsAllAndLogsFew(t *testing.T) {
	t.Parallel()
	w := newTower(t)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for range 20 {
				w.Concluded(t.Context(), refused(audit.ByAuthentication, "identity.unauthenticated"))
			}
			w.Took(t.Context())
		})
	}
	wg.Wait()
	w.expect(t, "a flood", map[auditapp.Event]int64{auditapp.AuthnFailed: 1000, auditapp.Redacted: 50})
	lines := w.log.TakeAll()
	if len(lines) != 10 {
		t.Fatalf("%d lines of 1000", len(lines))
	}
	want := map[string]any{
		"event": "authn_failed", "request_id": "req_1", "address": "192.0.2.7", "denied_by": "authentication", "code": "identity.unauthenticated",
	}
	if diff := cmp.Diff(want, lines[0].ContextMap()); diff != "" || lines[0].Level != zapcore.WarnLevel {
		t.Errorf("the first line (-want +got):\n%s", diff)
	}
	w.Flush()
	var told []map[string]any
	for _, line := range w.log.TakeAll() {
		told = append(told, line.ContextMap())
	}
	if diff := cmp.Diff([]map[string]any{{"event": "authn_failed", "count": int64(990)}, {"event": "redaction", "count": int64(50)}}, told); diff != "" {
		t.Errorf("told afterwards (-want +got):\n%s", diff)
	}
	w.Flush()
	w.Concluded(t.Context(), refused(audit.ByAuthentication, "identity.unauthenticated"))
	if lines := w.log.TakeAll(); len(lines) != 1 {
		t.Errorf("in the next minute: %v", lines)
	}
}

// Counts begin at 0, so that an alert sees the first one.
func TestWatch_ShowsEveryEventFromTheStart(t *testing.T) {
	t.Parallel()
	w := newTower(t)
	var all metricdata.ResourceMetrics
	if err := w.reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	if got := len(all.ScopeMetrics[0].Metrics[0].Data.(metricdata.Sum[int64]).DataPoints); got != len(auditapp.Events()) {
		t.Errorf("%d counts, want %d", got, len(auditapp.Events()))
	}
	w.expect(t, "at the start", map[auditapp.Event]int64{})
}

func TestWatch_TellsThatTheJournalIsBroken(t *testing.T) {
	t.Parallel()
	w := newTower(t)
	w.Lost(t.Context(), audit.ErrUnavailable)
	w.Lost(t.Context(), audit.ErrClosed)
	w.expect(t, "a caller who left, and the end", map[auditapp.Event]int64{})
	w.Lost(t.Context(), audit.ErrBroken.Because(context.DeadlineExceeded))
	w.expect(t, "a broken journal", map[auditapp.Event]int64{auditapp.JournalBroken: 1})
}

// Whoever rotates through the addresses of one network is one client, as for limits.
func TestWatch_TellsWhenAKeyComesFromSomewhereNew(t *testing.T) {
	t.Parallel()
	one, other := keyID(t), keyID(t)
	type visit struct {
		key          identity.KeyID
		before, from string
	}
	w := newTower(t)
	for _, c := range []struct {
		name   string
		visits []visit
		want   int64
	}{
		{"a key that was never used", []visit{{one, "", "192.0.2.1"}}, 0},
		{"again, whatever the store knows by now", []visit{{one, "192.0.2.1", "192.0.2.1"}, {one, "192.0.2.9", "192.0.2.1"}}, 0},
		{"from elsewhere", []visit{{one, "192.0.2.1", "192.0.2.2"}}, 1},
		{"to and fro", []visit{{one, "", "192.0.2.1"}, {one, "", "192.0.2.2"}, {one, "", "192.0.2.1"}}, 1},
		{"after a restart, from where it was last", []visit{{other, "2001:db8:1:2::1", "2001:db8:1:2::1"}}, 1},
		{"from another address of the same network", []visit{{other, "", "2001:db8:1:2::2"}, {other, "", "2001:db8:1:2:ffff::1"}}, 1},
		{"from another network", []visit{{other, "", "2001:db8:1:3::1"}}, 2},
		{"over stdio", []visit{{one, "", ""}}, 2},
	} {
		for _, v := range c.visits {
			w.Sighted(t.Context(), v.key, v.before, v.from)
		}
		if got := w.counts(t)[auditapp.NewAddress]; got != c.want {
			t.Errorf("%s: %d events, want %d", c.name, got, c.want)
		}
	}
	if line := w.log.All()[0].ContextMap(); line["key"] != one.String() || line["address"] != "192.0.2.2" {
		t.Errorf("the log says %v", line)
	}
}

// A restart must not make an attacker's address the first one.
func TestWatch_TakesTheLastAddressOfTheStoreForKnown(t *testing.T) {
	t.Parallel()
	w := newTower(t)
	w.Sighted(t.Context(), keyID(t), "192.0.2.1", "198.51.100.1")
	w.expect(t, "another address after a restart", map[auditapp.Event]int64{auditapp.NewAddress: 1})
}

func TestWatch_TellsOfABurstOnceAMinute(t *testing.T) {
	t.Parallel()
	w := newTower(t)
	ask := func(times int) {
		for range times {
			w.Concluded(t.Context(), audit.Record{Phase: audit.Closed, Actor: "key:a", Outcome: audit.OK})
		}
	}
	ask(1000)
	w.expect(t, "before it is known what is usual", map[auditapp.Event]int64{})
	for range 40 {
		w.now = w.now.Add(time.Hour)
		ask(20)
	}
	w.expect(t, "as usual", map[auditapp.Event]int64{})
	w.now = w.now.Add(time.Minute)
	ask(150)
	w.expect(t, "seven times as much", map[auditapp.Event]int64{})
	ask(200)
	w.expect(t, "far more", map[auditapp.Event]int64{auditapp.Burst: 1})
	w.now = w.now.Add(time.Minute)
	ask(1000)
	w.expect(t, "and in the next minute", map[auditapp.Event]int64{auditapp.Burst: 2})
	line := w.log.All()[0].ContextMap()
	if usual, _ := line["usual_per_minute"].(float64); line["principal"] != "key:a" || usual < 19 || usual > 35 {
		t.Errorf("the log says %v", line)
	}
}

func TestWatch_AQuietPrincipalMayAskAMinutesWorth(t *testing.T) {
	t.Parallel()
	w := newTower(t)
	for i := range 10 {
		w.now = w.now.Add(time.Minute)
		for range 1 + i/9*59 {
			w.Concluded(t.Context(), audit.Record{Phase: audit.Closed, Actor: "key:a", Outcome: audit.OK})
		}
	}
	w.expect(t, "60 after 1 a minute", map[auditapp.Event]int64{})
}

// Nobody can make it remember more than it has room for.
func TestWatch_RemembersABoundedNumber(t *testing.T) {
	t.Parallel()
	w := newTower(t)
	key := keyID(t)
	for i := range 30_000 {
		w.Concluded(t.Context(), audit.Record{Phase: audit.Closed, Actor: fmt.Sprintf("iss:%d", i), Outcome: audit.OK})
		w.Sighted(t.Context(), key, "", fmt.Sprintf("2001:db8:%x:%x::1", i>>8, i&255))
	}
	if got := w.Remembered(); got > 10_000+16 {
		t.Errorf("%d are remembered", got)
	}
	if lines := len(w.log.All()); lines > 10*len(auditapp.Events()) {
		t.Errorf("%d lines", lines)
	}
}

func TestEvents_HaveNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	seen := map[auditapp.Event]bool{}
	for _, event := range auditapp.Events() {
		if seen[event] || strings.Trim(string(event), "abcdefghijklmnopqrstuvwxyz_") != "" {
			t.Errorf("%q", event)
		}
		seen[event] = true
	}
}
