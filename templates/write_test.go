package templates_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"postern/templates"
)

const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; " +
	"connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"

func TestEveryPageCarriesItsHeaders(t *testing.T) {
	set := newSet(t)
	for _, locale := range set.Locales() {
		for _, s := range samples() {
			w := show(t, set, frame(locale), s.body)
			opener := "unsafe-none"
			if strings.HasPrefix(s.name, "verify_") {
				opener = "same-origin"
			}
			for name, want := range map[string]string{
				"Content-Type":                 "text/html; charset=utf-8",
				"Content-Language":             locale,
				"Content-Length":               strconv.Itoa(w.Body.Len()),
				"Content-Security-Policy":      policyOf(s.name),
				"Referrer-Policy":              "no-referrer",
				"Cache-Control":                "no-store",
				"X-Content-Type-Options":       "nosniff",
				"X-Frame-Options":              "DENY",
				"Cross-Origin-Opener-Policy":   opener,
				"Cross-Origin-Resource-Policy": "same-origin",
			} {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s: %s is %q, want %q", s.name, name, got, want)
				}
			}
			if w.Header().Get("Permissions-Policy") == "" {
				t.Errorf("%s: no Permissions-Policy", s.name)
			}
		}
	}
}

// Chromium applies form-action to what follows a POST, so it is sent only
// where nothing that follows can be a client.
func TestFormActionIsSentOnlyWhereFormsStay(t *testing.T) {
	f := frame("en")
	f.FormsStay = true
	got := show(t, newSet(t), f, bodyOf(t, "signed_out")).Header().Get("Content-Security-Policy")
	if want := policy + "; form-action 'self'"; got != want {
		t.Errorf("policy %q, want %q", got, want)
	}
}

// policyOf is the policy of a sample: the page with frames names them.
func policyOf(sample string) string {
	if sample == "signed_out_frames" {
		return policy + "; frame-src https://app.example https://other.example:8443"
	}
	return policy
}

func TestFramesOfAppsAreAllowedByOriginAndNothingElse(t *testing.T) {
	for name, c := range map[string]struct {
		frames []string
		want   string
	}{
		"two apps, one of them twice":    {[]string{"https://a.example/x?y", "https://b.example:8443/", "https://a.example/z"}, "; frame-src https://a.example https://b.example:8443"},
		"a host that ends the directive": {[]string{"https://a;script-src/"}, ""},
		"no page of the web":             {[]string{"javascript:alert(1)", "data:text/html,x"}, ""},
		"none":                           {nil, ""},
	} {
		w := show(t, newSet(t), frame("en"), templates.SignedOut{Frames: c.frames})
		if got := w.Header().Get("Content-Security-Policy"); got != policy+c.want {
			t.Errorf("%s: policy %q", name, got)
		}
	}
}

func TestStatusIsTheCallers(t *testing.T) {
	w := httptest.NewRecorder()
	newSet(t).Write(w, http.StatusGone, frame("en"), bodyOf(t, "over_used"))
	if w.Code != http.StatusGone {
		t.Errorf("status %d, want 410", w.Code)
	}
}

// unprintable is a page whose template fails half way.
type unprintable struct {
	templates.Login
	Hidden int
}

func TestAPageThatFailsIsNotHalfWritten(t *testing.T) {
	w := httptest.NewRecorder()
	newSet(t).Write(w, http.StatusOK, frame("en"), unprintable{Hidden: 1})
	if w.Code != http.StatusInternalServerError {
		t.Errorf("status %d, want 500", w.Code)
	}
	body := w.Body.String()
	if strings.Contains(body, "/auth/login") || !strings.Contains(body, "Something went wrong on our side") {
		t.Errorf("not the page of an internal fault: %s", body)
	}
	if got := w.Header().Get("Content-Length"); got != strconv.Itoa(len(body)) {
		t.Errorf("Content-Length %s for %d bytes", got, len(body))
	}
}

func TestAnUnknownLocaleIsShownInEnglish(t *testing.T) {
	w := show(t, newSet(t), templates.Frame{Locale: "tlh"}, bodyOf(t, "signed_out"))
	if got := w.Header().Get("Content-Language"); got != "en" {
		t.Errorf("Content-Language %q, want en", got)
	}
}

func TestPathsFollowTheBase(t *testing.T) {
	set := newSet(t)
	for base, want := range map[string]string{"": "/auth/login", "/t/demo": "/t/demo/auth/login"} {
		root := parsed(t, show(t, set, templates.Frame{Locale: "en", Base: base}, bodyOf(t, "login")).Body.String())
		if got := attr(all(root, "form")[0], "action"); got != want {
			t.Errorf("base %q: form posts to %q, want %q", base, got, want)
		}
	}
}
