//go:build !linux

package auditlog

import "os"

// syncData makes the file durable. On darwin File.Sync is F_FULLFSYNC, the only call there that reaches the disk.
func syncData(f *os.File) error { return f.Sync() }
