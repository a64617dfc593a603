package idp

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Brand is what people see of a tenant beside its name: data, never markup.
type Brand struct {
	// Colour is that of buttons and links on light pages and in mails, ColourDark
	// on dark ones; where only Colour is set, the dark one follows from it.
	Colour     Colour `json:"colour,omitempty"`
	ColourDark Colour `json:"colour_dark,omitempty"`
	// Logo stands above the name.
	Logo BrandLogo `json:"logo,omitzero"`
	// Greeting is a line under the title of the sign-in page.
	Greeting string `json:"greeting,omitempty"`
	// Support is where people get help: an address or a page.
	Support string `json:"support,omitempty"`
	// Pages that the foot of every page links to.
	Privacy string `json:"privacy,omitempty"`
	Terms   string `json:"terms,omitempty"`
	Imprint string `json:"imprint,omitempty"`
}

// BrandLogo names a picture by its content; zero is none.
type BrandLogo struct {
	Hash   string `json:"hash,omitempty"` // of the PNG, in hexadecimal
	Width  int    `json:"width,omitempty"`
	Height int    `json:"height,omitempty"`
}

// LogoFile is the picture of a tenant's logo, drawn anew by us.
type LogoFile struct {
	TenantID TenantID
	Hash     string
	PNG      []byte
}

// Cards are what a brand's colours are read on, in both schemes: the card, and
// the tinted areas on it, which never come closer to the colour than these.
const (
	CardLight Colour = "#ffffff"
	CardDark  Colour = "#1b1e21"
)

// maxGreeting bounds the line under the title.
const maxGreeting = 160

var logoHash = regexp.MustCompile(`^[0-9a-f]{32}$`)

func (b Brand) validate() error {
	if err := b.Colour.on(CardLight, "light"); err != nil {
		return fmt.Errorf("colour: %w", err)
	}
	if err := b.ColourDark.on(CardDark, "dark"); err != nil {
		return fmt.Errorf("colour_dark: %w", err)
	}
	if b.ColourDark != "" && b.Colour == "" {
		return errors.New("colour_dark: set colour, too")
	}
	if b.Logo != (BrandLogo{}) && (!logoHash.MatchString(b.Logo.Hash) || b.Logo.Width < 1 || b.Logo.Height < 1) {
		return errors.New("logo: not one that was drawn here")
	}
	if err := validLine(b.Greeting, maxGreeting); err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	for name, link := range map[string]string{"privacy": b.Privacy, "terms": b.Terms, "imprint": b.Imprint} {
		if err := validPage(link); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return validSupport(b.Support)
}

// on refuses a colour that cannot be read, and says which one could.
func (c Colour) on(card Colour, scheme string) error {
	switch {
	case c == "":
		return nil
	case !c.Valid():
		return fmt.Errorf("%q: a colour such as #0e5a48", string(c))
	case c.Contrast(card) < TextContrast:
		return fmt.Errorf("%s has a contrast of %.2f:1 on the %s pages' %s, and text needs %.1f:1 (WCAG 2.2 AA); the nearest that has it is %s",
			c, c.Contrast(card), scheme, card, TextContrast, c.Near(card))
	}
	return nil
}

// validLine takes one line of plain text that nobody can mistake for a link.
func validLine(text string, most int) error {
	switch {
	case utf8.RuneCountInString(text) > most:
		return fmt.Errorf("%d characters, at most %d", utf8.RuneCountInString(text), most)
	case !utf8.ValidString(text), strings.TrimSpace(text) != text:
		return errors.New("plain text without a space at its ends")
	case looksLikeURL.MatchString(text):
		return errors.New("must not hold a web address")
	}
	for _, r := range text {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar || r == '\u2028' || r == '\u2029' {
			return fmt.Errorf("must not hold the character %U", r)
		}
	}
	return nil
}

// maxPage bounds a link.
const maxPage = 500

func validPage(link string) error {
	if link == "" {
		return nil
	}
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || len(link) > maxPage {
		return fmt.Errorf("%q: an https address of at most %d characters", link, maxPage)
	}
	return nil
}

func validSupport(support string) error {
	if address, err := ParseAddress(support); err == nil && string(address) == support {
		return nil
	}
	if err := validPage(support); err != nil {
		return fmt.Errorf("support: %q: a mail address, or an https address", support)
	}
	return nil
}
