package templates

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// asset is one first-party file. Its name holds a hash of its bytes, so a copy
// that somebody kept is never a wrong one.
type asset struct {
	contentType string
	bytes       []byte
}

var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// loadAssets gives the assets by hashed name, and the hashed names by plain name.
func loadAssets(files fs.FS) (assets map[string]asset, hashed map[string]string, err error) {
	entries, err := fs.ReadDir(files, "assets")
	if err != nil {
		return nil, nil, fmt.Errorf("templates: assets: %w", err)
	}
	assets, hashed = map[string]asset{}, map[string]string{}
	for _, entry := range entries {
		b, err := fs.ReadFile(files, "assets/"+entry.Name())
		if err != nil {
			return nil, nil, fmt.Errorf("templates: assets: %w", err)
		}
		ext := path.Ext(entry.Name())
		contentType, ok := contentTypes[ext]
		if !ok {
			return nil, nil, fmt.Errorf("templates: asset %s: no content type for it", entry.Name())
		}
		sum := sha256.Sum256(b)
		name := strings.TrimSuffix(entry.Name(), ext) + "." + hex.EncodeToString(sum[:8]) + ext
		assets[name] = asset{contentType: contentType, bytes: b}
		hashed[entry.Name()] = name
	}
	return assets, hashed, nil
}

func (s *Set) serveAsset(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	file, ok := s.assets[path.Base(r.URL.Path)]
	if !ok {
		h.Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusNotFound)
		return
	}
	h.Set("Content-Type", file.contentType)
	h.Set("Content-Length", strconv.Itoa(len(file.bytes)))
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		_, _ = w.Write(file.bytes) // a browser that has gone needs no answer
	}
}
