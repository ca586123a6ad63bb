package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"sync"
)

// decoder decodes one value after the other. What encoding/json needs around a value costs more than the values of most calls.
type decoder struct {
	from bytes.Reader
	json *json.Decoder
}

var decoders = sync.Pool{New: func() any {
	d := &decoder{}
	d.json = json.NewDecoder(&d.from)
	d.json.UseNumber() // every digit counts
	return d
}}

// poolable is the longest value whose decoder is used again: it keeps room for the longest that it has read.
const poolable = 4 << 10

var errMore = errors.New("more than one value")

// decode is json.Unmarshal, with numbers as they are written.
func decode(value json.RawMessage) (instance any, err error) {
	d := decoders.Get().(*decoder) //nolint:forcetypeassert // the pool has no others
	d.from.Reset(value)
	if err := d.json.Decode(&instance); err != nil {
		return nil, err // a decoder that has failed once fails for ever
	}
	if _, err := d.json.Token(); err != io.EOF {
		return nil, errMore
	}
	d.from.Reset(nil)
	if len(value) <= poolable {
		decoders.Put(d)
	}
	return instance, nil
}
