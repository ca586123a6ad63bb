package feed

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// Finisher is a http.ResponseWriter whose response can be ended while its handler goes on.
type Finisher interface {
	FinishResponse() error
}

// beatEvery is how long a stream says nothing at most: what stands between client and server may end a connection on which
// nothing moves for longer.
const beatEvery = 15 * time.Second

// errOver is what sending comes to on a response that has ended.
var errOver = errors.New("the response is over")

// Response is the answer to one request as a stream of events. Safe for concurrent use; nothing is sent after Finish, or once
// something could not be sent. The listener gives each write its deadline, so that sending returns although nobody reads.
type Response struct {
	mu    sync.Mutex
	w     http.ResponseWriter
	begun bool
	over  error
}

// NewResponse makes the response that w is. It says nothing yet.
func NewResponse(w http.ResponseWriter) *Response { return &Response{w: w} }

// Send sends events at once; the first ones after the head of the response.
func (r *Response) Send(events ...Event) error {
	var text []byte
	for _, e := range events {
		text = append(text, e.encode()...)
	}
	return r.write(text)
}

// Begin sends the head of the response.
func (r *Response) Begin() error { return r.write(nil) }

// Beat shows the client, and all between, that the stream is alive.
func (r *Response) Beat() error { return r.write([]byte(":\n\n")) }

// Begun reports whether it is a stream already.
func (r *Response) Begun() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.begun
}

// Finish ends the response now, if the writer can, and else when the handler returns. Nothing more is sent.
func (r *Response) Finish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over != nil {
		return
	}
	r.over = errOver
	if f, ok := r.w.(Finisher); ok {
		_ = f.FinishResponse() // a client that left cannot be told
	}
}

// Seal says that the handler is about to return: nothing can be sent any more.
func (r *Response) Seal() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over == nil {
		r.over = errOver
	}
}

func (r *Response) write(text []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over != nil {
		return r.over
	}
	if !r.begun {
		r.begun = true
		r.w.Header().Set("Content-Type", Type)
		r.w.Header().Set("Cache-Control", "no-store")
		r.w.Header().Set("X-Accel-Buffering", "no") // proxies that collect answers would keep the events until the last
		r.w.WriteHeader(http.StatusOK)
	}
	if _, r.over = r.w.Write(text); r.over == nil {
		r.over = http.NewResponseController(r.w).Flush()
	}
	return r.over
}

// Pump hands what next gives to send until ctx ends or next says io.EOF, which is no error, or send fails. While there is
// nothing it calls beat now and then, if there is one. next returns when its context ends.
func Pump[T any](ctx context.Context, next func(context.Context) (T, error), send func(T) error, beat func() error) error {
	for {
		wait, cancel := context.WithTimeout(ctx, beatEvery)
		got, err := next(wait)
		cancel()
		switch {
		case err == nil:
			err = send(got)
		case errors.Is(err, io.EOF) || ctx.Err() != nil:
			return nil //nolint:nilerr // see above
		case errors.Is(err, context.DeadlineExceeded) && beat != nil:
			err = beat()
		case errors.Is(err, context.DeadlineExceeded):
			err = nil
		}
		if err != nil {
			return err
		}
	}
}
