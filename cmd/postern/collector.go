package main

import (
	"os"
	"runtime/debug"
)

// heapGrowth is by how many percent the heap may grow before garbage is
// collected. What lives is small, some 15 MiB with a few tenants, so that the
// default of 100 collects many times a second under load; this costs at most
// three times what lives. GOGC and GOMEMLIMIT count where the operator sets them.
const heapGrowth = 300

func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
}
