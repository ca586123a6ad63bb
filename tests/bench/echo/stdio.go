package echo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/steward-mcp/steward/tests/harness"
)

// pipe is a crowd that shares the standard input and output of one process: so many calls are on the way at a time.
type pipe struct {
	process *exec.Cmd
	to      io.WriteCloser
	from    *bufio.Reader
	slots   []slot
}

// slot is one call on the way.
type slot struct {
	request *request
	number  int64
	sent    time.Time
}

// open starts a command that serves stdio, and says hello to it where the era has that.
func open(ctx context.Context, env []string, era harness.Era, many int, command ...string) (*pipe, error) {
	p := &pipe{process: exec.CommandContext(ctx, command[0], command[1:]...)}
	p.process.Env, p.process.Stderr = env, os.Stderr
	var err error
	if p.to, err = p.process.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.from = bufio.NewReaderSize(out, 1<<16)
	if err := p.process.Start(); err != nil {
		return nil, err
	}
	for range many {
		r, err := overStdio(era)
		if err != nil {
			return nil, errors.Join(err, p.close())
		}
		p.slots = append(p.slots, slot{request: r})
	}
	if era != harness.Legacy {
		return p, nil
	}
	if err := p.hello(); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

func (p *pipe) hello() error {
	const hello = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}`
	if _, err := io.WriteString(p.to, hello+"\n"); err != nil {
		return err
	}
	answer, err := p.from.ReadSlice('\n')
	if err != nil || !bytes.Contains(answer, []byte(`"result"`)) {
		return fmt.Errorf("initialize was answered by %.300q, %w", answer, err)
	}
	_, err = io.WriteString(p.to, `{"jsonrpc":"2.0","method":"notifications/initialized"}`+"\n")
	return err
}

// rush is one goroutine: an answer frees the slot for the next call. What is on the way fits into the pipes, so that
// writing never waits for somebody who waits for reading.
func (p *pipe) rush(most int64, lasting time.Duration) (load, error) {
	var waits []time.Duration
	begun := time.Now()
	until := begun.Add(lasting)
	byNumber := make(map[int64]*slot, len(p.slots))
	sent := int64(0)
	next := func(s *slot) error {
		if s.sent = time.Now(); s.sent.After(until) || most != 0 && sent == most {
			return nil
		}
		sent++
		s.number = s.request.renew()
		byNumber[s.number] = s
		_, err := p.to.Write(s.request.wire)
		return err
	}
	for i := range p.slots {
		if err := next(&p.slots[i]); err != nil {
			return load{}, err
		}
	}
	for len(byNumber) > 0 {
		answer, err := p.from.ReadSlice('\n')
		if err != nil {
			return load{}, fmt.Errorf("%d calls were not answered: %w", len(byNumber), err)
		}
		s := byNumber[numberOf(answer)]
		if s == nil || !s.request.answeredBy(answer) {
			return load{}, fmt.Errorf("a line that answers no call: %.300q", answer)
		}
		delete(byNumber, s.number)
		waits = append(waits, time.Since(s.sent))
		if err := next(s); err != nil {
			return load{}, err
		}
	}
	return newLoad(begun, waits), nil
}

// numberOf is the id of an answer.
func numberOf(answer []byte) int64 {
	var a struct {
		ID int64 `json:"id"`
	}
	if json.Unmarshal(answer, &a) != nil {
		return 0
	}
	return a.ID
}

// close ends the input, upon which the process ends.
func (p *pipe) close() error { return errors.Join(p.to.Close(), p.process.Wait()) }
