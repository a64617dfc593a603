package templates_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"postern/idp"
	"postern/templates"
)

func picture(width, height int) image.Image {
	p := image.NewNRGBA(image.Rect(0, 0, width, height))
	for i := range width * height {
		p.Set(i%width, i/width, color.NRGBA{R: uint8(i % width), G: 42, B: 134, A: 255})
	}
	return p
}

func encoded(t *testing.T, encode func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// webp is a lossless WebP of 16 by 16 pixels.
const webp = "UklGRhwAAABXRUJQVlA4TBAAAAAvD8ADAAcQBSxg/wMR0f8A"

func TestALogoIsDrawnAnewWithinBounds(t *testing.T) {
	asPNG := func(p image.Image) []byte {
		return encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, p) })
	}
	for name, c := range map[string]struct {
		raw           []byte
		width, height int
	}{
		"a wide PNG":               {asPNG(picture(1320, 300)), 660, 150},
		"a tall PNG":               {asPNG(picture(300, 768)), 75, 192},
		"a small PNG as it is":     {asPNG(picture(64, 32)), 64, 32},
		"a JPEG":                   {encoded(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, picture(660, 100), nil) }), 660, 100},
		"a PNG with text after it": {append(asPNG(picture(64, 32)), "<script>alert(1)</script>"...), 64, 32},
	} {
		t.Run(name, func(t *testing.T) {
			file, logo, err := templates.DrawLogo("t", c.raw)
			if err != nil {
				t.Fatal(err)
			}
			got, err := png.DecodeConfig(bytes.NewReader(file.PNG))
			if err != nil || got.Width != c.width || got.Height != c.height || logo.Width != c.width || logo.Height != c.height {
				t.Errorf("%+v, %+v, %v", got, logo, err)
			}
			if bytes.Contains(file.PNG, []byte("<script")) || file.Hash != logo.Hash || file.TenantID != "t" {
				t.Errorf("file %+v, logo %+v", file.Hash, logo)
			}
			settings := idp.TenantSettings{Brand: idp.Brand{Logo: logo}}
			if err := (idp.Tenant{Slug: "a", Name: "A", Settings: settings}).Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWhatIsNoPictureOfOursIsRefused(t *testing.T) {
	// A PNG of one pixel's data that claims a side of a million.
	bomb := encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, picture(16, 16)) })
	binary.BigEndian.PutUint32(bomb[16:], 1_000_000)
	binary.BigEndian.PutUint32(bomb[29:], crc32.ChecksumIEEE(bomb[12:29]))
	for name, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"an SVG":            {[]byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), "SVG"},
		"a GIF":             {encoded(t, func(b *bytes.Buffer) error { return gif.Encode(b, picture(32, 32), nil) }), "neither PNG"},
		"a page":            {[]byte("<html></html>"), "neither PNG"},
		"nothing":           {nil, "neither PNG"},
		"a cut PNG":         {encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, picture(300, 300)) })[:200], "cannot be read"},
		"a tiny one":        {encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, picture(8, 300)) }), "pixels"},
		"a bomb":            {bomb, "pixels"},
		"more than is read": {make([]byte, templates.MaxLogoUpload+1), "at most"},
	} {
		if _, _, err := templates.DrawLogo("t", c.raw); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestALogoMayBeWebP(t *testing.T) {
	raw, err := base64.StdEncoding.DecodeString(webp)
	if err != nil {
		t.Fatal(err)
	}
	if _, logo, err := templates.DrawLogo("t", raw); err != nil || logo.Width != 16 || logo.Height != 16 {
		t.Errorf("%+v, %v", logo, err)
	}
}
