//go:build !linux

package pgtest

import "syscall"

// dieWithParent does nothing where the kernel cannot.
func dieWithParent(*syscall.SysProcAttr) {}
