package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"postern/idp"
)

func TestAConsentIsRememberedUntilMoreIsAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// Each login is by a browser of its own, so that nothing but the consent is remembered.
	ends := func(who string, scope ...string) page {
		w.clock.advance(time.Minute)
		b := w.browser()
		req := w.request("third")
		req.Scope = scope
		b.ask(w.loginPath(w.acme, req), who)
		return b.submit(b.get(w.send()), "/auth/verify", nil)
	}
	w.agreeOnce("ann@example.org", "openid", "email")
	if got := ends("ann@example.org", "openid", "email").answered(t, "third"); got.Get("code") == "" {
		t.Errorf("answered %v", got)
	}
	for name, asked := range map[string]page{
		"another person": ends("bob@example.org", "openid"),
		"more":           ends("ann@example.org", "openid", "email", "profile"),
	} {
		if !strings.HasPrefix(asked.location, "/t/acme/auth/consent?") {
			t.Errorf("%s: went to %.80q", name, asked.location)
		}
	}
}

// agreeOnce signs a person in at somebody else's app and agrees there.
func (w *world) agreeOnce(who string, scope ...string) {
	w.t.Helper()
	b := w.browser()
	req := w.request("third")
	req.Scope = scope
	b.ask(w.loginPath(w.acme, req), who)
	asked := b.submit(b.get(w.send()), "/auth/verify", nil)
	b.submit(b.get(asked.location), "/auth/consent", url.Values{"action": {"agree"}}).answered(w.t, "third")
}

func TestThirdPartyAppsAskForConsentWhereverTheLoginEnds(t *testing.T) {
	t.Parallel()
	promptConsent := func(r *idp.AuthRequest) { r.Prompt = []string{"consent"} }
	tests := []struct {
		name   string
		client idp.ClientID
		change func(*idp.AuthRequest)
		finish func(b *browser, waiting, link string) page
	}{
		{"the link's tab", "third", nil, func(b *browser, _, link string) page {
			return b.submit(b.get(link), "/auth/verify", nil)
		}},
		{"the relay code", "third", nil, func(b *browser, waiting, link string) page {
			return b.submit(b.get(waiting), "/auth/code", url.Values{"code": {link}})
		}},
		{"the waiting tab, by prompt", "spa", promptConsent, func(b *browser, waiting, link string) page {
			b.submit(b.get(link), "/auth/verify", nil).want(b.t, http.StatusOK)
			return b.get(waiting)
		}},
		{"continue here, by prompt", "spa", promptConsent, func(b *browser, _, link string) page {
			return b.submit(b.submit(b.get(link), "/auth/verify", nil), "/auth/finish", nil)
		}},
		{"a request too long for a URL", "third", func(r *idp.AuthRequest) {
			r.Nonce = strings.Repeat("n", 4000)
		}, func(b *browser, _, link string) page {
			return b.submit(b.get(link), "/auth/verify", nil)
		}},
	}
	for _, tt := range tests {
		for _, action := range []string{"agree", "cancel", "the Cancel button"} {
			t.Run(tt.name+" "+action, func(t *testing.T) {
				w := newWorld(t)
				b := w.browser()
				req := w.request(tt.client)
				if tt.change != nil {
					tt.change(&req)
				}
				waiting := b.ask(w.loginPath(w.acme, req), "ann@example.org")
				asked := tt.finish(b, waiting, w.send())
				asked.want(t, http.StatusSeeOther)
				if !strings.HasPrefix(asked.location, "/t/acme/auth/consent?") || len(asked.location) > 4096 {
					t.Fatalf("went to %.80q", asked.location)
				}
				b.get(waiting).want(t, http.StatusOK)
				consent := b.get(asked.location)
				var got url.Values
				if f := consent.form(t, "/auth/consent"); action == "the Cancel button" {
					f.fields.Set("action", "agree") // as a program sends it that sends all
					got = b.post(f.action+"/cancel", f.fields).answered(t, tt.client)
				} else {
					got = b.submit(consent, "/auth/consent", url.Values{"action": {action}}).answered(t, tt.client)
				}
				if action != "agree" {
					if got.Get("error") != "access_denied" || got.Get("code") != "" {
						t.Errorf("answered %v", got)
					}
					return
				}
				grant, user, err := w.redeem(tt.client, w.acme, got.Get("code"))
				must(t, err)
				if user.Address != "ann@example.org" || grant.ACR == "" || grant.AuthTime.IsZero() || grant.SessionID == "" {
					t.Errorf("grant %+v", grant)
				}
			})
		}
	}
}

func TestConsentIsNoWayAroundALogin(t *testing.T) {
	t.Parallel()
	minute := int64(60)
	tests := []struct {
		name   string
		change func(*idp.AuthRequest)
		login  bool
	}{
		{"nothing special", func(*idp.AuthRequest) {}, false},
		{"prompt=login", func(r *idp.AuthRequest) { r.Prompt = []string{"login"} }, true},
		{"max_age exceeded", func(r *idp.AuthRequest) { r.MaxAge = &minute }, true},
		{"somebody else asked for", func(r *idp.AuthRequest) { r.Subject = "somebody" }, true},
		{"an acr that this session has not", func(r *idp.AuthRequest) { r.EssentialACR = []string{idp.ACRRelay} }, true},
		{"the acr that it has", func(r *idp.AuthRequest) { r.EssentialACR = []string{idp.ACRLink} }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			b.signIn(w.acme, w.request("web"), "ann@example.org").answered(t, "web")
			w.clock.advance(2 * time.Minute)
			req := w.request("third")
			tt.change(&req)
			target := "/t/acme/auth/consent?request=" + w.seal(w.acme, req)
			p := b.get(target)
			if sent := strings.HasPrefix(p.location, "/t/acme/auth/login?"); sent != tt.login {
				t.Errorf("sent to log in: %v (%d %s)", sent, p.status, p.location)
			}
			if p := w.browser().get(target); !strings.HasPrefix(p.location, "/t/acme/auth/login?") {
				t.Errorf("a browser without a session: %d %s", p.status, p.location)
			}
			w.clock.advance(idp.RequestLife + idp.DefaultLinkLife + idp.FlowGrace)
			b.get(target).want(t, http.StatusGone)
		})
	}
}
