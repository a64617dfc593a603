package op_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// Whatever is posted to an endpoint, as any kind of body, is answered: never a
// fault, and never a token.
func FuzzFormBodies(f *testing.F) {
	for _, body := range []string{
		redemption("web", "code").Encode(), "grant_type=refresh_token&refresh_token=x", "grant_type=client_credentials",
		"token=x&client_id=web&client_secret=" + webSecret, "%zz=%", "a=b&a=c;d", "client_id=web&client_id=spa", "{}", "\x00",
		"client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=e30.e30.x",
	} {
		f.Add("/token", body, "Basic d2ViOng=")
		f.Add("/par", body, "")
		f.Add("/introspect", body, "Bearer x")
	}
	f.Fuzz(func(t *testing.T, path, body, authorization string) {
		target, err := url.ParseRequestURI("/t/a" + path)
		if err != nil || strings.ContainsAny(path, " \t\r\n") {
			return
		}
		w := newWorld(t)
		r := httptest.NewRequest(http.MethodPost, "http://id.example/", strings.NewReader(body))
		r.URL, r.Host = target, "id.example"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if authorization != "" {
			r.Header["Authorization"] = []string{authorization}
		}
		rec := httptest.NewRecorder()
		w.handler.ServeHTTP(rec, r)
		if rec.Code >= http.StatusInternalServerError {
			t.Errorf("status %d: %s", rec.Code, rec.Body)
		}
		if rec.Code == http.StatusOK && strings.Contains(rec.Body.String(), "access_token") && !strings.Contains(body, webSecret) {
			t.Errorf("tokens for %q: %s", body, rec.Body)
		}
	})
}

// A request object that nobody signed, whatever it is, is an error to the client
// or a page: never a fault, and never a code.
func FuzzRequestObjects(f *testing.F) {
	for _, object := range []string{
		"e30.e30.", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJFUzI1NiJ9.e30.AAAA", "eyJhbGciOiJIUzI1NiJ9.e30.AAAA", "a.b.c.d.e", "",
		`{"payload":"e30","signatures":[]}`, "eyJhbGciOiJFUzI1NiIsImp3ayI6e319.e30.AAAA", strings.Repeat("A", 20_000), "..",
	} {
		f.Add(object)
	}
	f.Fuzz(func(t *testing.T, object string) {
		w, _ := withKey(t)
		got := w.authorize(request("web", "request", object))
		if object == "" {
			return // none was sent
		}
		if got.StatusCode >= http.StatusInternalServerError || strings.Contains(got.Header.Get("Location"), "code=") {
			t.Errorf("%q: %d %s", object, got.StatusCode, got.Header.Get("Location"))
		}
	})
}
