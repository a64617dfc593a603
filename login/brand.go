package login

import (
	"errors"
	"net/http"
	"strings"
	"sync"

	"postern/idp"
	"postern/templates"
)

// brandAsset serves GET /auth/assets/brand/NAME: a tenant's colours, and its
// logo, each by the hash of what it holds.
func (h *Handler) brandAsset(w http.ResponseWriter, v *visit) error {
	name := v.r.URL.Path[strings.LastIndexByte(v.r.URL.Path, '/')+1:]
	if templates.ServeBrandSheet(w, v.r, v.tenant, name) {
		return nil
	}
	hash, isLogo := strings.CutSuffix(name, ".png")
	if !isLogo || hash != v.tenant.Settings.Brand.Logo.Hash || hash == "" {
		return refuse(http.StatusNotFound, "not_found", nil)
	}
	png, err := h.logos.get(v.tenant.ID, hash, func() ([]byte, error) {
		logo, err := h.Store.FindBrandLogo(v.ctx(), v.tenant.ID, hash)
		return logo.PNG, err
	})
	if errors.Is(err, idp.ErrNotFound) {
		return refuse(http.StatusNotFound, "not_found", err)
	}
	if err != nil {
		return err
	}
	templates.ServeKept(w, v.r, "image/png", name, png)
	return nil
}

// BrandAsset serves a tenant's colours and logo, for a router that has the
// paths of the other assets elsewhere.
func (h *Handler) BrandAsset() http.Handler { return h.page(methods{get: h.brandAsset}) }

// mostLogos bounds the logos in memory, each of at most templates.MaxLogoBytes.
const mostLogos = 64

// logoMemory keeps logos that were asked for lately. Their names follow from
// their content, so none is ever stale.
type logoMemory struct {
	mu    sync.Mutex
	known map[string][]byte
}

func (m *logoMemory) get(t idp.TenantID, hash string, find func() ([]byte, error)) ([]byte, error) {
	key := string(t) + " " + hash
	m.mu.Lock()
	png, ok := m.known[key]
	m.mu.Unlock()
	if ok {
		return png, nil
	}
	png, err := find()
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || len(m.known) >= mostLogos {
		m.known = map[string][]byte{}
	}
	m.known[key] = png
	return png, nil
}
