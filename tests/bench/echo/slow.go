package echo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/steward-mcp/steward/tests/harness"
)

// aimBeside is how long 99 of a hundred quick calls should wait at most while a slow one runs.
const aimBeside = 50 * time.Millisecond

// thinker is a model that does not answer until it is told to, and so makes a slow call of a conversation.
type thinker struct {
	server http.Server
	url    string
	asked  chan struct{} // told once for each question
	enough chan struct{} // has one for each question that it is to answer
	done   chan struct{}
}

func newThinker(ctx context.Context) (*thinker, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	t := &thinker{url: "http://" + listener.Addr().String(), asked: make(chan struct{}, 1), enough: make(chan struct{}, 1), done: make(chan struct{})}
	t.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // whatever it is asked
		select {
		case t.asked <- struct{}{}:
		default:
		}
		select {
		case <-t.enough:
		case <-r.Context().Done():
		}
		http.Error(w, "{}", http.StatusBadRequest)
	})
	t.server.ReadHeaderTimeout = time.Minute
	go func() {
		defer close(t.done)
		_ = t.server.Serve(listener) // until close
	}()
	return t, nil
}

func (t *thinker) close() error {
	err := t.server.Close()
	<-t.done
	return err
}

// converses is what the configuration needs for calls of a conversation.
const converses = `      - {action: tool.call, target: "tool:claude_conversation"}
claude: {endpoint: "%s", retries: 0}
`

// slowID is the id of the slow call, which no echo has.
const slowID = 7

// besideSlow asks for many echoes at a time over stdio while a slow call runs, which must hold up none of them.
func (b *bench) besideSlow(ctx context.Context, dir, binary string) (err error) {
	model, err := newThinker(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, model.close()) }()
	s, err := newStewardWith(ctx, fmt.Sprintf(converses, model.url), binary, filepath.Join(dir, "conversing"), "STEWARD_CLAUDE__API_KEY=of-nobody-at-all")
	if err != nil {
		return err
	}
	b.say("\n| Over stdio, %d echoes at a time beside a call that takes as long | echoes/s | p50 ms | p99 ms | aim |\n|---|--:|--:|--:|--:|\n", b.Beside)
	var answers int64
	for _, era := range []harness.Era{harness.Legacy, harness.Modern} {
		l, err := b.beside(ctx, s, model, era)
		if err != nil {
			return fmt.Errorf("%s, stdio beside a slow call: %w", era, err)
		}
		answers += l.calls
		b.say("| %s | %.0f | %.1f | **%.1f** | %d |\n", era, l.perSecond(), l.percentile(50).Seconds()*1e3, l.percentile(99).Seconds()*1e3, aimBeside.Milliseconds())
	}
	return s.verify(ctx, answers)
}

func (b *bench) beside(ctx context.Context, s *steward, model *thinker, era harness.Era) (l load, err error) {
	p, err := s.pipe(ctx, era, b.Beside)
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	meta := ""
	if era == harness.Modern {
		meta = fmt.Sprintf(`,"_meta":{"io.modelcontextprotocol/protocolVersion":%q,"io.modelcontextprotocol/clientCapabilities":{}}`, string(era))
	}
	slow := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"claude_conversation","arguments":{"message":"Think."}%s}}`, slowID, meta)
	if _, err := io.WriteString(p.to, slow+"\n"); err != nil {
		return l, err
	}
	select {
	case <-model.asked:
	case <-time.After(answerTimeout):
		return l, errors.New("the slow call has not begun")
	}
	l, err = p.rush(b.Calls, b.Lasting) // which takes the answer to the slow call, were there one, for an error
	model.enough <- struct{}{}
	if err != nil {
		return l, err
	}
	answer, err := p.from.ReadSlice('\n')
	if err == nil && numberOf(answer) != slowID {
		err = fmt.Errorf("in place of the answer to the slow call: %.300q", answer)
	}
	return l, err
}
