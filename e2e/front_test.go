package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"postern/e2e/harness"
)

// startBehind starts a server behind a proxy that may change its answers.
func startBehind(t *testing.T, scheme string, change func(*http.Response) error) *harness.Server {
	t.Helper()
	front := httptest.NewUnstartedServer(nil)
	public := scheme + "://" + front.Listener.Addr().String()
	s := harness.StartFor(t, binary, "--public-url", public, "--limits", "relaxed")
	target := &url.URL{Scheme: "http", Host: s.Listen}
	front.Config.Handler = &httputil.ReverseProxy{ModifyResponse: change, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.SetXForwarded()
		r.Out.Host = r.In.Host
	}}
	if scheme == "https" {
		front.StartTLS()
	} else {
		front.Start()
	}
	t.Cleanup(front.Close)
	s.Client = front.Client()
	return s
}

// Behind a TLS front the cookies are Secure and __Host-, and the demo app still
// reaches the provider, whose certificate nobody trusts.
func TestDemoAppsWorkBehindATLSFront(t *testing.T) {
	t.Parallel()
	s := startBehind(t, "https", nil)
	chromium, address := harness.NewChromium(t, chromedp.IgnoreCertErrors), newAddress()
	first := chromium.NewTab().Open(s.URL + "/dev/app")
	first.Press("Sign in (web app)")
	typeAddress(first, address)
	box := mailbox(chromium, s, address)
	linked := box.OpenedBy(func() { box.Click("article.mail a.link") })
	linked.Click(`form[action$="/auth/verify"] button`)
	showsVerifiedToken(t, linked, s, address)
	spa := chromium.NewTab().Open(s.URL + "/dev/spa?start")
	showsVerifiedToken(t, spa, s, address)

	for _, c := range linked.Cookies() {
		if !c.Secure || !c.HTTPOnly || (strings.Contains(c.Name, "postern-") && c.Name != "postern-demo" && !strings.HasPrefix(c.Name, "__Host-")) {
			t.Errorf("cookie %s: Secure %t, HttpOnly %t", c.Name, c.Secure, c.HTTPOnly)
		}
	}
}
