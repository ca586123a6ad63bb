//go:build unix && !linux

package worker

import "syscall"

// ownGroup puts a child into a process group of its own. The worker itself watches for the end of Steward.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
