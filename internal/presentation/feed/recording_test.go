package feed_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/presentation/feed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var limits = feed.Limits{Events: 4, Streams: 3, Each: 100, Bytes: 250, Keep: time.Minute}

// rest reads to the end of what a reader has.
func rest(ctx context.Context, r *feed.Reader) (lines []string, err error) {
	for {
		events, err := r.Next(ctx)
		for _, e := range events {
			lines = append(lines, string(e.Data))
		}
		if err != nil {
			return lines, err
		}
	}
}

func keep(k *feed.Recordings, session, owner string, lines ...string) (r *feed.Recording, ids []string) {
	r = k.Open(session, owner, nil)
	ids = []string{r.ID()}
	for _, line := range lines {
		ids = append(ids, r.Append([]byte(line)).ID)
	}
	return r, ids
}

func TestRecordings_GiveTheRestAfterAnyEvent(t *testing.T) {
	k := feed.NewRecordings(limits, time.Now)
	r, ids := keep(k, "s", "o", "a", "b", "c")
	r.End()
	all := []string{"a", "b", "c"}
	for i, id := range ids {
		reader, err := k.Find("s", id)
		if err != nil {
			t.Fatal(err)
		}
		got, err := rest(t.Context(), reader)
		if diff := cmp.Diff(strings.Join(all[i:], " "), strings.Join(got, " ")); diff != "" || !errors.Is(err, io.EOF) {
			t.Errorf("after %s: %v (-want +got):\n%s", id, err, diff)
		}
	}
}

func TestRecordings_GiveNothingToAnotherSession(t *testing.T) {
	k := feed.NewRecordings(limits, time.Now)
	_, ids := keep(k, "s", "o", "a")
	_, others := keep(k, "z", "o", "x")
	for _, event := range []string{ids[0], ids[1], others[1] + "0", "", "-", "-1", others[0] + "-1", strings.TrimSuffix(others[1], "1") + "2", strings.TrimSuffix(others[1], "1") + "-1"} {
		if _, err := k.Find("z", event); !errors.Is(err, feed.ErrUnknown) {
			t.Errorf("%q is found: %v", event, err)
		}
	}
	if _, err := k.Find("z", others[1]); err != nil {
		t.Errorf("its own: %v", err)
	}
}

// Whoever comes last has the stream: a message goes to one place only.
func TestRecordings_GiveAStreamToItsLastReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := feed.NewRecordings(limits, time.Now)
		taken := 0
		r := k.Open("s", "o", func() { taken++ })
		first, err := k.Find("s", r.ID())
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { _, err := rest(t.Context(), first); ended <- err }()
		synctest.Wait()
		second, err := k.Find("s", r.ID())
		if err != nil {
			t.Fatal(err)
		}
		if err := <-ended; !errors.Is(err, feed.ErrTaken) {
			t.Errorf("the first reader ends with %v", err)
		}
		r.Append([]byte("a"))
		r.End()
		if got, err := rest(t.Context(), second); len(got) != 1 || !errors.Is(err, io.EOF) || taken != 1 {
			t.Errorf("the second has %v, %v; taken %d times", got, err, taken)
		}
	})
}

func TestRecordings_WaitForWhatComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := feed.NewRecordings(limits, time.Now)
		r, ids := keep(k, "s", "o", "a")
		reader, err := k.Find("s", ids[1])
		if err != nil {
			t.Fatal(err)
		}
		heard := make(chan string, 1)
		go func() { got, err := rest(t.Context(), reader); heard <- fmt.Sprint(got, err) }()
		synctest.Wait()
		r.Append([]byte("b"))
		synctest.Wait()
		r.Append([]byte("c"))
		r.End()
		if got := <-heard; got != "[b c] EOF" {
			t.Errorf("heard %s", got)
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		_, other := keep(k, "s", "o")
		reader, err = k.Find("s", other[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := reader.Next(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("a reader that left: %v", err)
		}
	})
}

func TestRecordings_KeepAnEndedStreamForAWhile(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	k := feed.NewRecordings(limits, func() time.Time { return now })
	r, ids := keep(k, "s", "o", "a")
	_, running := keep(k, "s", "o", "b")
	r.End()
	now = now.Add(limits.Keep - 1)
	if _, err := k.Find("s", ids[0]); err != nil {
		t.Errorf("within its time: %v", err)
	}
	now = now.Add(1)
	if _, err := k.Find("s", ids[0]); !errors.Is(err, feed.ErrUnknown) {
		t.Errorf("after its time: %v", err)
	}
	if _, err := k.Find("s", running[0]); err != nil {
		t.Errorf("one that has not ended: %v", err)
	}
}

func TestRecordings_ForgetASession(t *testing.T) {
	k := feed.NewRecordings(limits, time.Now)
	r, ids := keep(k, "s", "o", "a")
	reader, err := k.Find("s", ids[1])
	if err != nil {
		t.Fatal(err)
	}
	_, others := keep(k, "z", "o", "b")
	k.Forget("s")
	if _, err := reader.Next(t.Context()); !errors.Is(err, feed.ErrUnknown) {
		t.Errorf("whoever reads it: %v", err)
	}
	r.Append([]byte("late")) // its call has not noticed yet
	if _, err := k.Find("s", ids[0]); !errors.Is(err, feed.ErrUnknown) {
		t.Errorf("it is found: %v", err)
	}
	if _, err := k.Find("z", others[0]); err != nil {
		t.Errorf("another's: %v", err)
	}
	if streams, bytes := k.Kept(); streams != 1 || bytes != 1 {
		t.Errorf("%d streams of %d bytes are kept", streams, bytes)
	}
}

// What drives out others is bytes: a call that has said nothing yet keeps its place, and its client the answer.
func TestRecordings_MakeRoomOfStreamsThatHoldSome(t *testing.T) {
	k := feed.NewRecordings(limits, time.Now)
	silent := map[string]*feed.Recording{}
	for _, owner := range []string{"a", "b"} {
		silent[owner], _ = keep(k, "s", owner)
	}
	_, own := keep(k, "s", "a", strings.Repeat("x", 60))
	keep(k, "s", "a", strings.Repeat("x", 60)) // with which a has too much
	for _, owner := range []string{"c", "d", "e"} {
		keep(k, "s", owner, strings.Repeat("x", 90)) // with which all have
	}
	if _, err := k.Find("s", own[0]); !errors.Is(err, feed.ErrUnknown) {
		t.Errorf("the oldest that holds bytes: %v", err)
	}
	for owner, r := range silent {
		r.Append([]byte("answer"))
		reader, err := k.Find("s", r.ID())
		if err != nil {
			t.Errorf("the silent stream of %s: %v", owner, err)
			continue
		}
		r.End()
		if got, _ := rest(t.Context(), reader); strings.Join(got, " ") != "answer" {
			t.Errorf("%s has %v", owner, got)
		}
	}
}

// However much is said, by whomever: the bounds hold, and a stream has its newest events or nothing.
func TestRecordings_StayWithinTheirBounds(t *testing.T) {
	ctx := t.Context()
	rapid.Check(t, func(t *rapid.T) {
		k := feed.NewRecordings(limits, time.Now)
		open := map[string][]*feed.Recording{}
		said := map[*feed.Recording]int{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			owner := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "owner")
			if len(open[owner]) == 0 || rapid.IntRange(0, 3).Draw(t, "opens") == 0 {
				open[owner] = append(open[owner], k.Open("s", owner, nil))
				continue
			}
			r := rapid.SampledFrom(open[owner]).Draw(t, "stream")
			r.Append(make([]byte, rapid.IntRange(0, 60).Draw(t, "bytes")))
			said[r]++
		}
		if _, bytes := k.Kept(); bytes > limits.Bytes {
			t.Fatalf("%d bytes are kept", bytes)
		}
		for owner, all := range open {
			streams, bytes := 0, 0
			for _, r := range all {
				reader, err := k.Find("s", r.ID())
				if err != nil {
					continue
				}
				streams++
				r.End()
				events := 0
				for events == 0 || err == nil {
					var got []feed.Event
					if got, err = reader.Next(ctx); err != nil {
						break
					}
					events += len(got)
					for _, e := range got {
						bytes += len(e.Data)
					}
				}
				if events != min(said[r], limits.Events) {
					t.Fatalf("%d of %d events are kept", events, said[r])
				}
			}
			if streams > limits.Streams || bytes > limits.Each {
				t.Fatalf("%d streams with %d bytes of %s are kept", streams, bytes, owner)
			}
		}
	})
}
