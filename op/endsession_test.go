package op_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"postern/idp"
)

const bye = "https://web.example/bye"

func (w *world) logout(form url.Values) answer {
	w.t.Helper()
	return w.do(http.MethodGet, "/t/a/end_session?"+form.Encode(), nil)
}

var hiddenField = regexp.MustCompile(`<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"`)

// confirmation reads the hidden fields of a page.
func confirmation(res answer) url.Values {
	form := url.Values{}
	for _, m := range hiddenField.FindAllStringSubmatch(res.body, -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	return form
}

func TestAHintThatNamesThisSessionEndsIt(t *testing.T) {
	w := newWorld(t)
	hint := fmt.Sprint(w.tokens("web")["id_token"])
	w.move(2 * time.Hour) // the ID token has expired; the session has not
	target, values := w.logout(url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {bye}, "state": {"s t"}}).location(t)
	if target != bye || values.Get("state") != "s t" || w.sessions.session != nil {
		t.Errorf("%s %v, session %v", target, values, w.sessions.session)
	}
	target, _ = w.logout(url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {bye}}).location(t)
	if target != bye {
		t.Errorf("once more without a session: %s", target)
	}
}

func TestWithoutSuchAHintThePersonIsAsked(t *testing.T) {
	w := newWorld(t)
	old := fmt.Sprint(w.tokens("web")["id_token"])
	cases := []struct {
		name string
		form url.Values
		want string
	}{
		{"nothing", url.Values{}, ""},
		{"only a state", url.Values{"state": {"s"}}, ""},
		{"a URI of nobody, which is not gone to", url.Values{"post_logout_redirect_uri": {bye}, "state": {"s"}}, ""},
		{"client by id", url.Values{"client_id": {"web"}, "post_logout_redirect_uri": {bye}, "state": {"s"}}, bye + "?state=s"},
		{"hint of another session", url.Values{"id_token_hint": {old}, "post_logout_redirect_uri": {bye}}, bye},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w.logIn("u1")
			res := w.logout(c.form)
			if res.StatusCode != http.StatusOK || w.sessions.session == nil {
				t.Fatalf("%d, session %v", res.StatusCode, w.sessions.session)
			}
			form := confirmation(res)
			form.Set("action", "agree")
			for name, header := range map[string][]string{
				"from another site": {"Sec-Fetch-Site", "cross-site"}, "from nowhere": {}, "Origin null alone": {"Origin", "null"},
			} {
				if res := w.do(http.MethodPost, "/t/a/end_session", form, header...); res.StatusCode != http.StatusForbidden || w.sessions.session == nil {
					t.Errorf("%s: %d", name, res.StatusCode)
				} else {
					wantWords(t, res)
				}
			}
			if res := w.do(http.MethodPost, "/t/a/end_session", with(form, "token", "x"), "Sec-Fetch-Site", "same-origin"); res.StatusCode != http.StatusForbidden {
				t.Errorf("without the form's token: %d", res.StatusCode)
			}
			cancelled := w.do(http.MethodPost, "/t/a/end_session", with(form, "action", "cancel"), "Sec-Fetch-Site", "same-origin")
			if c.want == "" {
				wantWords(t, cancelled)
			}
			if w.sessions.session == nil || cancelled.StatusCode >= 400 {
				t.Errorf("cancel: %d, session %v", cancelled.StatusCode, w.sessions.session)
			}
			// The Cancel button's own path, also where a program sends every button's value.
			stayed := w.do(http.MethodPost, "/t/a/end_session/cancel", form, "Sec-Fetch-Site", "same-origin")
			if w.sessions.session == nil || stayed.StatusCode != cancelled.StatusCode || stayed.Header.Get("Location") != cancelled.Header.Get("Location") {
				t.Errorf("the Cancel button: %d, session %v", stayed.StatusCode, w.sessions.session)
			}
			if res := w.do(http.MethodPost, "/t/a/end_session/cancel", form, "Sec-Fetch-Site", "cross-site"); res.StatusCode != http.StatusForbidden {
				t.Errorf("the Cancel button from another site: %d", res.StatusCode)
			}
			res = w.do(http.MethodPost, "/t/a/end_session", form, "Origin", publicURL)
			if w.sessions.session != nil || res.Header.Get("Location") != c.want {
				t.Errorf("agree: %d to %q, session %v", res.StatusCode, res.Header.Get("Location"), w.sessions.session)
			}
		})
	}
}

func TestAConfirmationIsForTheSessionItWasAskedAbout(t *testing.T) {
	w := newWorld(t)
	w.logIn("u1")
	form := confirmation(w.logout(url.Values{}))
	form.Set("action", "agree")
	w.logIn("u2")
	w.do(http.MethodPost, "/t/a/end_session", form, "Sec-Fetch-Site", "same-origin")
	if w.sessions.session == nil {
		t.Error("another session was ended")
	}
	w.move(idp.RequestLife + time.Second)
	if res := w.do(http.MethodPost, "/t/a/end_session", form, "Sec-Fetch-Site", "same-origin"); res.StatusCode != http.StatusBadRequest {
		t.Errorf("expired: %d", res.StatusCode)
	}
}

func TestBadLogoutRequestsArePagesAndNeverRedirects(t *testing.T) {
	w := newWorld(t)
	tokens := w.tokens("web")
	hint := fmt.Sprint(tokens["id_token"])
	cases := []struct {
		name string
		form url.Values
	}{
		{"unregistered URI", url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {otherOwner}}},
		{"query added", url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {bye + "?x=1"}}},
		{"a login redirect URI", url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {webReturn}}},
		{"unknown client", url.Values{"client_id": {"nobody"}, "post_logout_redirect_uri": {bye}}},
		{"another client than the hint's", url.Values{"client_id": {"spa"}, "id_token_hint": {hint}}},
		{"changed hint", url.Values{"id_token_hint": {hint[:len(hint)-6] + "AAAAAA"}, "post_logout_redirect_uri": {bye}}},
		{"garbage for a hint", url.Values{"id_token_hint": {"x"}}},
		{"an access token for a hint", url.Values{"id_token_hint": {fmt.Sprint(tokens["access_token"])}, "post_logout_redirect_uri": {bye}}},
		{"two hints", url.Values{"id_token_hint": {hint, hint}}},
		{"two URIs", url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {bye, otherOwner}}},
		{"over-long state", url.Values{"state": {strings.Repeat("s", 2000)}}},
		{"state with a line end", url.Values{"state": {"a\nb"}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, res := range []answer{w.logout(c.form), w.do(http.MethodPost, "/t/a/end_session", c.form)} {
				wantWords(t, res)
				if res.StatusCode != http.StatusBadRequest || res.Header.Get("Location") != "" || w.sessions.session == nil {
					t.Errorf("%d to %q", res.StatusCode, res.Header.Get("Location"))
				}
			}
		})
	}
	if res := w.logout(url.Values{"posted": {"AAAA"}}); res.StatusCode != http.StatusBadRequest {
		t.Errorf("forged request: %d", res.StatusCode)
	}
	if res := w.do(http.MethodPost, "/t/a/end_session", url.Values{"confirm": {"AAAA"}, "action": {"agree"}}, "Sec-Fetch-Site", "same-origin"); res.StatusCode != http.StatusBadRequest {
		t.Errorf("forged confirmation: %d", res.StatusCode)
	}
	if res := w.do(http.MethodDelete, "/t/a/end_session", nil); res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "GET, POST" {
		t.Errorf("DELETE: %d %q", res.StatusCode, res.Header.Get("Allow"))
	}
}

func TestAPostedLogoutComesBackAsAGet(t *testing.T) {
	w := newWorld(t)
	hint := fmt.Sprint(w.tokens("web")["id_token"])
	form := url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {bye}, "state": {"s"}}
	target, values := w.do(http.MethodPost, "/t/a/end_session", form, "Sec-Fetch-Site", "cross-site").location(t)
	if target != "/t/a/end_session" || w.sessions.session == nil {
		t.Fatalf("%s", target)
	}
	if target, _ := w.logout(values).location(t); target != bye || w.sessions.session != nil {
		t.Errorf("%s, session %v", target, w.sessions.session)
	}
}

func TestAHintUnderAKeyThatIsGoneCountsAsNone(t *testing.T) {
	w := newWorld(t)
	hint := fmt.Sprint(w.tokens("web")["id_token"])
	w.store.keys = nil
	w.move(2 * time.Minute)
	if res := w.logout(url.Values{"id_token_hint": {hint}}); res.StatusCode != http.StatusOK || w.sessions.session == nil {
		t.Errorf("%d, session %v", res.StatusCode, w.sessions.session)
	}
}
