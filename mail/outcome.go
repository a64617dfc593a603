package mail

import (
	"errors"
	"fmt"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
)

// verdict is what a failed hand-over means.
type verdict struct {
	err error // wraps one of the classes
	// reusable: the connection is known to be between two mails.
	reusable bool
	// stale: the server was gone before it heard of any recipient, so a
	// connection that had been kept open can be replaced and the mail tried again.
	stale bool
}

// refusal is a server's no. Its text has the codes only: some servers quote what
// they found in the mail, and that may be the link.
type refusal struct {
	class  error
	at     string // the command
	code   int
	status string // enhanced (RFC 3463), where there is one
	words  string // for who tests a server by hand; never logged
}

func (r *refusal) Error() string {
	parts := []string{r.class.Error() + ": " + r.at + " refused:"}
	if r.code != 0 {
		parts = append(parts, strconv.Itoa(r.code))
	}
	if r.status != "" {
		parts = append(parts, r.status)
	}
	return strings.Join(parts, " ")
}

func (r *refusal) Unwrap() error { return r.class }

var statusPattern = regexp.MustCompile(`^[245]\.[0-9]{1,3}\.[0-9]{1,3}\b`)

func refused(class error, at string, reply *textproto.Error) *refusal {
	return &refusal{class: class, at: at, code: reply.Code, status: statusPattern.FindString(reply.Msg), words: reply.Msg}
}

// judge tells what an error at a command before the data means. One without a
// reply is a connection lost.
func judge(at string, err error) verdict {
	var reply *textproto.Error
	if !errors.As(err, &reply) {
		// At DATA the server may have begun to work on the mail: another server may
		// have it, this one is not asked a second time at once.
		return verdict{err: fmt.Errorf("%w: connection lost at %s", errUnreachable, at), stale: at != "DATA"}
	}
	gone := reply.Code == 421 // RFC 5321 §3.8
	v := verdict{err: refused(classOf(at, reply), at, reply), stale: gone, reusable: !gone}
	if at == "DATA" {
		v.stale, v.reusable = false, false
	}
	return v
}

// classOf tells what a refusal is about.
func classOf(at string, reply *textproto.Error) error {
	switch {
	case at == "MAIL":
		return ErrTemporary // refused for good or not, this is about the sender: an operator can mend it
	case reply.Code < 500:
		return ErrTemporary
	case at == "RCPT" && noMailbox(reply):
		return ErrNoMailbox
	case at == "RCPT":
		return ErrRecipient
	default:
		return ErrPermanent
	}
}

// noMailbox tells that a refused recipient does not exist, for all that this
// server knows (RFC 3463 §3.2, §3.3): no other would bring the mail there, and
// asking again harms the sender's name. Other refusals at RCPT are about us:
// relaying, reputation, policy.
func noMailbox(reply *textproto.Error) bool {
	status := statusPattern.FindString(reply.Msg)
	switch status {
	case "":
		return reply.Code == 550 || reply.Code == 551 || reply.Code == 553
	case "5.2.1": // disabled
		return true
	default:
		return strings.HasPrefix(status, "5.1.") && status != "5.1.7" && status != "5.1.8" // those are the sender's
	}
}

// judgeAnswer reads the answer to the whole mail.
func judgeAnswer(err error) verdict {
	var reply *textproto.Error
	switch {
	case err == nil:
		return verdict{reusable: true}
	case !errors.As(err, &reply) || reply.Code < 400:
		return verdict{err: fmt.Errorf("%w: no answer to the data", ErrUnknown)}
	case reply.Code < 500:
		return verdict{err: refused(ErrTemporary, "data", reply), reusable: reply.Code != 421}
	default:
		return verdict{err: refused(ErrPermanent, "data", reply), reusable: true}
	}
}
