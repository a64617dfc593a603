package login_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"postern/idp"
	"postern/templates"
)

// pictured is a PNG of one colour.
func pictured(t *testing.T, width, height int) []byte {
	t.Helper()
	picture := image.NewNRGBA(image.Rect(0, 0, width, height))
	for i := range width * height {
		picture.Set(i%width, i/width, color.NRGBA{R: 91, G: 42, B: 134, A: 255})
	}
	var b bytes.Buffer
	must(t, png.Encode(&b, picture))
	return b.Bytes()
}

var brandFiles = regexp.MustCompile(`/t/acme/auth/assets/brand/[0-9a-f]+\.(?:css|png)`)

func TestATenantsBrandIsOnItsPagesAndNobodyElses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file, logo, err := templates.DrawLogo(w.acme.ID, pictured(t, 1200, 300))
	must(t, err)
	must(t, w.db.SaveBrandLogo(t.Context(), file))
	w.acme.Settings.Brand = idp.Brand{
		Colour: "#5b2a86", Logo: logo, Greeting: "Schön, dass Sie da sind", Support: "help@acme.example", Privacy: "https://acme.example/privacy",
	}
	must(t, w.acme.Validate())
	must(t, w.db.UpdateTenant(t.Context(), w.acme))
	b := w.browser()
	p := b.get(w.loginPath(w.acme, w.request("web")))
	p.want(t, http.StatusOK)
	for _, want := range []string{"Schön, dass Sie da sind", `href="mailto:help@acme.example"`, `href="https://acme.example/privacy"`, `width="220" height="55"`} {
		if !strings.Contains(p.body, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
	if policy := p.header.Get("Content-Security-Policy"); strings.Contains(policy, "unsafe") || !strings.Contains(policy, "style-src 'self'") {
		t.Errorf("policy %q", policy)
	}
	files := brandFiles.FindAllString(p.body, -1)
	if len(files) != 2 {
		t.Fatalf("brand files %q", files)
	}
	for _, path := range files {
		w.store.drain()
		got := b.get(path)
		got.want(t, http.StatusOK)
		again := b.do(http.MethodGet, path, nil, http.Header{"If-None-Match": {got.header.Get("ETag")}})
		if again.status != http.StatusNotModified || again.body != "" || got.header.Get("ETag") == "" {
			t.Errorf("%s again: %d", path, again.status)
		}
		if kept := got.header.Get("Cache-Control"); kept != "public, max-age=31536000, immutable" || got.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", path, got.header)
		}
		if calls := w.store.drain(); len(calls) > 1 {
			t.Errorf("%s twice reads the store %d times", path, len(calls))
		}
		w.browser().get(strings.Replace(path, "/t/acme/", "/t/zeta/", 1)).want(t, http.StatusNotFound)
	}
	if other := b.get(w.loginPath(w.zeta, w.request("web"))); strings.Contains(other.body, "/brand/") {
		t.Error("another tenant's page has a brand")
	}
	b.get("/t/acme/auth/assets/brand/0000000000000000.css").want(t, http.StatusNotFound)
	b.get("/t/acme/auth/assets/brand/.png").want(t, http.StatusNotFound)
}

// Two people at one browser: the second sign-in takes the first one's place, and
// the first one's tab says so.
func TestAPersonWhosePlaceWasTakenIsToldSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	waiting := b.ask(w.loginPath(w.acme, w.request("spa")), "ann@example.org")
	completed := b.submit(b.get(w.send()), "/auth/verify", nil)
	completed.want(t, http.StatusOK)
	b.signIn(w.acme, w.request("web"), "bob@example.org").answered(t, "web")
	for name, got := range map[string]page{"waiting tab": b.get(waiting), "link's tab": b.submit(completed, "/auth/finish", nil)} {
		got.want(t, http.StatusGone)
		if !strings.Contains(got.body, "Someone else has signed in since") || !strings.Contains(got.body, "https://spa.example/") {
			t.Errorf("%s: %s", name, got.body)
		}
	}
	if who := b.who(w.acme); !strings.HasPrefix(who, "bob@") {
		t.Errorf("signed in is %q", who)
	}
}
