package audit

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"
)

// Kind is what a checkpoint vouches for.
type Kind string

// A Head says that a chain had this record as its last. An Anchor says that the records up to this one were put away by
// whoever holds the key, so that the chain is whole without them.
const (
	Head   Kind = "head"
	Anchor Kind = "anchor"
)

// Checkpoint is a place of a chain that the chain's writer signs. A copy of it kept where the writer's files cannot be
// changed shows what the chain itself cannot: a cut end, an old copy put in place of the journal, and a chain computed
// anew by somebody who does not have the key.
type Checkpoint struct {
	Kind   Kind      `json:"kind"`
	Seq    uint64    `json:"seq"`
	Hash   Digest    `json:"hash"`
	Time   time.Time `json:"time"`
	Writer string    `json:"writer"`
}

// Signed is a checkpoint whose signature by Key holds. Whether Key is the one that was expected is for its reader to say.
type Signed struct {
	Checkpoint
	Key ed25519.PublicKey
}

// Reasons why what is signed does not hold.
const (
	BadSignature Reason = "signature does not hold"
	UnknownKey   Reason = "signed with another key"
	Rewritten    Reason = "not the record that was signed"
	CutTail      Reason = "records that were signed are missing at the end"
	NoCheckpoint Reason = "nothing is signed"
)

const (
	signedWith   = `,"key":"`
	signatureKey = `,"signature":"`
	signatureLen = len(signatureKey) + 2*ed25519.SignatureSize + len(`"}`)
)

// signingContext keeps a signature of ours from meaning anything elsewhere.
const signingContext = "steward audit checkpoint\n"

// Sign appends the checkpoint's line with its newline to dst: its canonical JSON, then the key and the signature in
// lower-case hexadecimal as its last members.
//
//	{"kind":"head","seq":7,"hash":"…","time":"…","writer":"…","key":"…","signature":"…"}
//
// What is signed (Ed25519, RFC 8032) are the bytes "steward audit checkpoint\n" and then the line without its last member
// and without the newline: everything up to `,"signature":`, and then the closing brace.
func (c Checkpoint) Sign(dst []byte, key ed25519.PrivateKey) []byte {
	start := len(dst)
	dst = append(dst, `{"kind":`...)
	dst = appendText(dst, string(c.Kind))
	dst = append(dst, `,"seq":`...)
	dst = strconv.AppendUint(dst, c.Seq, 10)
	dst = append(dst, `,"hash":"`...)
	dst = hex.AppendEncode(dst, c.Hash[:])
	dst = append(dst, `","time":"`...)
	dst = c.Time.UTC().AppendFormat(dst, time.RFC3339Nano)
	dst = append(dst, `","writer":`...)
	dst = appendText(dst, c.Writer)
	dst = append(dst, signedWith...)
	dst = hex.AppendEncode(dst, key[ed25519.SeedSize:])
	dst = append(dst, `"}`...)
	signature := ed25519.Sign(key, append([]byte(signingContext), dst[start:]...))
	dst = append(dst[:len(dst)-1], signatureKey...)
	dst = hex.AppendEncode(dst, signature)
	return append(dst, '"', '}', '\n')
}

// ReadCheckpoint reads a line, without its newline, that Sign printed. For anything else it answers a *Break: NotJSON,
// NotRecord or BadSignature.
func ReadCheckpoint(line []byte) (Signed, error) {
	if !json.Valid(line) {
		return Signed{}, &Break{Reason: NotJSON}
	}
	var c struct {
		Checkpoint
		Hash string `json:"hash"`
		Key  string `json:"key"`
	}
	if json.Unmarshal(line, &c) != nil || len(line) < signatureLen {
		return Signed{}, &Break{Reason: NotRecord}
	}
	body, tail := line[:len(line)-signatureLen], line[len(line)-signatureLen:]
	signature, ok := bytes.CutPrefix(tail, []byte(signatureKey))
	key, errKey := hex.DecodeString(c.Key)
	hash, isDigest := parseDigest([]byte(c.Hash))
	if !ok || errKey != nil || len(key) != ed25519.PublicKeySize || !isDigest {
		return Signed{}, &Break{Seq: c.Seq, Reason: NotRecord}
	}
	raw := make([]byte, ed25519.SignatureSize)
	if _, err := hex.Decode(raw, signature[:2*ed25519.SignatureSize]); err != nil || hex.EncodeToString(raw)+`"}` != string(signature) {
		return Signed{}, &Break{Seq: c.Seq, Reason: BadSignature}
	}
	message := append([]byte(signingContext), body...)
	if !ed25519.Verify(key, append(message, '}'), raw) {
		return Signed{}, &Break{Seq: c.Seq, Reason: BadSignature}
	}
	c.Checkpoint.Hash = hash
	return Signed{Checkpoint: c.Checkpoint, Key: key}, nil
}

// Chain is the place in the chain that the checkpoint vouches for.
func (c Checkpoint) Chain() Chain { return Chain{seq: c.Seq, head: c.Hash} }
