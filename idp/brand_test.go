package idp_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"postern/idp"
)

func TestContrastIsThatOfWCAG(t *testing.T) {
	for _, c := range []struct {
		a, b idp.Colour
		want float64
	}{
		{"#000000", "#ffffff", 21},
		{"#ffffff", "#ffffff", 1},
		{"#777777", "#ffffff", 4.48}, // the grey that just fails
		{"#767676", "#ffffff", 4.54}, // and the one that just passes
		{"#0000ff", "#ffffff", 8.59},
	} {
		if got := c.a.Contrast(c.b); math.Abs(got-c.want) > 0.005 {
			t.Errorf("%s on %s: %.3f, want %.2f", c.a, c.b, got, c.want)
		}
	}
}

func TestAColourThatCannotBeReadIsRefusedWithTheNearestThatCan(t *testing.T) {
	for name, c := range map[string]struct {
		brand         idp.Brand
		ratio, nearby string
	}{
		"a light yellow on white": {idp.Brand{Colour: "#ffd400"}, "1.43:1", "light"},
		"a grey just below":       {idp.Brand{Colour: "#777777"}, "4.48:1", "#767676"},
		"a dark blue on black":    {idp.Brand{Colour: "#0000ff", ColourDark: "#0000ff"}, ":1", "dark"},
	} {
		t.Run(name, func(t *testing.T) {
			err := idp.Tenant{Slug: "acme", Name: "Acme", Settings: idp.TenantSettings{Brand: c.brand}}.Validate()
			if err == nil || !strings.Contains(err.Error(), c.ratio) || !strings.Contains(err.Error(), c.nearby) {
				t.Fatalf("%v, want %s and %s in it", err, c.ratio, c.nearby)
			}
			proposed := idp.Colour(err.Error()[len(err.Error())-7:])
			mended := c.brand
			if strings.HasPrefix(err.Error(), "colour_dark") {
				mended.ColourDark = proposed
			} else {
				mended.Colour = proposed
			}
			if err := (idp.Tenant{Slug: "acme", Name: "Acme", Settings: idp.TenantSettings{Brand: mended}}).Validate(); err != nil {
				t.Errorf("the proposed colour is refused: %v", err)
			}
		})
	}
}

func TestTheNearestReadableColourIsNoFurtherThanNeeded(t *testing.T) {
	for i := range 4096 {
		c := idp.Colour(fmt.Sprintf("#%x0%x0%x0", i>>8, i>>4&15, i&15))
		for _, card := range []idp.Colour{idp.CardLight, idp.CardDark} {
			near := c.Near(card)
			if got := near.Contrast(card); got < idp.TextContrast {
				t.Fatalf("%s for %s on %s has %.2f", near, c, card, got)
			}
			if c.Contrast(card) >= idp.TextContrast && near != c {
				t.Fatalf("%s is readable on %s and became %s", c, card, near)
			}
		}
	}
}

func TestABrandIsPlainDataWithinBounds(t *testing.T) {
	validate := func(b idp.Brand) error {
		return idp.Tenant{Slug: "acme", Name: "Acme", Settings: idp.TenantSettings{Brand: b}}.Validate()
	}
	good := idp.Brand{
		Colour: "#5b2a86", ColourDark: "#c9a7f0", Greeting: "Willkommen zurück!", Support: "help@acme.example",
		Privacy: "https://acme.example/privacy", Terms: "https://acme.example/terms", Imprint: "https://acme.example/imprint",
	}
	if err := validate(good); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]idp.Brand{
		"a colour by name":            {Colour: "red"},
		"a colour that ends its rule": {Colour: "#000;}*{"},
		"a dark colour alone":         {ColourDark: "#ffffff"},
		"a long greeting":             {Greeting: strings.Repeat("ä", 161)},
		"a greeting of two lines":     {Greeting: "a\nb"},
		"a greeting with a link":      {Greeting: "visit evil.example"},
		"a greeting turned round":     {Greeting: "a\u202eb"},
		"a page by http":              {Privacy: "http://acme.example/"},
		"a page that is script":       {Terms: "javascript:alert(1)"},
		"a page with a password":      {Imprint: "https://a:b@acme.example/"},
		"support that is neither":     {Support: "call us"},
		"support in another form":     {Support: "Help@Acme.example"},
		"support that is script":      {Support: "javascript:alert(1)"},
		"a logo by another's hash":    {Logo: idp.BrandLogo{Hash: "../x", Width: 1, Height: 1}},
		"a logo without a size":       {Logo: idp.BrandLogo{Hash: strings.Repeat("0", 32)}},
	} {
		if err := validate(b); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestColoursAreReadAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]idp.Colour{"#0E5A48": "#0e5a48", "0e5a48": "#0e5a48", "#abc": "#aabbcc", "ABC": "#aabbcc"} {
		if got, err := idp.ParseColour(text); err != nil || got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, wrong := range []string{"", "#", "#12345", "#12345g", "rgb(1,2,3)", "##123456"} {
		if got, err := idp.ParseColour(wrong); err == nil {
			t.Errorf("%q is taken for %s", wrong, got)
		}
	}
}
