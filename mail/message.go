package mail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	netmail "net/mail"
	"strings"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"

	"postern/idp"
)

// Message is one mail to one person.
type Message struct {
	From    idp.MailFrom
	To      idp.Address
	Subject string
	Text    string
	HTML    string
	// Headers are sent besides those that every mail has.
	Headers []Header
	// MessageID is without its angle brackets (RFC 5322 §3.6.4).
	MessageID string
	Date      time.Time
	// Link is what the mail is for; a transport that shows mails to a developer
	// shows it. It is part of Text and HTML and not sent besides.
	Link string
	// TenantID is whose mail it is, and Setup names how that tenant sends; empty
	// is as the instance does.
	TenantID idp.TenantID
	Setup    string
	// Signers sign it, each with a signature of its own (RFC 6376).
	Signers []*Signer
}

// Header is a header field.
type Header struct{ Name, Value string }

// Transport hands a message over to whoever brings it to its mailbox. A nil
// error says that it was taken. Any other wraps ErrTemporary, ErrPermanent or
// ErrUnknown; one that wraps none of them is a fault, and nothing was sent.
type Transport interface {
	Send(ctx context.Context, m Message) error
}

// What became of a message that was not taken.
var (
	// ErrTemporary: it was not taken; another try may succeed.
	ErrTemporary = errors.New("mail not taken for now")
	// ErrPermanent: it will never be taken.
	ErrPermanent = errors.New("mail refused for good")
	// ErrUnknown: all of it was sent and the answer lost. It may arrive.
	ErrUnknown = errors.New("mail sent, answer lost")
	// ErrRecipient: this server will never take it for this recipient; another may.
	ErrRecipient = fmt.Errorf("%w: not to this address", ErrPermanent)
	// ErrNoMailbox: it will never be taken by anyone, for there is no such mailbox.
	ErrNoMailbox = fmt.Errorf("%w: no such mailbox", ErrPermanent)
	// ErrLogin: the server does not take our credentials, or there is no safe way
	// to show them. Nothing of the mail was said.
	ErrLogin = fmt.Errorf("%w: login refused", ErrTemporary)
	// errUnreachable: nobody was there to take it.
	errUnreachable = fmt.Errorf("%w: server not reached", ErrTemporary)
)

// encode gives the message in go-mail's form: multipart/alternative, with text
// in quoted-printable, ASCII throughout.
func (m Message) encode() (*gomail.Msg, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	msg := gomail.NewMsg(gomail.WithEncoding(gomail.EncodingQP), gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(&netmail.Address{Name: oneLine(m.From.Name), Address: string(m.From.Address)})
	msg.EnvelopeFromMailAddress(&netmail.Address{Address: string(m.From.Address)})
	msg.ToMailAddress(&netmail.Address{Address: string(m.To)})
	msg.Subject(oneLine(m.Subject))
	msg.SetDateWithValue(m.Date)
	msg.SetMessageIDWithValue(m.MessageID)
	for _, h := range m.Headers {
		msg.SetGenHeader(gomail.Header(h.Name), oneLine(h.Value))
	}
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	return msg, nil
}

// check holds what the rest relies on, whoever made the message: addresses in
// their one form, so that exactly one recipient is named to the server, by the
// very bytes that were looked up.
func (m Message) check() error {
	for _, a := range []idp.Address{m.From.Address, m.To} {
		if canonical, err := idp.ParseAddress(string(a)); err != nil || canonical != a {
			return fmt.Errorf("%w: an address that is not in its canonical form", ErrPermanent)
		}
	}
	if m.MessageID == "" || strings.ContainsFunc(m.MessageID, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '<' || r == '>' }) {
		return fmt.Errorf("%w: message id", ErrPermanent)
	}
	for _, h := range m.Headers {
		if h.Name == "" || strings.ContainsFunc(h.Name, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ':' }) {
			return fmt.Errorf("%w: name of a header field", ErrPermanent)
		}
	}
	return nil
}

// Bytes gives the message as it goes over the wire (RFC 5322), signed.
func (m Message) Bytes() ([]byte, error) {
	msg, err := m.encode()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if _, err := msg.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("%w: write: %w", ErrPermanent, err)
	}
	var signatures []byte
	for _, s := range m.Signers {
		signature, err := s.sign(b.Bytes())
		if err != nil {
			return nil, fmt.Errorf("%w: sign: %w", ErrPermanent, err)
		}
		signatures = append(signatures, signature...)
	}
	return append(signatures, b.Bytes()...), nil
}

// oneLine takes out what could end a header field or hide in it.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		default:
			return r
		}
	}, s)
}
