package httpapi

import (
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
		p := &pacedWriter{ResponseWriter: w, control: http.NewResponseController(w)}
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
}

// extend counts from this moment. It asks the real clock, whatever clock the rest goes by, since the operating system
// compares it with that.
func (p *pacedWriter) extend() {
	_ = p.control.SetWriteDeadline(time.Now().Add(writeTimeout)) //nolint:forbidigo // see above; and not every writer has deadlines
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
