package attacks_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"postern/e2e/harness"
)

// Threat 10: the attacker has asked in the victim's name and guesses the code
// that the victim's device shows.
func TestGuessesAtARelayCodeEndTheLoginAfterFive(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		l := w.demo(t).begin(t, browse(t), newAddress())
		link := l.link(t)
		code := relayCode(t, link)
		for i, wrong := range wrongCodes(code, 5) {
			if p := l.enter(t, wrong); p.Status < 400 || isCallback(p) {
				t.Errorf("guess %d: status %d at %s", i+1, p.Status, p.URL.Redacted())
			}
		}
		for name, late := range map[string]string{"code": code, "link": link} {
			if p := l.enter(t, late); p.Status < 400 || isCallback(p) {
				t.Errorf("the right %s after five guesses: status %d at %s", name, p.Status, p.URL.Redacted())
			}
		}
		for _, f := range l.browser.Get(link).Forms() {
			if f.PostsTo("/auth/verify") {
				t.Error("the link of an ended login still offers to go on")
			}
		}
	})
}

// wrongCodes gives codes of the right form, none of them right.
func wrongCodes(right string, n int) []string {
	var codes []string
	for _, c := range "0123456789ABCDEFGHJKMNPQRSTVWXYZ" {
		if wrong := string(c) + right[1:]; wrong != right && len(codes) < n {
			codes = append(codes, wrong)
		}
	}
	return codes
}

// Of guesses at once, over both processes, five are compared: the right code
// among sixty wrong ones that came before it changes nothing.
func TestGuessesAtOnceOverTwoProcessesAreNoMoreThanFive(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		l := w.demo(t).begin(t, browse(t), newAddress())
		code := relayCode(t, l.link(t))
		form := l.waiting.FormTo(t, "/auth/code")
		var guessing sync.WaitGroup
		for i, wrong := range wrongCodes(code, 30) {
			guessing.Go(func() {
				p, err := by(l.browser, i%2).TrySubmit(l.waiting, form, nil, url.Values{"code": {wrong}})
				if err != nil || p.Status < 400 && !strings.HasSuffix(p.URL.Path, "/auth/waiting") {
					t.Errorf("guess %d: %v %v", i, p, err)
				}
			})
		}
		guessing.Wait()
		if n := w.count(t, `SELECT attempts FROM flows WHERE address = $1`, l.address); n != 5 {
			t.Errorf("%d guesses were counted", n)
		}
		if p := l.enter(t, code); isCallback(p) {
			t.Error("the right code is taken after thirty guesses")
		}
	})
}

func TestARelayCodeOrLinkOfAnotherLoginIsTakenNowhere(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.demo(t)
		mine, other := c.begin(t, browse(t), newAddress()), c.begin(t, browse(t), newAddress())
		link := other.link(t)
		code := relayCode(t, link)
		for _, stolen := range []string{code, link} {
			if p := mine.enter(t, stolen); isCallback(p) {
				t.Error("what another login was mailed is taken")
			}
		}
		// The code without the cookie of the browser that asked is worth nothing.
		form := other.waiting.FormTo(t, "/auth/code")
		p, err := browse(t).Do(http.MethodPost, form.Action.String(), harness.Origin(form.Action), form.Values(nil, url.Values{"code": {code}}))
		if err != nil || p.Status < 400 {
			t.Errorf("the code without its cookie: %v %v", p, err)
		}
		other.finish(t, other.enter(t, code))
	})
}
