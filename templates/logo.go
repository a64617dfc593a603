package templates

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // logos come as JPEG,
	"image/png"    // as PNG

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp" // and as WebP, and leave as PNG

	"postern/idp"
)

// Bounds of a logo that is handed in, and of what is made of it.
const (
	MaxLogoUpload = 2 << 20
	maxLogoSide   = 4096
	leastLogoSide = 16
	// Three pixels for one of the box that pages show it in, for dense screens.
	logoWidth    = 660
	logoHeight   = 192
	MaxLogoBytes = 256 << 10
)

// DrawLogo decodes a picture and draws it anew, no larger than pages show it,
// so that nothing but pixels of what was handed in is ever served. SVG, which
// can hold script and links, is refused.
func DrawLogo(t idp.TenantID, raw []byte) (idp.LogoFile, idp.BrandLogo, error) {
	if len(raw) > MaxLogoUpload {
		return idp.LogoFile{}, idp.BrandLogo{}, fmt.Errorf("%d bytes, at most %d", len(raw), MaxLogoUpload)
	}
	size, kind, err := image.DecodeConfig(bytes.NewReader(raw))
	switch {
	case err != nil && bytes.Contains(raw[:min(len(raw), 1024)], []byte("<svg")):
		return idp.LogoFile{}, idp.BrandLogo{}, errors.New("an SVG; hand it in as PNG, JPEG or WebP")
	case err != nil, kind != "png" && kind != "jpeg" && kind != "webp":
		return idp.LogoFile{}, idp.BrandLogo{}, errors.New("neither PNG, JPEG nor WebP")
	case min(size.Width, size.Height) < leastLogoSide || max(size.Width, size.Height) > maxLogoSide:
		return idp.LogoFile{}, idp.BrandLogo{}, fmt.Errorf("%d by %d pixels: each side %d to %d", size.Width, size.Height, leastLogoSide, maxLogoSide)
	}
	picture, _, err := image.Decode(bytes.NewReader(raw))
	if err != nil {
		return idp.LogoFile{}, idp.BrandLogo{}, fmt.Errorf("a %s that cannot be read: %w", kind, err)
	}
	drawn := shrink(picture)
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&out, drawn); err != nil {
		return idp.LogoFile{}, idp.BrandLogo{}, fmt.Errorf("draw: %w", err)
	}
	if out.Len() > MaxLogoBytes {
		return idp.LogoFile{}, idp.BrandLogo{}, fmt.Errorf("%d bytes as PNG, at most %d: a logo of fewer colours or pixels", out.Len(), MaxLogoBytes)
	}
	sum := sha256.Sum256(out.Bytes())
	hash := hex.EncodeToString(sum[:16])
	bounds := drawn.Bounds()
	return idp.LogoFile{TenantID: t, Hash: hash, PNG: out.Bytes()}, idp.BrandLogo{Hash: hash, Width: bounds.Dx(), Height: bounds.Dy()}, nil
}

// shrink fits a picture into the bounds, and never makes it larger.
func shrink(picture image.Image) image.Image {
	from := picture.Bounds()
	scale := min(1, float64(logoWidth)/float64(from.Dx()), float64(logoHeight)/float64(from.Dy()))
	to := image.Rect(0, 0, max(1, int(float64(from.Dx())*scale)), max(1, int(float64(from.Dy())*scale)))
	drawn := image.NewNRGBA(to)
	draw.CatmullRom.Scale(drawn, to, picture, from, draw.Src, nil)
	return drawn
}
