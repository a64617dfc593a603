package templates_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"postern/idp"
	"postern/templates"
)

func branded(b idp.Brand) idp.Tenant {
	return idp.Tenant{Slug: "acme", Name: "Acme", Settings: idp.TenantSettings{Brand: b}}
}

// sheetOf gives the colours that a tenant's pages load.
func sheetOf(t *testing.T, tenant idp.Tenant) string {
	t.Helper()
	name := templates.BrandOf(tenant).Sheet
	w := httptest.NewRecorder()
	if !templates.ServeBrandSheet(w, httptest.NewRequest(http.MethodGet, "/auth/assets/brand/"+name, nil), tenant, name) || w.Code != 200 {
		t.Fatalf("no sheet %q", name)
	}
	return w.Body.String()
}

// Whatever colour is accepted, every pair of colours that meets on a page can be read.
func TestEveryAcceptedBrandCanBeReadEverywhere(t *testing.T) {
	light, dark := palettes(t)
	checked := 0
	for i := range 4096 {
		tenant := branded(idp.Brand{Colour: idp.Colour(fmt.Sprintf("#%[1]x%[1]x%[2]x%[2]x%[3]x%[3]x", i>>8, i>>4&15, i&15))})
		if tenant.Validate() != nil {
			continue
		}
		checked++
		found := blocks.FindAllStringSubmatch(sheetOf(t, tenant), -1)
		for scheme, house := range []map[string]string{light, dark} {
			palette := map[string]string{}
			for name, colour := range house {
				palette[name] = colour
			}
			for name, colour := range colours([]byte(found[scheme][1])) {
				palette[name] = colour
			}
			for _, pair := range pairs {
				front, back := luminance(t, palette, pair.front), luminance(t, palette, pair.back)
				if got := (max(front, back) + 0.05) / (min(front, back) + 0.05); got < pair.least {
					t.Fatalf("%s, scheme %d: %s on %s has %.2f, want %.1f", tenant.Settings.Brand.Colour, scheme, pair.front, pair.back, got, pair.least)
				}
			}
		}
	}
	if checked < 1000 {
		t.Errorf("only %d colours were accepted", checked)
	}
}

func TestABrandsSheetIsNothingButColours(t *testing.T) {
	css := sheetOf(t, branded(idp.Brand{Colour: "#5b2a86", ColourDark: "#c9a7f0"}))
	rest := regexp.MustCompile(`--[a-z-]+: #[0-9a-f]{6};`).ReplaceAllString(css, "")
	rest = regexp.MustCompile(`/\*.*?\*/|:root|@media \(prefers-color-scheme: dark\)|[\s{}]`).ReplaceAllString(rest, "")
	if rest != "" {
		t.Errorf("the sheet holds %q", rest)
	}
	if b := templates.BrandOf(branded(idp.Brand{Colour: "red;}"})); b.Sheet != "" {
		t.Error("a colour that is none makes a sheet")
	}
	w := httptest.NewRecorder()
	if templates.ServeBrandSheet(w, httptest.NewRequest(http.MethodGet, "/x", nil), branded(idp.Brand{Colour: "#5b2a86"}), "0000000000000000.css") {
		t.Error("a sheet by another name")
	}
}

func TestAMailWearsTheBrandsColours(t *testing.T) {
	set := newSet(t)
	m := loginMail()
	m.Brand = idp.Brand{Colour: "#5b2a86", ColourDark: "#c9a7f0"}
	got, err := set.Mail("en", m)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"background:#5b2a86", "background: #c9a7f0", "color: #0b0d0f"} {
		if !strings.Contains(got.HTML, want) {
			t.Errorf("no %q in the mail", want)
		}
	}
	m.Brand.Colour = `#000" onload="alert(1)`
	if got, err = set.Mail("en", m); err != nil || !strings.Contains(got.HTML, "background:#0e5a48") || strings.Contains(got.HTML, "onload") {
		t.Errorf("a colour that is none: %v", err)
	}
}

func TestFootLinksAreThoseThatCanBeFollowed(t *testing.T) {
	set := newSet(t)
	f := frame("en")
	f.Brand = templates.Brand{Support: "help+desk@acme.example", Privacy: "https://acme.example/privacy", Terms: "javascript:alert(1)", Imprint: "https://acme.example/imprint"}
	root := parsed(t, show(t, set, f, bodyOf(t, "login")).Body.String())
	var got []string
	for _, a := range all(all(root, "footer")[0], "a") {
		got = append(got, text(a)+" "+attr(a, "href"))
	}
	want := "Help mailto:help+desk@acme.example, Privacy https://acme.example/privacy, Imprint https://acme.example/imprint"
	if strings.Join(got, ", ") != want {
		t.Errorf("got %q", got)
	}
}
