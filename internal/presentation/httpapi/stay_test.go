package httpapi_test

import (
	"context"
	"net/http"
	"testing"

	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/presentation/feed"
	"github.com/steward-mcp/steward/internal/presentation/httpapi"
)

// What outlives the client ends with the server, and with the request.
func TestGuard_GivesAContextThatOutlivesTheClientButNotTheServer(t *testing.T) {
	t.Parallel()
	w := newWorld()
	contexts, over := make(chan context.Context, 2), make(chan error, 1)
	l := httpapi.NewListener("127.0.0.1:0", w.edge.Guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		lasting := feed.VisitOf(r.Context()).Lasting()
		if lasting != feed.VisitOf(r.Context()).Lasting() {
			t.Error("who asks twice is given another one")
		}
		contexts <- r.Context()
		contexts <- lasting
		<-lasting.Done()
		over <- lasting.Err()
	})), zap.NewNop())
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	leaving, leave := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(leaving, http.MethodGet, "http://"+l.Address()+"/mcp", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer good")
	left := make(chan struct{})
	go func() {
		defer close(left)
		if response, err := new(http.Transport).RoundTrip(request); err == nil {
			_ = response.Body.Close()
			t.Error("it was answered")
		}
	}()
	visiting, lasting := <-contexts, <-contexts
	leave()
	<-left
	<-visiting.Done()
	if err := lasting.Err(); err != nil {
		t.Errorf("it ended with the client: %v", err)
	}
	stopping, stop := context.WithCancel(t.Context())
	stop() // no time for what runs
	_ = l.Stop(stopping)
	if err := <-over; err == nil {
		t.Error("it did not end with the server")
	}
}
