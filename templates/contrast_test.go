package templates_test

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Pairs of colours that meet on a page, and the contrast WCAG 2.2 asks of them:
// 4.5 for text (§1.4.3), 3 for what must be seen to find a control (§1.4.11).
var pairs = []struct {
	front, back string
	least       float64
}{
	{"ink", "page", 4.5},
	{"ink", "arch", 4.5},
	{"ink", "card", 4.5},
	{"ink", "field", 4.5},
	{"ink", "tint", 4.5},
	{"muted", "card", 4.5},
	{"muted", "arch", 4.5},
	{"link", "card", 4.5},
	{"on-accent", "accent", 4.5},
	{"on-accent", "accent-hover", 4.5},
	{"on-tint", "tint", 4.5},
	{"on-tint", "card", 4.5},
	{"on-good", "good", 4.5},
	{"on-ended", "ended", 4.5},
	{"on-warn", "warn", 4.5},
	{"problem", "card", 4.5},
	{"problem", "field", 3},
	{"field-edge", "card", 3},
	{"field-edge", "field", 3},
	{"field-edge", "tint", 3},
	{"accent", "card", 3},
	{"focus", "card", 3},
	{"focus", "field", 3},
	{"focus", "tint", 3},
}

func TestColoursMeetWithEnoughContrast(t *testing.T) {
	light, dark := palettes(t)
	for scheme, palette := range map[string]map[string]string{"light": light, "dark": dark} {
		for _, pair := range pairs {
			front, back := luminance(t, palette, pair.front), luminance(t, palette, pair.back)
			got := (max(front, back) + 0.05) / (min(front, back) + 0.05)
			if got < pair.least {
				t.Errorf("%s: %s on %s has %.2f, want %.1f", scheme, pair.front, pair.back, got, pair.least)
			}
		}
	}
}

var (
	blocks   = regexp.MustCompile(`:root\s*\{([^}]*)\}`)
	property = regexp.MustCompile(`--([a-z-]+):\s*(#[0-9a-f]{6});`)
)

func palettes(t *testing.T) (light, dark map[string]string) {
	t.Helper()
	css, err := os.ReadFile("assets/postern.css")
	if err != nil {
		t.Fatal(err)
	}
	found := blocks.FindAllSubmatch(css, -1)
	if len(found) < 2 {
		t.Fatal("the stylesheet has not two palettes")
	}
	return colours(found[0][1]), colours(found[1][1])
}

func colours(block []byte) map[string]string {
	palette := map[string]string{}
	for _, p := range property.FindAllSubmatch(block, -1) {
		palette[string(p[1])] = string(p[2])
	}
	return palette
}

// luminance is the relative luminance of WCAG 2.2.
func luminance(t *testing.T, palette map[string]string, name string) float64 {
	t.Helper()
	hex, ok := palette[name]
	if !ok {
		t.Fatalf("no colour --%s", name)
	}
	var sum float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v, err := strconv.ParseUint(strings.TrimPrefix(hex, "#")[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(v) / 255
		if c <= 0.04045 {
			sum += weight * c / 12.92
		} else {
			sum += weight * math.Pow((c+0.055)/1.055, 2.4)
		}
	}
	return sum
}
