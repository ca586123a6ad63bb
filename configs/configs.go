// Package configs is the example file, as a part of the binary.
package configs

import _ "embed"

// Example has every key, each with a comment.
//
//go:embed example.yaml
var Example string
