package templates_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAssetsThatAPageNamesAreServedForEver(t *testing.T) {
	set := newSet(t)
	root := page(t, set, "en", bodyOf(t, "login"))
	types := map[string]string{}
	for _, n := range all(root, "link") {
		types[attr(n, "href")] = map[string]string{"stylesheet": "text/css; charset=utf-8", "icon": "image/svg+xml"}[attr(n, "rel")]
	}
	types[attr(all(root, "script")[0], "src")] = "text/javascript; charset=utf-8"
	if len(types) != 3 {
		t.Fatalf("assets %v, want three", types)
	}
	for path, contentType := range types {
		w := httptest.NewRecorder()
		set.Assets().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		h := w.Header()
		if w.Code != http.StatusOK || h.Get("Content-Type") != contentType || w.Body.Len() == 0 {
			t.Errorf("%s: status %d, type %q", path, w.Code, h.Get("Content-Type"))
		}
		if h.Get("Cache-Control") != "public, max-age=31536000, immutable" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", path, h)
		}
		head := httptest.NewRecorder()
		set.Assets().ServeHTTP(head, httptest.NewRequest(http.MethodHead, path, nil))
		if head.Code != http.StatusOK || head.Body.Len() != 0 || head.Header().Get("Content-Length") != h.Get("Content-Length") {
			t.Errorf("HEAD %s: status %d, %d bytes", path, head.Code, head.Body.Len())
		}
	}
}

func TestOtherAssetsAreNotFoundAndNotKept(t *testing.T) {
	assets := newSet(t).Assets()
	for _, path := range []string{"/auth/assets/", "/auth/assets/postern.css", "/auth/assets/postern.0000000000000000.css", "/auth/assets/../locales/en.json"} {
		w := httptest.NewRecorder()
		assets.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != http.StatusNotFound || strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: status %d, headers %v", path, w.Code, w.Header())
		}
	}
	w := httptest.NewRecorder()
	assets.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/auth/assets/x", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: status %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}
