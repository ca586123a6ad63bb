package httpapi_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

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

type visited struct{}

// Whoever left before there was an event to come back to does not get a stream whose name they cannot know, and what they asked for
// ends, although it asks only later whether anybody is there.
func TestGuard_EndsACallWhoseClientLeftBeforeItsStreamBegan(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*feed.Post){
		"it takes long":     func(*feed.Post) { time.Sleep(1500 * time.Millisecond) }, // a second would do
		"it says something": func(p *feed.Post) { _ = p.Tell([]byte("{}")) },
		"it detaches":       func(p *feed.Post) { p.Detach() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begun, streams, ended := make(chan struct{}), make(chan bool, 1), make(chan bool, 1)
			guarded := newWorld().edge.Guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				recordings := feed.NewRecordings(feed.LimitsFor(1<<20), time.Now)
				post := feed.NewPost(w, feed.Place{In: recordings, Session: "s", Owner: "o"}, "2025-11-25")
				defer post.Close()
				post.Attend(r.Context())
				close(begun)
				<-r.Context().Value(visited{}).(context.Context).Done()
				begin(post)
				streams <- post.Streaming()
				select {
				case <-r.Context().Done():
					ended <- true
				case <-time.After(5 * time.Second):
					ended <- false
				}
				post.Attended()
			}))
			l := httpapi.NewListener("127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				guarded.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), visited{}, r.Context())))
			}), zap.NewNop())
			if err := l.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			c, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Address())
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Write([]byte("GET /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer good\r\n\r\n"))
			<-begun
			if err = errors.Join(err, c.Close()); err != nil {
				t.Fatal(err)
			}
			if <-streams {
				t.Error("a stream has begun of which nobody knows")
			}
			if !<-ended {
				t.Error("it goes on")
			}
			if err := l.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
