package pgtest

import "syscall"

// dieWithParent has the kernel end the server when the tests die without
// having stopped it.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }
