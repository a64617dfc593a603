package mail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/textproto"
	"strings"

	"github.com/wneessen/go-mail/smtp"
)

// login proves who we are by the one mechanism that the account names, and by
// no other: what a server offers instead is not taken. SCRAM is bound to the TLS
// connection where the server knows how to.
func (s *server) login(ctx context.Context, client *smtp.Client) error {
	if s.account.Auth == NoAuth {
		return nil
	}
	_, offered := client.Extension("AUTH")
	wanted := s.account.Auth
	if wanted == ScramSHA256 && s.account.TLS != NoTLS && offers(offered, ScramSHA256Plus) {
		wanted = ScramSHA256Plus
	}
	if !offers(offered, wanted) {
		return &refusal{
			class: ErrLogin, at: "AUTH", status: strings.ToUpper(string(wanted)) + " is not offered",
			words: "the server offers " + cmp.Or(offered, "no login"),
		}
	}
	mechanism, err := s.mechanism(ctx, wanted, client)
	if err != nil {
		return err
	}
	err = client.Auth(mechanism)
	var reply *textproto.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &reply) && reply.Code >= 500:
		s.tokens.forget()
		return refused(ErrLogin, "AUTH", reply)
	case errors.As(err, &reply):
		s.tokens.forget()
		return refused(ErrTemporary, "AUTH", reply)
	default:
		return fmt.Errorf("%w: connection lost at AUTH", errUnreachable)
	}
}

// offers reads a list of mechanisms (RFC 4954 §3).
func offers(list string, wanted Mechanism) bool {
	for offered := range strings.FieldsSeq(list) {
		if strings.EqualFold(offered, string(wanted)) {
			return true
		}
	}
	return false
}

func (s *server) mechanism(ctx context.Context, wanted Mechanism, client *smtp.Client) (smtp.Auth, error) {
	a := s.account
	switch wanted {
	case Plain:
		return smtp.PlainAuth("", a.User, string(a.Password), a.Host, a.TLS == NoTLS), nil
	case Login:
		return smtp.LoginAuth(a.User, string(a.Password), a.Host, a.TLS == NoTLS), nil
	case ScramSHA256:
		return smtp.ScramSHA256Auth(a.User, string(a.Password)), nil
	case ScramSHA256Plus:
		state, err := client.GetTLSConnectionState()
		if err != nil {
			return nil, fmt.Errorf("%w: SCRAM-SHA-256-PLUS needs TLS", ErrLogin)
		}
		return smtp.ScramSHA256PlusAuth(a.User, string(a.Password), state), nil
	case XOAuth2:
		token, err := s.tokens.token(ctx)
		if err != nil {
			return nil, err
		}
		return smtp.XOAuth2Auth(a.User, token), nil
	case NoAuth:
	}
	return nil, fmt.Errorf("%w: mechanism %q", ErrLogin, wanted)
}
