package hostile_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/domain/audit"
)

// oldStream is the stream of a client of revision 2024-11-05.
type oldStream struct {
	messages string // where it posts, with its id
	events   *bufio.Reader
	end      context.CancelFunc
}

// old opens a stream, or gives the status that it was refused with.
func (s *server) old(t *testing.T, key string) (*oldStream, int) {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	t.Cleanup(end)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+"/sse", nil)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		return nil, response.StatusCode
	}
	o := &oldStream{events: bufio.NewReader(response.Body), end: end}
	event, data := o.next(t)
	if event != "endpoint" || !strings.HasPrefix(data, "/messages?sessionId=") {
		t.Fatalf("the stream begins with %q: %q", event, data)
	}
	o.messages = data
	return o, http.StatusOK
}

// next reads one event, past the beats.
func (o *oldStream) next(t *testing.T) (event, data string) {
	t.Helper()
	for {
		line, err := o.events.ReadString('\n')
		if err != nil {
			t.Fatalf("the stream ended: %v", err)
		}
		switch line = strings.TrimSuffix(line, "\n"); {
		case strings.HasPrefix(line, "event: "):
			event = strings.TrimPrefix(line, "event: ")
		case strings.HasPrefix(line, "data: "):
			data = strings.TrimPrefix(line, "data: ")
		case line == "" && event != "":
			return event, data
		}
	}
}

// post sends a message to an address of a stream.
func (s *server) post(t *testing.T, key, messages, body string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.address+messages, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

const oldHello = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{},"clientInfo":{"name":"old","version":"1"}}}`

// The transport of 2024 is off unless it is wanted; with it on, a stream is of use to the principal that opened it only, and
// nobody posts without a credential.
func TestSSE_AStreamIsNobodyElses(t *testing.T) {
	t.Parallel()
	if _, status := newSite(t, built.race).start(t).old(t, "anything"); status != http.StatusNotFound {
		t.Errorf("where it is off: HTTP %d", status)
	}
	at := newSite(t, built.race).with("STEWARD_SERVER__LEGACY_SSE=true")
	owner, thief := at.key(t, "owner"), at.key(t, "thief")
	s := at.start(t)
	if _, status := s.old(t, ""); status != http.StatusUnauthorized {
		t.Errorf("a stream for nobody: HTTP %d", status)
	}
	mine, _ := s.old(t, owner)
	its, _ := s.old(t, thief)
	for name, c := range map[string]struct {
		key, messages, body string
		status              int
	}{
		"nobody":                   {"", mine.messages, oldHello, 401},
		"another principal":        {thief, mine.messages, oldHello, 404},
		"no stream":                {owner, "/messages?sessionId=none", oldHello, 404},
		"no id":                    {owner, "/messages", oldHello, 404},
		"no message":               {owner, mine.messages, "garbage", 400},
		"the revision of sessions": {owner, mine.messages, modernList, 400},
	} {
		if status := s.post(t, c.key, c.messages, c.body); status != c.status {
			t.Errorf("%s: HTTP %d, want %d", name, status, c.status)
		}
	}
	for i, c := range []struct {
		key  string
		by   *oldStream
		text string
	}{{owner, mine, "of the owner"}, {thief, its, "of the thief"}} {
		for _, body := range []string{oldHello, call(`"echo"`, `{"text":"`+c.text+`"}`)} {
			if status := s.post(t, c.key, c.by.messages, body); status != http.StatusAccepted {
				t.Errorf("stream %d: HTTP %d", i, status)
			}
		}
		_, first := c.by.next(t) // what runs at the same time may be answered in any order
		event, data := c.by.next(t)
		if strings.Contains(first, c.text) {
			first, data = data, first
		}
		if event != "message" || !strings.Contains(data, c.text) || !json.Valid([]byte(data)) || !strings.Contains(first, "protocolVersion") {
			t.Errorf("stream %d: %s %s", i, event, data)
		}
	}
	opened := 0
	for request, of := range closed(s.records(t)) {
		if len(of) != 1 {
			t.Errorf("request %s: %+v", request, of)
		}
		if of[0].Method == "GET /sse" && of[0].Outcome == audit.OK {
			opened++
		}
	}
	if opened != 2 {
		t.Errorf("%d streams are on record as opened, want 2", opened)
	}
}

// What runs for a stream ends with it, and is on record as canceled.
func TestSSE_WhatRunsEndsWithItsStream(t *testing.T) {
	t.Parallel()
	at := newSite(t, built.race).with("STEWARD_SERVER__LEGACY_SSE=true")
	model := at.thinks(t)
	key := at.key(t, "owner")
	s := at.start(t)
	stream, _ := s.old(t, key)
	s.post(t, key, stream.messages, oldHello)
	stream.next(t)
	if status := s.post(t, key, stream.messages, call(`"claude_conversation"`, `{"message":"think"}`)); status != http.StatusAccepted {
		t.Fatalf("HTTP %d", status)
	}
	within(t, model.asked, "the model is asked")
	stream.end()
	within(t, model.left, "the question is given up")
	deadline := time.Now().Add(patience)
	for {
		for _, of := range closed(s.records(t)) {
			if of[0].Method == "tools/call" && of[0].Outcome == "canceled" {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("the call is not on record as canceled")
		}
		<-time.After(20 * time.Millisecond)
	}
}

func within(t *testing.T, event <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-event:
	case <-time.After(patience):
		t.Fatalf("it did not happen that %s", what)
	}
}
