package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/presentation/httpapi"
)

func visit(t *testing.T, h http.Handler, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	rw := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://localhost"+path, http.NoBody)
	h.ServeHTTP(rw, r)
	return rw
}

func TestPublic_ServesItsThreeRoutes(t *testing.T) {
	t.Parallel()
	w := newWorld()
	h := httpapi.Main(w.edge, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusTeapot) }), nil)
	for path, want := range map[string]int{
		"/health": http.StatusOK, "/mcp": http.StatusUnauthorized, "/": http.StatusNotFound, "/mcp/": http.StatusNotFound,
		"/metrics": http.StatusNotFound, "/readyz": http.StatusNotFound, "/health/": http.StatusNotFound,
	} {
		if rw := visit(t, h, http.MethodGet, path); rw.Code != want {
			t.Errorf("%s: HTTP %d, want %d", path, rw.Code, want)
		}
	}
	if len(w.records) != 6 {
		t.Errorf("%d requests on record, want all but /health", len(w.records))
	}
}

func TestAdmin_IsReadyWhenWhatIsVitalIs(t *testing.T) {
	t.Parallel()
	check := func(name string, vital bool, err error) httpapi.Check {
		return httpapi.Check{Name: name, Vital: vital, Ask: func(context.Context) error { return err }}
	}
	for name, c := range map[string]struct {
		checks []httpapi.Check
		status int
		found  map[string]string
	}{
		"nothing to check": {nil, http.StatusOK, map[string]string{}},
		"all is well":      {[]httpapi.Check{check("a", true, nil), check("b", false, nil)}, http.StatusOK, map[string]string{"a": "ok", "b": "ok"}},
		"something can be done without": {
			[]httpapi.Check{check("a", true, nil), check("b", false, errors.New("away"))}, http.StatusOK, map[string]string{"a": "ok", "b": "away"},
		},
		"something cannot": {
			[]httpapi.Check{check("a", true, errors.New("broken")), check("b", true, nil)},
			http.StatusServiceUnavailable,
			map[string]string{"a": "broken", "b": "ok"},
		},
	} {
		rw := visit(t, httpapi.Admin(http.NotFoundHandler(), c.checks, http.NotFoundHandler()), http.MethodGet, "/readyz")
		var body struct {
			Ready  bool
			Checks map[string]string
		}
		if err := json.Unmarshal(rw.Body.Bytes(), &body); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.found, body.Checks); rw.Code != c.status || body.Ready != (c.status == http.StatusOK) || diff != "" {
			t.Errorf("%s: HTTP %d, ready %t (-want +got):\n%s", name, rw.Code, body.Ready, diff)
		}
	}
}

// What is for acts guards itself, and puts on record whom it refuses; nothing refuses before that.
func TestAdmin_LeavesToActsWhomTheyRefuse(t *testing.T) {
	t.Parallel()
	w := newWorld()
	h := httpapi.Admin(http.NotFoundHandler(), nil, w.edge.Operators().Guard(unreached(t)))
	for name, c := range map[string]struct{ target, header, value, outcome string }{
		"another host":       {"http://evil.example/admin/v1/keys", "Origin", "", "http.host"},
		"another page":       {"http://localhost/admin/v1/keys", "Origin", "https://evil.example", "http.origin"},
		"the public's hosts": {"http://steward.example.com/admin/v1/keys", "Origin", "", "http.host"},
	} {
		before := len(w.records)
		rw := to(t, h, "POST", c.target, "Authorization", "Bearer good", c.header, c.value)
		if got := w.records[before:]; rw.Code != http.StatusForbidden || !strings.Contains(rw.Body.String(), c.outcome) || len(got) != 1 || got[0].Outcome != c.outcome {
			t.Errorf("%s: HTTP %d %s, on record %+v", name, rw.Code, rw.Body, got)
		}
	}
	for _, target := range []string{"http://localhost/admin/v1", "http://localhost/admin/v1/", "http://localhost/admin/v1//keys"} {
		if rw := to(t, h, "GET", target, "Authorization", "Bearer good"); rw.Code != http.StatusNotFound {
			t.Errorf("%s: HTTP %d", target, rw.Code)
		}
	}
	if rw := to(t, h, "GET", "http://evil.example/metrics"); rw.Code != http.StatusForbidden {
		t.Errorf("measurements for another host: HTTP %d", rw.Code)
	}
}

func TestListener_ServesUntilItStops(t *testing.T) {
	t.Parallel()
	l := httpapi.NewListener("127.0.0.1:0", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), zap.NewNop())
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if status, err := ask(t, l); err != nil || status != http.StatusOK {
		t.Errorf("HTTP %d, %v", status, err)
	}
	taken := httpapi.NewListener(l.Address(), http.NotFoundHandler(), zap.NewNop())
	if err := taken.Start(t.Context()); err == nil {
		t.Error("two listeners have one address")
	}
	if err := l.Stop(t.Context()); err != nil {
		t.Errorf("stop: %v", err)
	}
	if _, err := ask(t, l); err == nil {
		t.Error("it answers after its stop")
	}
}

// A request that runs at the stop may finish; one that does not, while the stop lasts, is ended by its context.
func TestListener_WaitsForWhatRunsAndThenCutsItOff(t *testing.T) {
	t.Parallel()
	running, ended := make(chan struct{}), make(chan error, 1)
	l := httpapi.NewListener("127.0.0.1:0", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(running)
		<-r.Context().Done()
		ended <- r.Context().Err()
	}), zap.NewNop())
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	asked := make(chan error, 1)
	go func() {
		_, err := ask(t, l)
		asked <- err
	}()
	<-running
	drain, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := l.Stop(drain); err != nil {
		t.Errorf("stop: %v", err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the handler saw %v", err)
	}
	if err := <-asked; err == nil {
		t.Error("the client was answered by a handler that was cut off")
	}
}

func ask(t *testing.T, l *httpapi.Listener) (int, error) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, "http://"+l.Address(), http.NoBody)
	if err != nil {
		return 0, err
	}
	response, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}
