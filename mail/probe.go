package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"strings"
	"time"
)

// Tried is how a mail went by one account, step by step.
type Tried struct {
	Passed []Passed
	Failed Step   // empty: the mail was taken
	Words  string // what the server said, or what went wrong before it could
	Hint   string // what to do about it
	Signed []string
	Err    error
}

// Passed is a step that went well.
type Passed struct {
	Step   Step
	Detail string
}

// Try sends a message by an account, on a connection of its own, as the Router
// would: signed by the first setup that has keys of the sender's domain. The
// message must hold no link, for the server's words are shown.
func Try(ctx context.Context, a Account, helo string, roots *tls.Config, m Message, owners ...Setup) Tried {
	var t Tried
	signers := make([][]*Signer, 0, len(owners))
	for _, owner := range owners {
		mine, err := owner.signers()
		if err != nil {
			return Tried{Failed: StepConnect, Words: err.Error(), Hint: "take the key out: postern mail dkim remove", Err: err}
		}
		signers = append(signers, mine)
	}
	smtp, err := t.dialer(a, helo, roots)
	if err != nil {
		return Tried{Failed: StepConnect, Words: err.Error(), Err: err}
	}
	defer smtp.Close()
	l := line{account: a}
	addressed := l.addressed(m, signers)
	for _, s := range addressed.Signers {
		t.Signed = append(t.Signed, s.key.Selector+"._domainkey."+s.key.Domain)
	}
	if err := smtp.Send(ctx, addressed); err != nil {
		t.fail(a, err)
	}
	return t
}

// dialer gives a transport of one account that notes the steps that pass.
func (t *Tried) dialer(a Account, helo string, roots *tls.Config) (*SMTP, error) {
	if a.From != "" {
		helo = a.From.Domain()
	}
	return NewSMTP(SMTPConfig{
		Account: a, Helo: helo, TLS: roots, Timeout: 20 * time.Second,
		Trace: func(step Step, detail string) { t.Passed = append(t.Passed, Passed{step, detail}) },
	})
}

// fail notes what kept the step from coming that did not.
func (t *Tried) fail(a Account, err error) {
	t.Err, t.Failed, t.Words = err, t.next(a), wordsOf(err)
	t.Hint = hint(t.Failed, a, err)
}

// next gives the step that did not come: none is left out.
func (t Tried) next(a Account) Step {
	order := []Step{StepConnect, StepGreet, StepTLS, StepLogin, StepSender, StepRecipient, StepData}
	switch a.TLS {
	case ImplicitTLS:
		order[1], order[2] = StepTLS, StepGreet
	case NoTLS:
		order = slices.Delete(order, 2, 3)
	case StartTLS:
	}
	for _, step := range order {
		if !slices.ContainsFunc(t.Passed, func(p Passed) bool { return p.Step == step }) {
			return step
		}
	}
	return StepData
}

// wordsOf says what went wrong without the class that the worker goes by.
func wordsOf(err error) string {
	text := err.Error()
	for _, class := range []error{errUnreachable, ErrLogin, ErrNoMailbox, ErrRecipient, ErrTemporary, ErrPermanent, ErrUnknown} {
		text = strings.TrimPrefix(text, class.Error()+": ")
	}
	var no *refusal
	if errors.As(err, &no) && no.words != "" {
		text += ": " + no.words
	}
	return text
}

// hint says in plain words what most often is the matter.
func hint(failed Step, a Account, err error) string {
	switch failed {
	case StepConnect:
		return connectHint(err)
	case StepGreet:
		return "is this a mail server's port, and does it want TLS from the start (smtps://, port 465) or STARTTLS (smtp://, port 587)?"
	case StepTLS:
		return tlsHint(err)
	case StepLogin:
		if h := a.provider().LoginHint; h != "" {
			return h
		}
		return "are user and password right, and does the server offer " + string(a.Auth) + "? ?auth=… names another mechanism"
	case StepSender:
		return "the server does not let this login send as this address: verify the domain there, or set another sender (?from=…, or tenant set SLUG mail_from=…)"
	case StepRecipient:
		if errors.Is(err, ErrNoMailbox) {
			return "the server knows no such mailbox: try another --to"
		}
		return "the server does not send to that address for us: must we log in, or verify the sender's domain first?"
	case StepData:
		if errors.Is(err, ErrUnknown) {
			return "the mail was sent and the answer lost; it may arrive all the same"
		}
		return "the server did not like the mail: is the sender's domain verified there, and do SPF and DKIM pass?"
	default:
		return ""
	}
}

func connectHint(err error) string {
	var name *net.DNSError
	var wait net.Error
	switch {
	case errors.As(err, &name):
		return "there is no server of this name: look for a typing error, or at this machine's resolver"
	case errors.As(err, &wait) && wait.Timeout():
		return "nobody answers: many networks block ports 25, 465 and 587; does the provider listen on another, such as 2525?"
	default:
		return "nobody listens there, or a firewall refuses: check host and port"
	}
}

func tlsHint(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	switch {
	case errors.As(err, &unknown):
		return "nobody whom this machine trusts signed the certificate: if it is a private authority's, name its file in SSL_CERT_FILE"
	case errors.As(err, &name):
		return "the certificate is another host's: use the name that it was made for"
	default:
		return "does the port want TLS from the start (smtps://, port 465) or STARTTLS (smtp://, port 587)? Without TLS no mail leaves this machine"
	}
}
