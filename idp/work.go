package idp

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Work says when who asks for a mail has to show first that some work, or some
// waiting, went into it: never, always, or from a share of the limits on, such
// as "50%".
type Work string

// Policies beside a share. The zero value is never.
const (
	WorkNever  Work = ""
	WorkAlways Work = "always"
)

const (
	// WorkLife is how long a task may be handed in. It is shorter than any flow
	// lives, for what was handed in is remembered by its flow.
	WorkLife = 5 * time.Minute
	// WorkWait is how long one waits instead where no script can work.
	WorkWait = 20 * time.Second
)

var workShare = regexp.MustCompile(`^[1-9][0-9]?%$`)

// ParseWork reads off, always, or a share such as 50%; empty is off.
func ParseWork(text string) (Work, error) {
	if text == "off" {
		return WorkNever, nil
	}
	w := Work(text)
	return w, w.validate()
}

// Share is the part of a limit, in percent, that has to be used before work is asked
// for; none for those who never ask by it.
func (w Work) Share() (percent int64, ok bool) {
	if !workShare.MatchString(string(w)) {
		return 0, false
	}
	percent, err := strconv.ParseInt(strings.TrimSuffix(string(w), "%"), 10, 64)
	return percent, err == nil
}

func (w Work) validate() error {
	if _, ok := w.Share(); !ok && w != WorkNever && w != WorkAlways {
		return fmt.Errorf("proof of work %q: off, always, or from 1%% to 99%% of a limit", string(w))
	}
	return nil
}
