package mail

import (
	"crypto/tls"
	"time"
)

// Step is a part of handing a mail over, in the order in which they come.
type Step string

// Steps of handing a mail over.
const (
	StepConnect   Step = "connect"
	StepTLS       Step = "TLS"
	StepGreet     Step = "greeting"
	StepLogin     Step = "login"
	StepSender    Step = "sender"
	StepRecipient Step = "recipient"
	StepData      Step = "message"
)

// Trace sees each step that went well, with a detail that holds no secret. It
// may be nil.
type Trace func(step Step, detail string)

func (t Trace) done(step Step, detail string) {
	if t != nil {
		t(step, detail)
	}
}

func (t Trace) tls(state tls.ConnectionState) {
	if t == nil || len(state.PeerCertificates) == 0 {
		return
	}
	until := state.PeerCertificates[0].NotAfter.UTC().Format(time.DateOnly)
	t(StepTLS, tls.VersionName(state.Version)+", certificate of "+state.ServerName+" good until "+until)
}

func (t Trace) login(a Account) {
	switch {
	case a.Auth == NoAuth:
		t.done(StepLogin, "none needed")
	case a.provider().UserIsPassword:
		t.done(StepLogin, string(a.Auth)) // the user's name is the secret
	default:
		t.done(StepLogin, string(a.Auth)+" as "+a.User)
	}
}
