package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"postern/idp"
	"postern/templates"
)

// setBrand sets what people see of a tenant; an empty value takes it away.
func setBrand(b *idp.Brand, key, value string) (known bool, err error) {
	switch key {
	case "colour", "color":
		b.Colour, err = colour(value)
	case "colour_dark", "color_dark":
		b.ColourDark, err = colour(value)
	case "greeting":
		b.Greeting = value
	case "support":
		b.Support = value
		if address, err := idp.ParseAddress(value); err == nil {
			b.Support = string(address)
		}
	case "privacy":
		b.Privacy = value
	case "terms":
		b.Terms = value
	case "imprint":
		b.Imprint = value
	default:
		return false, nil
	}
	return true, err
}

func colour(value string) (idp.Colour, error) {
	if value == "" {
		return "", nil
	}
	return idp.ParseColour(value)
}

// setLogo reads @FILE and draws what is in it anew; an empty value takes the logo away.
func setLogo(t *idp.Tenant, value string) (*idp.LogoFile, error) {
	if value == "" {
		t.Settings.Brand.Logo = idp.BrandLogo{}
		return nil, nil //nolint:nilnil // no logo to keep is no fault
	}
	name, isFile := strings.CutPrefix(value, "@")
	if !isFile {
		return nil, errors.New("use logo=@FILE, with a PNG, JPEG or WebP in it")
	}
	raw, err := readAtMost(name, templates.MaxLogoUpload)
	if err != nil {
		return nil, err
	}
	file, logo, err := templates.DrawLogo(t.ID, raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	t.Settings.Brand.Logo = logo
	return &file, nil
}

func readAtMost(name string, most int64) ([]byte, error) {
	f, err := os.Open(name) //nolint:gosec // the operator names it
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most+1))
}
