package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/presentation/feed"
	"github.com/steward-mcp/steward/internal/presentation/httpapi"
)

// What outlives the client ends with the server.
func TestGuard_LetsARequestOutliveItsClientButNotTheServer(t *testing.T) {
	t.Parallel()
	for name, stays := range map[string]func() bool{
		"nobody says anything": nil,
		"it cannot stay":       func() bool { return false },
		"it stays":             func() bool { return true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			begun, left, over := make(chan context.Context), make(chan bool, 1), make(chan error, 1)
			l := httpapi.NewListener("127.0.0.1:0", w.edge.Guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if stays != nil {
					feed.VisitOf(r.Context()).Outlast(func() bool {
						left <- stays()
						return stays()
					})
				}
				begun <- r.Context()
				<-r.Context().Done()
				over <- r.Context().Err()
			})), zap.NewNop())
			if err := l.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			visited := visitAndLeave(t, l.Address(), begun)
			if stays == nil || !<-left {
				if err := <-over; !errors.Is(err, context.Canceled) {
					t.Errorf("it ended by %v", err)
				}
			} else if err := visited.Err(); err != nil {
				t.Errorf("it ended with the client: %v", err)
			}
			stopping, stop := context.WithCancel(t.Context())
			stop() // no time for what runs
			_ = l.Stop(stopping)
			if stays != nil && stays() {
				if err := <-over; !errors.Is(err, context.Canceled) {
					t.Errorf("with the server it ended by %v", err)
				}
			}
		})
	}
}

// visitAndLeave sends a request and hangs up as soon as that is handled.
func visitAndLeave(t *testing.T, address string, begun <-chan context.Context) (visited context.Context) {
	t.Helper()
	leaving, leave := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(leaving, http.MethodGet, "http://"+address+"/mcp", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer good")
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if response, err := new(http.Transport).RoundTrip(request); err == nil {
			_ = response.Body.Close()
			t.Error("it was answered")
		}
	}()
	visited = <-begun
	leave()
	<-gone
	if visited.Value(http.ServerContextKey) == nil {
		t.Error("what net/http says of the request is lost")
	}
	return visited
}
