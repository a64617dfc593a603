package mail

import (
	"context"
	"crypto/tls"
)

// Greet connects to an account's server and logs in, as for a mail, and sends
// none: whether it would take one is known by Try alone.
func Greet(ctx context.Context, a Account, helo string, roots *tls.Config) Tried {
	var t Tried
	smtp, err := t.dialer(a, helo, roots)
	if err != nil {
		return Tried{Failed: StepConnect, Words: err.Error(), Err: err}
	}
	session, err := smtp.server.dial(ctx)
	if err != nil {
		t.fail(a, err)
		return t
	}
	session.quit()
	return t
}
