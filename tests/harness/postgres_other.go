//go:build !linux

package harness

import "syscall"

// endsWithUs cannot promise anything where the kernel has no such signal; Stop ends the child.
func endsWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
