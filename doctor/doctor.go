// Package doctor looks at an installation from the outside, as browsers and the
// mail servers of its people see it: what its senders' domains publish, whether
// its issuers are reached, what its clocks say. It changes nothing, and finds
// words for what to do about each fault.
package doctor

import (
	"fmt"
	"time"
)

// Status is how a check ended.
type Status string

// How checks end. A warning is a fault that not everybody meets.
const (
	OK   Status = "ok"
	Warn Status = "warn"
	Fail Status = "fail"
)

// Finding is what one check found of one thing.
type Finding struct {
	Check  string `json:"check"`
	About  string `json:"about"` // a domain, a server, an issuer
	Status Status `json:"status"`
	Says   string `json:"says"`
	Mend   string `json:"mend,omitempty"` // empty if all is well
}

// Bounds of how far our clock may be from another.
const (
	noticed = 2 * time.Second
	harmful = 30 * time.Second
)

// Clock compares our clock with the database's, which was asked between two
// readings of ours.
func Clock(before, database, after time.Time) Finding {
	f := Finding{Check: "clock", About: "the database's", Status: OK, Says: "is ours"}
	ours := before.Add(after.Sub(before) / 2)
	off, which := ours.Sub(database), "ahead of"
	if off < 0 {
		off, which = -off, "behind"
	}
	if off <= noticed+after.Sub(before)/2 {
		return f
	}
	f.Status = Warn
	if off > harmful {
		f.Status = Fail
	}
	f.Says = fmt.Sprintf("ours is %s %s it", off.Round(100*time.Millisecond), which)
	f.Mend = "run a time service on both machines (chronyd or systemd-timesyncd): links, codes and tokens age by these clocks"
	return f
}
