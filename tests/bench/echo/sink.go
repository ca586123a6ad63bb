package echo

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// sink is an OTLP collector that throws everything away.
type sink struct {
	server http.Server
	url    string
	bytes  atomic.Int64 // of traces
	done   chan struct{}
}

func newSink(ctx context.Context) (*sink, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{url: "http://" + listener.Addr().String(), done: make(chan struct{})}
	s.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body) // whoever breaks off has said nothing
		if r.URL.Path == "/v1/traces" {
			s.bytes.Add(n)
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	})
	s.server.ReadHeaderTimeout = time.Minute
	go func() {
		defer close(s.done)
		_ = s.server.Serve(listener) // until close
	}()
	return s, nil
}

// env makes a process send its spans and metrics here, all of them: the SDK samples everything unless it is told not to.
func (s *sink) env() []string {
	return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + s.url, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"}
}

var errNoSpans = errors.New("no span was exported")

func (s *sink) close() error {
	err := s.server.Close()
	<-s.done
	if err == nil && s.bytes.Load() == 0 {
		err = errNoSpans
	}
	return err
}
