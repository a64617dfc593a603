package e2e_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"postern/e2e/harness"
)

func decodePart(t *testing.T, token string, i int) []byte {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("a token of %d parts", len(parts))
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[i])
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLinkCarriesAtLeast32RandomBytes(t *testing.T) {
	t.Parallel()
	c, b := newClient(t, shared), newBrowser(t)
	seen := map[string]bool{}
	for range 3 {
		link := begin(t, c, b, newAddress()).mail().Link
		raw, err := base64.RawURLEncoding.DecodeString(harness.MustURL(t, link).Query().Get("token"))
		if err != nil || len(raw) < 32 {
			t.Fatalf("a token of %d bytes: %v", len(raw), err)
		}
		secret := string(raw[len(raw)-32:])
		if seen[secret] {
			t.Error("the same secret twice")
		}
		seen[secret] = true
	}
}

func TestUsedLinkIsRefused(t *testing.T) {
	t.Parallel()
	l := begin(t, newClient(t, shared), newBrowser(t), newAddress())
	link := l.mail().Link
	verify := l.browser.Get(link)
	form := verify.FormTo(t, "/auth/verify")
	l.finish(l.goOn(l.browser.Submit(verify, form, submitter(form), nil)))

	for name, b := range map[string]*harness.Browser{"the same browser": l.browser, "another browser": newBrowser(t)} {
		p := b.Get(link)
		if p.Status < 400 {
			t.Errorf("a used link in %s: status %d", name, p.Status)
		}
		for _, f := range p.Forms() {
			if f.PostsTo("/auth/verify") {
				t.Errorf("a used link in %s still offers to go on", name)
			}
		}
		if p.Text("relay-code") != "" {
			t.Errorf("a used link in %s shows a relay code", name)
		}
	}
	if p := l.browser.Submit(verify, form, submitter(form), nil); p.Status < 400 || p.URL.Query().Get("code") != "" {
		t.Errorf("the old form posted again: status %d at %s", p.Status, p.URL.Redacted())
	}
}

// Most of the racers press the button, five type the code.
func TestOneOfFiftyRacersWins(t *testing.T) {
	t.Parallel()
	l := begin(t, newClient(t, shared), newBrowser(t), newAddress())
	link := l.mail().Link
	verify := l.browser.Get(link)
	byLink, byCode := verify.FormTo(t, "/auth/verify"), l.waiting.FormTo(t, "/auth/code")
	code := relayCode(t, link)

	const racers = 50
	var wg sync.WaitGroup
	start, pages := make(chan struct{}), make(chan *harness.Page, racers)
	for i := range racers {
		wg.Go(func() {
			<-start
			page, form, typed := verify, byLink, url.Values(nil)
			if i%10 == 0 { // a login takes five attempts
				page, form, typed = l.waiting, byCode, url.Values{"code": {code}}
			}
			p, err := l.browser.TrySubmit(page, form, submitter(form), typed)
			if err != nil {
				t.Error(err)
				return
			}
			pages <- p
		})
	}
	close(start)
	wg.Wait()
	close(pages)
	codes := map[string]bool{}
	for p := range pages {
		if c := p.URL.Query().Get("code"); c != "" {
			codes[c] = true
		} else if p.Status >= http.StatusInternalServerError {
			t.Errorf("a loser gets status %d", p.Status)
		}
	}
	if len(codes) != 1 {
		t.Fatalf("%d of %d racers won", len(codes), racers)
	}
	for c := range codes {
		if status, tokens := l.client.redeem(c, l.request); status != http.StatusOK {
			t.Errorf("the winner's code: %d %v", status, tokens)
		}
	}
}

func TestFiftyRedemptionsOfOneCodeGiveOneAnswer(t *testing.T) {
	t.Parallel()
	c := newClient(t, shared)
	l := begin(t, c, newBrowser(t), newAddress())
	code := l.code(l.openLink(l.mail().Link))
	metadata(t, shared)
	var wg sync.WaitGroup
	wins := make(chan struct{}, 50)
	for range 50 {
		wg.Go(func() {
			if status, _ := c.redeem(code, l.request); status == http.StatusOK {
				wins <- struct{}{}
			}
		})
	}
	wg.Wait()
	if len(wins) != 1 {
		t.Errorf("%d of 50 redemptions won", len(wins))
	}
}

func TestTwoLoginsOfOneBrowserBothFinish(t *testing.T) {
	t.Parallel()
	c, b := newClient(t, shared), newBrowser(t)
	first, second := begin(t, c, b, newAddress()), begin(t, c, b, newAddress())
	second.finish(second.openLink(second.mail().Link))
	first.finish(first.openLink(first.mail().Link))
}

func TestLinkOfAnAttackersLoginSignsNoVictimIn(t *testing.T) {
	t.Parallel()
	c := newClient(t, shared)
	attacker, victim := begin(t, c, newBrowser(t), newAddress()), newBrowser(t)
	victim.Get(attacker.mail().Link)
	if p := victim.Get(c.request("prompt", "none").url); p.URL.Query().Get("error") != "login_required" {
		t.Errorf("the victim is signed in: %s", p.URL.Redacted())
	}
}

func TestWaitingPageSendsItsBrowserOnOnce(t *testing.T) {
	t.Parallel()
	l := begin(t, newClient(t, shared, "--public"), newBrowser(t), newAddress())
	link := l.mail().Link
	press(t, l.browser, l.browser.Get(link), "/auth/verify")
	at := l.waiting.URL.String()
	if p := newBrowser(t).Get(at); strings.HasPrefix(p.URL.String(), callback) {
		t.Error("the waiting page's address alone signs in")
	}
	l.finish(l.browser.Get(at))
	if p := l.browser.Get(at); strings.HasPrefix(p.URL.String(), callback) {
		t.Error("the waiting page sends on twice")
	}
}
