package httpapi

import (
	"errors"
	"net/http"
	"time"
)

// A client must take every 256 KiB of an answer within 30 seconds: the answer may be as large as it likes, and a
// client that stops reading holds nothing for longer.
const (
	writeTimeout = 30 * time.Second
	writePiece   = 256 << 10
)

// paced gives each write of a handler to its client a deadline.
func paced(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := &pacedWriter{ResponseWriter: w, control: http.NewResponseController(w), http11: r.ProtoAtLeast(1, 1)}
		p.extend() // for the 100 Continue that reading the body may send
		next.ServeHTTP(p, r)
		p.extend() // for what is still in net/http's buffer
	})
}

// hurryTime is how long a request that is refused unread may take to arrive. net/http reads some of it, so that the
// connection can serve the next one.
const hurryTime = 5 * time.Second

// hurry gives the rest of a request less time to arrive.
func hurry(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(hurryTime)) //nolint:forbidigo // as extend
}

type pacedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	http11  bool
}

// extend counts from this moment. It asks the real clock, whatever clock the rest goes by, since the operating system compares it
// with that.
func (p *pacedWriter) extend() {
	_ = p.control.SetWriteDeadline(time.Now().Add(writeTimeout)) //nolint:forbidigo // see above; not every writer has deadlines
}

// Write sends data in pieces, each with its deadline.
func (p *pacedWriter) Write(data []byte) (written int, err error) {
	for {
		piece := data[written:min(len(data), written+writePiece)]
		p.extend()
		n, err := p.ResponseWriter.Write(piece)
		if written += n; err != nil || written >= len(data) {
			return written, err
		}
	}
}

// FlushError sends what has been written so far, for http.ResponseController.
func (p *pacedWriter) FlushError() error {
	p.extend()
	return p.control.Flush()
}

// FinishResponse ends the response although its handler goes on, and with it the connection, whose place it gives back: a
// client does not have to wait for the end of the call that it has been told to come back for. What the handler writes then
// goes nowhere.
func (p *pacedWriter) FinishResponse() error {
	connection, buffered, err := p.control.Hijack() // which sends what has been written
	if err != nil {
		return err
	}
	_ = connection.SetWriteDeadline(time.Now().Add(writeTimeout)) //nolint:forbidigo // see extend
	if p.Header().Get("Content-Length") == "" && p.http11 {
		_, err = buffered.WriteString("0\r\n\r\n") // the end of a chunked body (RFC 9112 §7.1)
	}
	return errors.Join(err, buffered.Flush(), connection.Close())
}

// Unwrap gives http.ResponseController the writer that has the connection.
func (p *pacedWriter) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// innermost is the writer of net/http itself, which http.MaxBytesReader tells that the connection is not worth keeping.
func innermost(w http.ResponseWriter) http.ResponseWriter {
	for {
		outer, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = outer.Unwrap()
	}
}
