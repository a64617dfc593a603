package templates

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"postern/idp"
)

// Brand is what a tenant shows of itself around each page: data of its own,
// files of ours. The zero value is the house's own look.
type Brand struct {
	// Sheet is the file name of the colours, and Logo that of the picture, both
	// below Base/auth/assets/brand/.
	Sheet, Logo           string
	LogoWidth, LogoHeight int
	Greeting              string
	// Support is a mail address or a page.
	Support                 string
	Privacy, Terms, Imprint string
	// Theme is the colour that a phone's browser dresses itself in, light and dark.
	Theme, ThemeDark idp.Colour
}

// logoBox is what a logo is drawn in, in CSS pixels.
const (
	logoBoxWidth  = 220
	logoBoxHeight = 64
)

// BrandOf gives what pages show of a tenant.
func BrandOf(t idp.Tenant) Brand {
	settings := t.Settings.Brand
	b := Brand{
		Greeting: settings.Greeting, Support: settings.Support,
		Privacy: settings.Privacy, Terms: settings.Terms, Imprint: settings.Imprint,
	}
	if settings.Colour.Valid() {
		sheet := sheetOf(settings)
		b.Sheet, b.Theme, b.ThemeDark = sheet.name, sheet.light.page, sheet.dark.page
	}
	if l := settings.Logo; l.Hash != "" {
		b.Logo = l.Hash + ".png"
		b.LogoWidth, b.LogoHeight = fit(l.Width, l.Height)
	}
	return b
}

// HasLinks tells whether the foot of the page has any.
func (b Brand) HasLinks() bool {
	return b.SupportURL() != "" || webLink(b.Privacy) != "" || webLink(b.Terms) != "" || webLink(b.Imprint) != ""
}

// SupportURL is where people get help: a mail to write, or a page.
func (b Brand) SupportURL() template.URL {
	if address, err := idp.ParseAddress(b.Support); err == nil {
		return template.URL("mailto:" + url.PathEscape(string(address))) //nolint:gosec // an address in its canonical form
	}
	return template.URL(webLink(b.Support)) //nolint:gosec // of the web, or empty
}

// fit gives the size at which a logo is shown: whole, within its box.
func fit(width, height int) (int, int) {
	if width*logoBoxHeight > height*logoBoxWidth {
		return logoBoxWidth, max(1, height*logoBoxWidth/width)
	}
	return max(1, width*logoBoxHeight/height), logoBoxHeight
}

// palette is the brand's part of the colours, in one scheme. The others stay.
type palette struct {
	page, arch, edge, accent, hover, onAccent, link, tint, onTint idp.Colour
}

// lightPalette keeps the pages' grounds pale, with a breath of the colour.
func lightPalette(colour idp.Colour) palette {
	p := palette{
		page: idp.Colour("#eceef0").Mix(colour, 0.06), arch: idp.Colour("#e0e3e6").Mix(colour, 0.06),
		edge: idp.Colour("#ccd0d4").Mix(colour, 0.08), accent: colour, onAccent: "#ffffff",
		hover: colour.Mix("#000000", 0.18), link: colour, tint: idp.Colour("#ffffff").Mix(colour, 0.08),
	}
	p.onTint = colour.Mix("#000000", 0.35).Near(p.tint, idp.CardLight)
	return p
}

func darkPalette(colour idp.Colour) palette {
	p := palette{
		page: idp.Colour("#0e1012").Mix(colour, 0.02), arch: idp.Colour("#141719").Mix(colour, 0.03),
		edge: idp.Colour("#34393e").Mix(colour, 0.06), accent: colour, onAccent: "#0b0d0f",
		hover: colour.Mix("#ffffff", 0.22), link: colour, tint: idp.CardDark.Mix(colour, 0.09),
	}
	p.onTint = colour.Mix("#ffffff", 0.35).Near(p.tint, idp.CardDark)
	return p
}

// darkOf is the brand's colour on dark pages: set, or as near as can be read.
func darkOf(b idp.Brand) idp.Colour {
	if b.ColourDark.Valid() {
		return b.ColourDark
	}
	return b.Colour.Near(idp.CardDark)
}

func (p palette) rules() string {
	var b strings.Builder
	for _, c := range []struct {
		name   string
		colour idp.Colour
	}{
		{"page", p.page},
		{"arch", p.arch},
		{"edge", p.edge},
		{"accent", p.accent},
		{"accent-hover", p.hover},
		{"on-accent", p.onAccent},
		{"link", p.link},
		{"tint", p.tint},
		{"on-tint", p.onTint},
	} {
		fmt.Fprintf(&b, " --%s: %s;", c.name, c.colour)
	}
	return b.String()
}

// sheet is a brand's style sheet. Its name holds a hash of its bytes.
type sheet struct {
	name, css   string
	light, dark palette
}

// sheets remembers the sheets that pages have named: a few hundred bytes each,
// and none but an operator makes one.
var sheets sync.Map // of sheet by idp.Brand's colours

func sheetOf(b idp.Brand) sheet {
	colours := [2]idp.Colour{b.Colour, darkOf(b)}
	if known, ok := sheets.Load(colours); ok {
		return known.(sheet) //nolint:forcetypeassert // nothing else is in there
	}
	s := sheet{light: lightPalette(colours[0]), dark: darkPalette(colours[1])}
	s.css = fmt.Sprintf(`/* A tenant's colours, over the house's own. */
:root {%s }
@media (prefers-color-scheme: dark) {
  :root {%s --card: %s; --field: #14171a; --field-edge: #7d868f; --muted: #b3bac1; --ink: #eceff1; }
}
`, s.light.rules(), s.dark.rules(), idp.CardDark)
	sum := sha256.Sum256([]byte(s.css))
	s.name = hex.EncodeToString(sum[:8]) + ".css"
	sheets.Store(colours, s)
	return s
}

// ServeBrandSheet answers a request for the colours of a tenant by the name that
// its pages use now; false if that is another.
func ServeBrandSheet(w http.ResponseWriter, r *http.Request, t idp.Tenant, name string) bool {
	settings := t.Settings.Brand
	if !settings.Colour.Valid() || sheetOf(settings).name != name {
		return false
	}
	ServeKept(w, r, contentTypes[".css"], name, []byte(sheetOf(settings).css))
	return true
}

// ServeKept serves a file whose name follows from its content, so that a copy
// is good for ever; its ETag answers those who ask again all the same.
func ServeKept(w http.ResponseWriter, r *http.Request, contentType, name string, content []byte) {
	h := w.Header()
	etag := `"` + name + `"`
	h.Set("ETag", etag)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(content)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(content) // a browser that has gone needs no answer
	}
}

// mailColours dress a mail's one button: that of the brand, or the house's.
type mailColours struct{ Accent, OnAccent, AccentDark, OnAccentDark, Lamp string }

func coloursOf(b idp.Brand) mailColours {
	if !b.Colour.Valid() {
		return mailColours{"#0e5a48", "#ffffff", "#8ad6bb", "#06231b", "#f3c063"}
	}
	s := sheetOf(b)
	return mailColours{
		string(s.light.accent), string(s.light.onAccent), string(s.dark.accent), string(s.dark.onAccent), string(s.light.tint),
	}
}
