package mail

import (
	"context"
	"crypto/tls"
	"time"
)

// Greet connects to an account's server and logs in, as for a mail, and sends
// none: whether it would take one is known by Try alone.
func Greet(ctx context.Context, a Account, helo string, roots *tls.Config) Tried {
	var t Tried
	if a.From != "" {
		helo = a.From.Domain()
	}
	smtp, err := NewSMTP(SMTPConfig{
		Account: a, Helo: helo, TLS: roots, Timeout: 20 * time.Second,
		Trace: func(step Step, detail string) { t.Passed = append(t.Passed, Passed{step, detail}) },
	})
	if err != nil {
		return Tried{Failed: StepConnect, Words: err.Error(), Err: err}
	}
	session, err := smtp.server.dial(ctx)
	if err != nil {
		t.Err, t.Failed, t.Words = err, t.next(a), wordsOf(err)
		t.Hint = hint(t.Failed, a, err)
		return t
	}
	session.quit()
	return t
}
