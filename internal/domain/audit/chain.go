package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
)

// Digest is a SHA-256. The zero Digest stands before the first record of a chain.
type Digest [sha256.Size]byte

// String is the digest in 64 lower-case hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText prints the digest as String does.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Chain is a place in a sequence of sealed records: the number of the last record and its hash. The zero value is
// the place before the first. It is a value without a lock; one writer owns it.
//
// A sealed record is one line, the record's canonical JSON (see AppendJSON) with three members more:
//
//	{"seq":7,"prev":"<hash of record 6>","time":…,…,"hash":"<hash of record 7>"}
//
// seq counts from 1 without gaps; prev is 64 zeros in record 1. The hash is the SHA-256, in lower-case hexadecimal,
// of the line's bytes without its last member and without the newline: everything up to `,"hash":`, and then the
// closing brace. Anyone can recompute it without Steward. For a line on standard input:
//
//	sed -E 's/,"hash":"[0-9a-f]{64}"\}$/}/' | tr -d '\n' | sha256sum
//
// The chain has no key. It shows alteration, removal, insertion and reordering by anyone who does not rewrite all
// that follows; whoever can rewrite everything up to the end is found only by comparing with a head kept elsewhere.
type Chain struct {
	seq  uint64
	head Digest
}

// Seq is the number of the last record; 0 before the first.
func (c Chain) Seq() uint64 { return c.seq }

// Head is the hash of the last record.
func (c Chain) Head() Digest { return c.head }

const (
	seqKey  = `{"seq":`
	prevKey = `,"prev":"`
	hashKey = `,"hash":"`
	hexLen  = 2 * sha256.Size
	sealLen = len(hashKey) + hexLen + len(`"}`)
)

// Seal makes record, which is what AppendJSON printed, the next one of the chain, and appends its line with the
// newline to dst.
func (c *Chain) Seal(dst, record []byte) []byte {
	start := len(dst)
	dst = append(dst, seqKey...)
	dst = strconv.AppendUint(dst, c.seq+1, 10)
	dst = append(dst, prevKey...)
	dst = hex.AppendEncode(dst, c.head[:])
	dst = append(dst, '"', ',')
	dst = append(dst, record[1:]...)
	c.seq++
	c.head = sha256.Sum256(dst[start:])
	dst = append(dst[:len(dst)-1], hashKey...)
	dst = hex.AppendEncode(dst, c.head[:])
	return append(dst, '"', '}', '\n')
}

// Reason says what is wrong with a sequence of records.
type Reason string

// The reasons. MissingSegment is for stores that keep a chain in several files.
const (
	NotJSON        Reason = "not JSON"
	NotRecord      Reason = "not a sealed record"
	HashMismatch   Reason = "hash mismatch"
	BrokenLink     Reason = "broken link"
	MissingSeq     Reason = "missing sequence"
	RepeatedSeq    Reason = "repeated sequence"
	MissingSegment Reason = "missing segment"
)

// Break is the place where a chain ceases to hold. Seq is the number that belongs there.
type Break struct {
	Seq    uint64
	Reason Reason
}

func (b *Break) Error() string { return fmt.Sprintf("audit record %d: %s", b.Seq, b.Reason) }

// Verify reads line, without its newline, as the next record and advances. Otherwise it answers a *Break and stays.
// It looks at the line's own hash first: an altered record is named itself, not by what its alteration displaced.
func (c *Chain) Verify(line []byte) error {
	at := c.seq + 1
	s, reason := read(line)
	switch {
	case reason != "":
	case s.seq > at:
		reason = MissingSeq
	case s.seq < at:
		reason = RepeatedSeq
	case s.prev != c.head:
		reason = BrokenLink
	}
	if reason != "" {
		return &Break{Seq: at, Reason: reason}
	}
	*c = Chain{seq: s.seq, head: s.hash}
	return nil
}

// After is the place after the record in line, without its newline, if the line is whole by its own hash; otherwise
// a *Break without a number. What came before line is taken on trust.
func After(line []byte) (Chain, error) {
	s, reason := read(line)
	if reason != "" {
		return Chain{}, &Break{Reason: reason}
	}
	return Chain{seq: s.seq, head: s.hash}, nil
}

// Before is the place before the record in line, under the same conditions as After.
func Before(line []byte) (Chain, error) {
	s, reason := read(line)
	if reason != "" {
		return Chain{}, &Break{Reason: reason}
	}
	return Chain{seq: s.seq - 1, head: s.prev}, nil
}

type seal struct {
	seq        uint64
	prev, hash Digest
}

// read takes a line apart and recomputes its hash. JSON is parsed only to name what is wrong: a line whose hash
// holds is one that Seal printed.
func read(line []byte) (seal, Reason) {
	s, ok := split(line)
	switch {
	case !ok && !json.Valid(line):
		return seal{}, NotJSON
	case !ok:
		return seal{}, NotRecord
	}
	h := sha256.New()
	h.Write(line[:len(line)-sealLen])
	h.Write([]byte{'}'})
	var sum Digest
	h.Sum(sum[:0])
	switch {
	case sum == s.hash:
		return s, ""
	case !json.Valid(line):
		return seal{}, NotJSON
	}
	return seal{}, HashMismatch
}

func split(line []byte) (seal, bool) {
	rest, ok := bytes.CutPrefix(line, []byte(seqKey))
	if !ok || len(rest) < sealLen {
		return seal{}, false
	}
	rest, tail := rest[:len(rest)-sealLen], rest[len(rest)-sealLen:]
	digits, rest, ok := bytes.Cut(rest, []byte(prevKey))
	if !ok || len(rest) < hexLen+2 || string(rest[hexLen:hexLen+2]) != `",` {
		return seal{}, false
	}
	var s seal
	var err error
	if s.seq, err = strconv.ParseUint(string(digits), 10, 64); err != nil || s.seq == 0 || digits[0] == '0' {
		return seal{}, false
	}
	if s.prev, ok = parseDigest(rest[:hexLen]); !ok {
		return seal{}, false
	}
	if string(tail[:len(hashKey)]) != hashKey || string(tail[sealLen-2:]) != `"}` {
		return seal{}, false
	}
	s.hash, ok = parseDigest(tail[len(hashKey) : len(hashKey)+hexLen])
	return s, ok
}

func parseDigest(text []byte) (Digest, bool) {
	var d Digest
	if len(text) != hexLen || bytes.ContainsAny(text, "ABCDEF") {
		return d, false
	}
	_, err := hex.Decode(d[:], text)
	return d, err == nil
}
