package oidc

import (
	"encoding/json"
	"slices"
)

// Signature gives the payload of a JWS whose signature holds under a key set, by the steps that Verify takes before it reads
// any claim, with every algorithm that is accepted at all.
func Signature(jws string, keySet json.RawMessage) ([]byte, error) {
	t, _, err := take(jws)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(Algorithms(), t.algorithm) {
		return nil, errAlgorithm
	}
	keys, err := parseKeys(keySet)
	if err != nil {
		return nil, err
	}
	return signed(t, choose(keys, t))
}
