package wire

import (
	"bufio"
	"bytes"
	"context"
	"errors"
)

// Line is one message of a connection on which each has a line. One that is too long is skipped, but for this note.
type Line struct {
	Data    []byte
	TooLong bool
}

// Lines hands over the lines of in that are not empty, of at most most bytes, until in or ctx ends; then it closes to. What it
// is reading when ctx ends it goes on to wait for.
func Lines(ctx context.Context, in *bufio.Reader, most int, to chan<- Line) {
	defer close(to)
	for {
		data, tooLong, err := readLine(in, most)
		if len(bytes.TrimSpace(data)) > 0 || tooLong {
			select {
			case to <- Line{Data: data, TooLong: tooLong}:
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// readLine reads to the next newline and keeps at most most bytes of it.
func readLine(in *bufio.Reader, most int) (data []byte, tooLong bool, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if tooLong = tooLong || len(data)+len(part) > most; tooLong {
			data = nil
		} else {
			data = append(data, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return data, tooLong, err
		}
	}
}
