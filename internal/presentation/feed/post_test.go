package feed_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/steward-mcp/steward/internal/presentation/feed"
)

// finishing is a response that can be ended by its handler.
type finishing struct {
	*httptest.ResponseRecorder
	mu       sync.Mutex
	finished bool
	broken   error
}

func (f *finishing) FinishResponse() error { f.finished = true; return nil }

func (f *finishing) Write(data []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return 0, f.broken
	}
	return f.ResponseRecorder.Write(data)
}

// written is what has been said so far, and how many signs of life are in it.
func (f *finishing) written() (text string, beats int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	text = f.Body.String()
	return text, strings.Count(text, ":\n\n")
}

func recorded(revision string) (*finishing, *feed.Recordings, *feed.Post) {
	k := feed.NewRecordings(limits, time.Now)
	w := &finishing{ResponseRecorder: httptest.NewRecorder()}
	return w, k, feed.NewPost(w, feed.Place{In: k, Session: "s", Owner: "o"}, revision)
}

// lastID is the id that the client of a response would come back with.
func lastID(stream string) (id string) {
	for line := range strings.Lines(stream) {
		if found, ok := strings.CutPrefix(strings.TrimSpace(line), "id: "); ok {
			id = found
		}
	}
	return id
}

func TestPost_PrimesBeforeItSaysAnything(t *testing.T) {
	w, _, p := recorded("2025-11-25")
	if err := p.Tell([]byte(`{"a":1}`)); err != nil {
		t.Fatal(err)
	}
	p.End([]byte(`{"b":2}`))
	var shape []string
	for line := range strings.Lines(w.Body.String()) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), ":")
		shape = append(shape, name)
	}
	if got := strings.Join(shape, " "); got != "id retry data  id event data  id event data " || w.Header().Get("Content-Type") != feed.Type {
		t.Errorf("%s: %q", got, w.Body)
	}
}

func TestPost_OfAnOldClientHasNoEmptyEvent(t *testing.T) {
	w, _, p := recorded("2025-06-18")
	p.End([]byte(`{"a":1}`))
	if text := w.Body.String(); strings.Contains(text, "data: \n") || !strings.HasPrefix(text, "id: ") {
		t.Errorf("%q", text)
	}
	if p.Detach() {
		t.Error("it is detached from a client that does not know it")
	}
}

func TestPost_GoesOnWhenItsClientHasLeft(t *testing.T) {
	for name, leave := range map[string]func(*finishing, *feed.Post){
		"it says so":       func(_ *finishing, p *feed.Post) { p.Left() },
		"it takes nothing": func(w *finishing, _ *feed.Post) { w.broken = errors.New("gone") },
		"it is sent away": func(w *finishing, p *feed.Post) {
			if !p.Detach() || !w.finished || p.Detach() {
				t.Error("it is not detached, or twice")
			}
		},
	} {
		w, k, p := recorded("2025-11-25")
		if err := p.Tell([]byte(`a`)); err != nil {
			t.Fatal(err)
		}
		leave(w, p)
		if err := p.Tell([]byte(`b`)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		p.End([]byte(`c`))
		if strings.Contains(w.Body.String(), "data: b") {
			t.Errorf("%s, and is told all the same: %q", name, w.Body)
		}
		reader, err := k.Find("s", lastID(w.Body.String()))
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := rest(t.Context(), reader); strings.Join(got, " ") != "b c" {
			t.Errorf("%s: the rest is %v", name, got)
		}
	}
}

func TestPost_ThatHasNotBegunCannotBeTakenUp(t *testing.T) {
	w, k, p := recorded("2025-11-25")
	if p.Left() {
		t.Error("its client could come back")
	}
	if err := p.Tell([]byte("a")); err == nil {
		t.Error("something is told to nobody")
	}
	if streams, _ := k.Kept(); streams != 0 || w.Body.Len() != 0 || p.Streaming() {
		t.Errorf("%d streams, %q", streams, w.Body)
	}
}

// Whoever comes back while the connection still seems to be there has everything from there on.
func TestPost_SaysNothingMoreOnceItsClientIsBack(t *testing.T) {
	w, k, p := recorded("2025-11-25")
	if err := p.Tell([]byte("a")); err != nil {
		t.Fatal(err)
	}
	reader, err := k.Find("s", lastID(w.Body.String()))
	if err != nil {
		t.Fatal(err)
	}
	p.End([]byte("b"))
	if got, _ := rest(t.Context(), reader); len(got) != 1 || strings.Contains(w.Body.String(), "data: b") {
		t.Errorf("the reader has %v, the response %q", got, w.Body)
	}
}

func TestPost_BecomesAStreamWhenTheCallTakesLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, p := recorded("2025-11-25")
		p.Attend(t.Context())
		pause(t, 900*time.Millisecond)
		if p.Streaming() {
			t.Error("it is a stream too soon")
		}
		pause(t, 200*time.Millisecond)
		if !p.Streaming() {
			t.Error("it is no stream yet")
		}
		pause(t, 16*time.Second)
		p.Attended()
		if !strings.HasSuffix(w.Body.String(), ":\n\n") {
			t.Errorf("it shows no sign of life: %q", w.Body)
		}
		p.Close()
	})
}

// A stream shows that it is alive from its first event on, until it is closed: whatever it is, and only when it is silent.
func TestPost_ThatIsSilentShowsThatItIsAlive(t *testing.T) {
	for name, made := range map[string]func() (*finishing, *feed.Post){
		"recorded": func() (*finishing, *feed.Post) { w, _, p := recorded("2025-11-25"); return w, p },
		"not recorded": func() (*finishing, *feed.Post) {
			w := &finishing{ResponseRecorder: httptest.NewRecorder()}
			return w, feed.NewPost(w, feed.Place{}, "2025-11-25")
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, p := made()
			pause(t, time.Minute)
			if text, _ := w.written(); text != "" {
				t.Errorf("%s: before its first event: %q", name, text)
			}
			for range 4 {
				if err := p.Tell([]byte("a")); err != nil {
					t.Fatal(err)
				}
				pause(t, 10*time.Second)
			}
			if text, beats := w.written(); beats != 0 {
				t.Errorf("%s: though it speaks: %q", name, text)
			}
			pause(t, 10*time.Second)
			if err := p.Beat(); err != nil {
				t.Fatal(err)
			}
			pause(t, 14*time.Second)
			if text, beats := w.written(); beats != 2 {
				t.Errorf("%s: %d signs of life in 34 silent seconds, one of them asked for: %q", name, beats, text)
			}
			pause(t, 10*time.Second)
			p.Close()
			pause(t, time.Minute)
			if text, beats := w.written(); beats != 3 {
				t.Errorf("%s: %d signs of life until its end: %q", name, beats, text)
			}
		})
	}
}

// Whoever keeps a stream alive by themselves does it alone.
func TestPost_IsKeptAliveOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &finishing{ResponseRecorder: httptest.NewRecorder()}
		p := feed.NewPost(w, feed.Place{}, "2025-06-18")
		defer p.Close()
		if err := p.Tell([]byte("a")); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 61*time.Second)
		defer cancel()
		next := func(ctx context.Context) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() }
		if err := feed.Pump(ctx, next, p.Tell, p.Beat); err != nil {
			t.Error(err)
		}
		if text, beats := w.written(); beats != 4 {
			t.Errorf("%d signs of life in a minute: %q", beats, text)
		}
	})
}

func pause(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	<-ctx.Done()
	synctest.Wait()
}

func TestPost_ThatIsNotKeptEndsWithItsClient(t *testing.T) {
	w := &finishing{ResponseRecorder: httptest.NewRecorder()}
	p := feed.NewPost(w, feed.Place{}, "2025-11-25")
	if err := p.Tell([]byte("a")); err != nil || strings.Contains(w.Body.String(), "id:") {
		t.Errorf("%v, %q", err, w.Body)
	}
	w.broken = errors.New("gone")
	if p.Tell([]byte("b")) == nil || p.Detach() || p.Left() {
		t.Error("it goes on")
	}
}

func TestPump_EndsAReaderThatTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &finishing{ResponseRecorder: httptest.NewRecorder()}
		out := feed.NewResponse(w)
		begun := time.Now()
		never := func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() }
		if err := out.Begin(); err != nil {
			t.Fatal(err)
		}
		w.broken = errors.New("slow")
		if err := feed.Pump(t.Context(), never, func(int) error { return nil }, out.Beat); !errors.Is(err, w.broken) || time.Since(begun) > 20*time.Second {
			t.Errorf("it ended with %v after %s", err, time.Since(begun))
		}
	})
}

func TestAccepted_WantsStreamsByName(t *testing.T) {
	for accept, want := range map[string]bool{
		"text/event-stream": true, "application/json, text/event-stream": true, "text/event-stream;q=0.5": true,
		"text/event-stream;q=0": false, "*/*": false, "": false, "text/*": false,
		"application/json;q=1,Text/Event-Stream ; charset=utf-8": true, "text/event-stream; q": false, "text/event-streams": false,
	} {
		if got := feed.Accepted(http.Header{"Accept": {accept}}); got != want {
			t.Errorf("%q: %t", accept, got)
		}
	}
}
