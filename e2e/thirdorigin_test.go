package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"postern/e2e/harness"
)

// Chromium applies form-action to every redirect that follows a POST, also to
// those behind the client's callback.
func TestCallbackThatRedirectsToAThirdOriginWorksInChromium(t *testing.T) {
	t.Parallel()
	third := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("<!doctype html><p>landed with " + r.URL.Query().Get("what") + "</p>"))
	}))
	t.Cleanup(third.Close)
	landing := strings.Replace(third.URL, "127.0.0.1", "localhost", 1)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		what := "a code"
		if r.URL.Query().Get("code") == "" {
			what = r.URL.Query().Get("error")
		}
		http.Redirect(w, r, landing+"/?what="+strings.ReplaceAll(what, " ", "+"), http.StatusFound)
	}))
	t.Cleanup(app.Close)
	uri := app.URL + "/callback"

	for name, finish := range map[string]string{"from the link's tab": "link", "from continue here": "waiting"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, shared, "--redirect-uri", uri, "--finish", finish)
			chromium, address := harness.NewChromium(t), newAddress()
			first := chromium.NewTab().Open(c.request("redirect_uri", uri).url)
			typeAddress(first, address)
			link := shared.WaitMail(t, address, 1).Link
			if finish == "waiting" {
				first.Open("about:blank") // else it would be first
			}
			linked := chromium.NewTab().Open(link)
			linked.Click(`form[action$="/auth/verify"] button`)
			if finish == "waiting" {
				linked.Click(`form[action$="/auth/finish"] button`)
			}
			linked.WaitURL(landing)
			linked.WaitText("landed with a code")
		})
	}
	t.Run("from the relay code", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, shared, "--redirect-uri", uri)
		chromium, address := harness.NewChromium(t), newAddress()
		first := chromium.NewTab().Open(c.request("redirect_uri", uri).url)
		typeAddress(first, address)
		first.Type("input[name=code]", relayCode(t, shared.WaitMail(t, address, 1).Link))
		first.Click(`form[action$="/auth/code"] button`)
		first.WaitText("landed with a code")
	})
	t.Run("from Cancel", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, shared, "--redirect-uri", uri)
		tab := harness.NewChromium(t).NewTab().Open(c.request("redirect_uri", uri).url)
		tab.Press("Cancel")
		tab.WaitText("landed with access_denied")
	})
}
