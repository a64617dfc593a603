package idp

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Colour is an opaque sRGB colour, written #rrggbb. Make one with ParseColour.
type Colour string

var colourPattern = regexp.MustCompile(`^#[0-9a-f]{6}$`)

// ParseColour reads #rrggbb or #rgb, in any case.
func ParseColour(text string) (Colour, error) {
	hex := strings.ToLower(strings.TrimPrefix(text, "#"))
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	if c := Colour("#" + hex); c.Valid() {
		return c, nil
	}
	return "", fmt.Errorf("%q: a colour such as #0e5a48", text)
}

// Valid tells whether the colour is in the form that ParseColour gives.
func (c Colour) Valid() bool { return colourPattern.MatchString(string(c)) }

func (c Colour) rgb() [3]float64 {
	var rgb [3]float64
	if !c.Valid() {
		return rgb
	}
	for i := range rgb {
		v, err := strconv.ParseUint(string(c[1+2*i:3+2*i]), 16, 8)
		if err != nil {
			return rgb
		}
		rgb[i] = float64(v)
	}
	return rgb
}

// Mix gives the colour with a share of another in it, from 0 to 1.
func (c Colour) Mix(other Colour, share float64) Colour {
	a, b := c.rgb(), other.rgb()
	var mixed [3]int
	for i := range mixed {
		mixed[i] = int(math.Round(a[i] + (b[i]-a[i])*share))
	}
	return Colour(fmt.Sprintf("#%02x%02x%02x", mixed[0], mixed[1], mixed[2]))
}

// luminance is the relative luminance of WCAG 2.2.
func (c Colour) luminance() float64 {
	var sum float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v := c.rgb()[i] / 255
		if v <= 0.04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		sum += weight * v
	}
	return sum
}

// Contrast is the contrast ratio of two colours by WCAG 2.2, from 1 to 21.
func (c Colour) Contrast(with Colour) float64 {
	a, b := c.luminance(), with.luminance()
	return (max(a, b) + 0.05) / (min(a, b) + 0.05)
}

// TextContrast is what WCAG 2.2 §1.4.3 asks of text at level AA.
const TextContrast = 4.5

// nearSteps is how finely Near looks.
const nearSteps = 255

// Near gives the colour of the same hue nearest to this one that can be read on
// all of the given backgrounds: darker on light ones, lighter on dark ones.
func (c Colour) Near(backgrounds ...Colour) Colour {
	end := Colour("#000000")
	if len(backgrounds) > 0 && backgrounds[0].luminance() < 0.18 {
		end = "#ffffff"
	}
	for step := range nearSteps {
		if near := c.Mix(end, float64(step)/nearSteps); near.readable(backgrounds) {
			return near
		}
	}
	return end
}

func (c Colour) readable(backgrounds []Colour) bool {
	for _, background := range backgrounds {
		if c.Contrast(background) < TextContrast {
			return false
		}
	}
	return true
}
