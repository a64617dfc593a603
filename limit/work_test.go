package limit_test

import (
	"testing"
	"time"

	"postern/idp"
	"postern/limit"
)

// wish asks for a mail in a tenant that wants work from half of a limit on.
func (w *world) wish(n int, r idp.MailRequest) idp.Refusal {
	w.t.Helper()
	half := acme
	half.Settings.Work = "50%"
	if r.To == "" {
		r.To = stranger(n)
	}
	d, err := w.Mail(w.t.Context(), half, r, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	return d.Refused
}

func TestWorkIsAskedForOnceANetworkHasUsedItsShare(t *testing.T) {
	w := newWorld(t, limit.Default())
	for n := range 60 {
		want := idp.NotRefused
		if n >= 30 {
			want = idp.RefusedIdle
		}
		if got := w.wish(n, idp.MailRequest{Peer: home}); got != want {
			t.Fatalf("request %d: refused %d, want %d", n+1, got, want)
		}
	}
	if got := w.wish(60, idp.MailRequest{Peer: home, Worked: true}); got != idp.RefusedPeer {
		t.Errorf("over the limit, work or not: %d", got)
	}
	if got := w.wish(61, idp.MailRequest{Peer: peer(1)}); got != idp.NotRefused {
		t.Errorf("another network: %d", got)
	}
}

func TestWorkIsAskedForOnceATenantHasUsedItsShare(t *testing.T) {
	w := newWorld(t, limit.Default())
	asked := 0
	for n := range 2000 { // a botnet that never works
		if w.wish(n, idp.MailRequest{Peer: peer(n)}) == idp.RefusedIdle {
			asked++
		}
	}
	if let := 2000 - asked; let < 250 || let > 300 { // counts that are taken ahead count
		t.Errorf("%d were let in without work", let)
	}
	for name, r := range map[string]idp.MailRequest{
		"who worked":      {Peer: peer(3000), Worked: true},
		"a known browser": {Peer: peer(3001), To: ann, Known: "ann's"},
	} {
		if got := w.wish(3000, r); got != idp.NotRefused {
			t.Errorf("%s is refused, %d, by what never works", name, got)
		}
	}
	if got := w.mail(other, ann, peer(4000), ""); got.Refused != idp.NotRefused {
		t.Error("another tenant asks for work, too")
	}
	w.after(time.Hour)
	if got := w.wish(5000, idp.MailRequest{Peer: peer(5000)}); got != idp.NotRefused {
		t.Error("an hour later work is asked for still")
	}
}

func TestAskingWithoutWorkUsesUpNobodysMailbox(t *testing.T) {
	w := newWorld(t, limit.Default())
	for n := range 30 {
		w.wish(n, idp.MailRequest{Peer: home})
	}
	for range 10 {
		w.wish(0, idp.MailRequest{Peer: home, To: ann})
	}
	w.sends(true, other, ann, "")
	w.after(time.Minute)
	half := acme
	half.Settings.Work = "50%"
	d, err := w.Mail(t.Context(), half, idp.MailRequest{To: ann, Peer: peer(1)}, w.now)
	if err != nil || !d.Send {
		t.Errorf("%+v, %v", d, err)
	}
}
