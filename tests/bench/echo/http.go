package echo

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"time"
)

// connection is one client: a call is sent when the one before it has been answered. It writes HTTP/1.1 itself, because
// net/http's client costs more than some servers do, and both share the machine.
type connection struct {
	request *request
	raw     net.Conn
	in      *bufio.Reader
	answer  []byte
}

// answerTimeout is when a call counts as lost.
const answerTimeout = 20 * time.Second

func dial(r *request) (*connection, error) {
	raw, err := net.DialTimeout("tcp", r.host, answerTimeout)
	if err != nil {
		return nil, err
	}
	return &connection{request: r, raw: raw, in: bufio.NewReaderSize(raw, 4096)}, nil
}

// call makes a call and waits for its answer.
func (c *connection) call() error {
	n := c.request.renew()
	if err := c.raw.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return err
	}
	if _, err := c.raw.Write(c.request.wire); err != nil {
		return err
	}
	if err := c.read(); err != nil {
		return err
	}
	if !c.request.answeredBy(c.answer) {
		return fmt.Errorf("call %d was answered by %.300q", n, c.answer)
	}
	return nil
}

var (
	statusOK      = []byte("HTTP/1.1 200 ")
	contentLength = []byte("Content-Length")
	encoding      = []byte("Transfer-Encoding")
)

// read reads one response and keeps its body.
func (c *connection) read() error {
	status, err := c.in.ReadSlice('\n')
	if err != nil {
		return err
	}
	ok := bytes.HasPrefix(status, statusOK)
	said := string(bytes.TrimSpace(status[:min(len(status), 40)]))
	length := -1
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case bytes.EqualFold(name, contentLength):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return err
			}
		case bytes.EqualFold(name, encoding):
			length = -1
		}
	}
	if err = c.body(length); err == nil && !ok {
		err = fmt.Errorf("%s: %.300q", said, c.answer)
	}
	return err
}

// body reads as many bytes, or chunks to the last one.
func (c *connection) body(length int) error {
	c.answer = c.answer[:0]
	if length >= 0 {
		return c.take(length)
	}
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseUint(string(textproto.TrimBytes(line)), 16, 31)
		if err != nil {
			return errors.New("an answer has neither a length nor chunks")
		}
		if err := c.take(int(size)); err != nil {
			return err
		}
		if _, err := c.in.Discard(len("\r\n")); err != nil || size == 0 {
			return err
		}
	}
}

func (c *connection) take(n int) error {
	have := len(c.answer)
	c.answer = append(c.answer, make([]byte, n)...)
	_, err := io.ReadFull(c.in, c.answer[have:])
	return err
}
