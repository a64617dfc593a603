//go:build skew

package main

import (
	"os"
	"time"
)

// now is a clock that is wrong by POSTERN_SKEW, a duration such as -5m. Only
// tests build it: replicas whose clocks differ, and links that grow old.
func now() time.Time {
	skew, err := time.ParseDuration(os.Getenv("POSTERN_SKEW"))
	if err != nil {
		skew = 0
	}
	return time.Now().Add(skew)
}
