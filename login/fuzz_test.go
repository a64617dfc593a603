package login_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"postern/idp"
	"postern/login"
)

// What is taken for a relay code is eight letters of its alphabet, and is itself
// taken for the same.
func FuzzRelayCodes(f *testing.F) {
	for _, text := range []string{"ABCD-EFGH", "abcdefgh", " a b c d e f g h ", "OIL0-1111", "ABCD—EFGH", "ＡＢＣＤ-EFGH", "", "U000-0000", "https://id.example/auth/verify?token=x", idp.NewSecret().Reveal()} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		code, isLink, ok := login.ParseAnswer(text)
		if !ok || isLink {
			return
		}
		if len(code) != 8 || strings.Trim(code, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") != "" {
			t.Errorf("%q is taken for the code %q", text, code)
		}
		if again, _, ok := login.ParseAnswer(code[:4] + "-" + code[4:]); !ok || again != code {
			t.Errorf("%q became %q, which became %q", text, code, again)
		}
	})
}

// Whatever is posted to the pages of a login is answered by a page: never a
// fault, and never the way to a client with a code. One world serves for all, for
// nothing that is posted changes it: no form's token is right.
func FuzzFormsOfPages(f *testing.F) {
	w := newWorld(f)
	for _, path := range []string{"/auth/login", "/auth/cancel", "/auth/verify", "/auth/code", "/auth/resend", "/auth/finish", "/auth/consent", "/auth/account", "/auth/account/access"} {
		f.Add(path, "email=ada%40example.org&form_token=x", "x")
		f.Add(path, "flow=x&code=ABCD-EFGH&token=x&link=x&request=x&stored=x&form_token=", strings.Repeat("A", 43))
		f.Add(path, "%zz", "")
	}
	f.Fuzz(func(t *testing.T, path, body, cookie string) {
		target, err := url.ParseRequestURI("/t/acme" + path)
		if err != nil || strings.ContainsAny(path, " \t\r\n") {
			return
		}
		r := httptest.NewRequest(http.MethodPost, public+"/", strings.NewReader(body))
		r.URL.Path, r.URL.RawPath, r.URL.RawQuery = target.Path, target.RawPath, target.RawQuery
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		for _, kind := range []string{"browser", "session", "known"} {
			r.AddCookie(&http.Cookie{Name: "__Host-postern-" + kind + "-" + string(w.acme.ID), Value: cookie})
		}
		w.log.Reset()
		got := w.serve(r)
		if got.StatusCode >= http.StatusInternalServerError || strings.Contains(got.Header.Get("Location"), "code=") {
			t.Errorf("%s %q: %d %s", path, body, got.StatusCode, got.Header.Get("Location"))
		}
	})
}
