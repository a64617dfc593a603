package op

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	_ "image/gif"  // logos come as GIF,
	_ "image/jpeg" // as JPEG
	"image/png"    // and as PNG, and leave as PNG
	"log/slog"
	"net/http"

	"github.com/go-chi/chi/v5"

	"postern/idp"
)

const (
	// maxLogoSide bounds a logo before it is decoded: a small file can claim to be huge.
	maxLogoSide = 1024
	// maxLogo bounds it after it was encoded anew.
	maxLogo = 512 << 10
)

// fetchLogo gets the logo that a client registered and keeps it as a picture of
// our own making. A logo that cannot be had is no reason to refuse the client.
func (p *Provider) fetchLogo(ctx context.Context, client idp.Client) bool {
	uri := client.Metadata.LogoURI
	if uri == "" || p.fetcher == nil {
		return false
	}
	raw, err := p.fetcher.Fetch(ctx, uri)
	var encoded []byte
	if err == nil {
		encoded, err = redraw(raw)
	}
	if err == nil {
		err = p.store.SaveLogo(ctx, idp.Logo{TenantID: client.TenantID, ClientID: client.ID, Source: uri, PNG: encoded})
	}
	if err != nil {
		p.log.LogAttrs(ctx, slog.LevelInfo, "logo not taken", slog.String("client_id", string(client.ID)), slog.String("error", err.Error()))
	}
	return err == nil
}

// redraw decodes a picture and encodes it anew, so that nothing but pixels of
// what a stranger sent is ever served.
func redraw(raw []byte) ([]byte, error) {
	size, _, err := image.DecodeConfig(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("logo: %w", err)
	}
	if size.Width < 1 || size.Height < 1 || size.Width > maxLogoSide || size.Height > maxLogoSide {
		return nil, fmt.Errorf("logo: %d by %d pixels, at most %d", size.Width, size.Height, maxLogoSide)
	}
	picture, _, err := image.Decode(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("logo: %w", err)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		return nil, fmt.Errorf("logo: %w", err)
	}
	if out.Len() > maxLogo {
		return nil, fmt.Errorf("logo: %d bytes when encoded anew, at most %d", out.Len(), maxLogo)
	}
	return out.Bytes(), nil
}

// logo serves a client's logo from our own origin.
func (p *Provider) logo(w http.ResponseWriter, r *http.Request) error {
	id := chi.URLParam(r, "client")
	err := idp.ErrNotFound
	var found idp.Logo
	if plausibleClientID(id) {
		found, err = p.store.FindLogo(r.Context(), idp.TenantOf(r.Context()).ID, idp.ClientID(id))
	}
	if errors.Is(err, idp.ErrNotFound) {
		f := invalidRequest("there is no such logo").because(err)
		f.status = http.StatusNotFound
		return f
	}
	if err != nil {
		return fmt.Errorf("find logo: %w", err)
	}
	header := w.Header()
	header.Set("Content-Type", "image/png")
	header.Set("Content-Security-Policy", "default-src 'none'")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "public, max-age=300")
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		w.Write(found.PNG) //nolint:errcheck // who asked is gone
	}
	return nil
}
