package mail

import (
	"errors"
	"fmt"
	"net/textproto"

	gomail "github.com/wneessen/go-mail"
)

// verdict is what a failed hand-over means.
type verdict struct {
	err error // wraps one of the three classes
	// reusable: the connection is known to be between two mails.
	reusable bool
	// stale: the server was gone before it heard of any recipient, so a
	// connection that had been kept open can be replaced and the mail tried again.
	stale bool
}

// judge tells what go-mail's error means. Traps of v0.8.1: a lost connection
// says IsTemp false and code 0; a SendError unwraps to nothing; an error after
// the message was delivered (RSET) is an error all the same, so IsDelivered is
// asked first, by the caller.
func judge(err error) verdict {
	var send *gomail.SendError
	if !errors.As(err, &send) {
		return verdict{err: fmt.Errorf("%w: %w", ErrTemporary, err)}
	}
	code := send.ErrorCode()
	gone := code == 0 || code == 421 // RFC 5321 §3.8
	switch send.Reason {
	case gomail.ErrConnCheck:
		return verdict{err: fmt.Errorf("%w: connection lost", ErrTemporary), stale: true}
	case gomail.ErrSMTPMailFrom:
		// Refused for good or not, this is about the sender: an operator can mend it.
		return verdict{err: refusal(ErrTemporary, "MAIL", send), stale: gone, reusable: !gone}
	case gomail.ErrSMTPRcptTo:
		return verdict{err: refusal(classOf(code), "RCPT", send), stale: gone, reusable: !gone}
	case gomail.ErrSMTPData:
		return verdict{err: refusal(classOf(code), "DATA", send)}
	case gomail.ErrWriteContent:
		// The end of the data was never sent, so the server must not deliver (RFC 5321 §4.1.1.4).
		return verdict{err: fmt.Errorf("%w: connection lost within the data", ErrTemporary)}
	case gomail.ErrSMTPDataClose:
		return judgeDataEnd(code, send)
	case gomail.ErrGetSender, gomail.ErrGetRcpts, gomail.ErrNoUnencoded:
		return verdict{err: fmt.Errorf("%w: %s", ErrPermanent, send.Reason)}
	default:
		return verdict{err: fmt.Errorf("%w: %s", ErrUnknown, send.Reason)}
	}
}

// judgeDataEnd reads the answer to the whole mail. Its words are left out: some
// servers quote what they found in the mail, and that may be the link.
func judgeDataEnd(code int, send *gomail.SendError) verdict {
	status := send.EnhancedStatusCode()
	switch {
	case code >= 500:
		return verdict{err: fmt.Errorf("%w: data refused: %d %s", ErrPermanent, code, status), reusable: true}
	case code >= 400:
		return verdict{err: fmt.Errorf("%w: data refused: %d %s", ErrTemporary, code, status), reusable: code != 421}
	default:
		return verdict{err: fmt.Errorf("%w: no answer to the data", ErrUnknown)}
	}
}

func classOf(code int) error {
	if code >= 500 {
		return ErrPermanent
	}
	return ErrTemporary
}

func refusal(class error, command string, send *gomail.SendError) error {
	if send.ErrorCode() == 0 {
		return fmt.Errorf("%w: connection lost at %s", class, command)
	}
	return fmt.Errorf("%w: %s refused: %d %s", class, command, send.ErrorCode(), send.EnhancedStatusCode())
}

// judgeDial tells what a failure before the first mail means. Wrong credentials
// and missing TLS are an operator's to mend, and say nothing of the recipient.
func judgeDial(err error) error {
	var reply *textproto.Error
	if errors.As(err, &reply) {
		return fmt.Errorf("%w: connect: server answers %d", ErrTemporary, reply.Code)
	}
	return fmt.Errorf("%w: connect: %w", ErrTemporary, err)
}
