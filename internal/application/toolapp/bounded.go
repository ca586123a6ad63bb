package toolapp

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"unicode/utf8"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// ErrTooLarge is answered in place of more than a client can be expected to take.
var ErrTooLarge = fault.New(fault.Invalid, "mcp.result_too_large",
	"The answer would be larger than this server sends; ask for less: a smaller limit, fewer columns or a shorter time.")

// Option says what is asked of every use of tools, resources or prompts.
type Option func(*bounds)

// WithMaxResult bounds what a use answers, in bytes of JSON. More comes to ErrTooLarge, which is decided before the record is
// closed, so that the record says what the caller is told.
func WithMaxResult(bytes int) Option { return func(b *bounds) { b.most = bytes } }

type bounds struct{ most int } // 0 for any number of bytes

func boundsOf(options []Option) (b bounds) {
	for _, option := range options {
		option(&b)
	}
	return b
}

// within is a use whose answer is measured.
func within[R any](b bounds, run func(context.Context) (R, error), measure func(*R) (int, error)) func(context.Context) (R, error) {
	if b.most <= 0 {
		return run
	}
	return func(ctx context.Context) (R, error) {
		result, err := run(ctx)
		if err != nil {
			return result, err
		}
		var none R
		size, err := measure(&result)
		if err != nil {
			return none, err
		}
		if size > b.most {
			return none, ErrTooLarge
		}
		return result, nil
	}
}

// frame is more than a block, or a turn, takes beside what it holds.
const frame = 128

// resultSize is at least what the protocol makes of a result. Structured content is encoded for that, and stays so.
func resultSize(r *tool.Result) (int, error) {
	size := frame + textSize(r.Text)
	for _, image := range r.Images {
		size += blockSize(image)
	}
	for _, block := range r.Blocks {
		size += blockSize(block)
	}
	if r.Structured == nil {
		return size, nil
	}
	encoded, err := json.Marshal(r.Structured)
	if err != nil {
		return 0, err
	}
	r.Structured = tool.Encoded(encoded)
	return size + len(encoded), nil
}

func blockSize(b tool.Block) int {
	switch b := b.(type) {
	case tool.Text:
		return frame + textSize(string(b))
	case tool.Image:
		return frame + textSize(b.MIME) + dataSize(b.Data)
	case tool.Audio:
		return frame + textSize(b.MIME) + dataSize(b.Data)
	case tool.Embedded:
		size, _ := contentSize(&b.Content) // which never fails
		return size + textSize(b.URI)
	case tool.Link:
		return frame + textSize(b.URI) + textSize(b.Name) + textSize(b.Title) + textSize(b.Description) + textSize(b.MIME)
	}
	return frame
}

func contentSize(c *tool.Content) (int, error) {
	return frame + textSize(c.MIME) + textSize(c.Text) + dataSize(c.Data), nil
}

func conversationSize(c *tool.Conversation) (int, error) {
	size := frame + textSize(c.Description)
	for _, turn := range c.Turns {
		size += frame + textSize(turn.Text)
		if turn.Block != nil {
			size += blockSize(turn.Block)
		}
	}
	return size, nil
}

func completionSize(c *Completion) (int, error) {
	size := frame
	for _, value := range c.Values {
		size += textSize(value)
	}
	return size, nil
}

func dataSize(data []byte) int { return base64.StdEncoding.EncodedLen(len(data)) }

// textSize is how long a text is as encoding/json writes it.
func textSize(text string) int {
	const quotes, short, long = 2, 2, 6
	size := quotes
	for i := 0; i < len(text); {
		c, width := utf8.DecodeRuneInString(text[i:])
		i += width
		switch {
		case c == '"', c == '\\', c == '\n', c == '\r', c == '\t', c == '\b', c == '\f':
			size += short
		case c < ' ', c == '<', c == '>', c == '&', c == '\u2028', c == '\u2029', c == utf8.RuneError && width == 1:
			size += long
		default:
			size += width
		}
	}
	return size
}
