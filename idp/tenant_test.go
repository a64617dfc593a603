package idp_test

import (
	"strings"
	"testing"
	"time"

	"postern/idp"
)

func TestIssuerComesFromTheTenantsRow(t *testing.T) {
	for name, c := range map[string]struct {
		tenant idp.Tenant
		want   string
	}{
		"path": {idp.Tenant{Slug: "acme"}, "https://id.example/t/acme"},
		"root": {idp.Tenant{Slug: "acme", Root: true}, "https://id.example"},
		"host": {idp.Tenant{Slug: "acme", Host: "login.acme.example"}, "https://login.acme.example"},
	} {
		if got := c.tenant.Issuer("https://id.example"); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestNamesCannotSpeakForSomeoneElse(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "only spaces": "  ", "long": strings.Repeat("x", 65), "web address": "visit evil.example", "scheme": "https://evil",
		"www": "www.evil", "newline": "a\nb", "carriage return": "a\r\nBcc: x", "tab": "a\tb", "null": "a\x00", "right-to-left override": "a\u202eb",
		"zero width": "a\u200bb", "line separator": "a\u2028b", "leading space": " a", "invalid UTF-8": "a\xff",
	} {
		if err := idp.ValidName(text); err == nil {
			t.Errorf("%s: %q is taken", name, text)
		}
	}
	for _, text := range []string{"Acme", "Müller & Söhne GmbH", "株式会社", "St. Mary", "Don't Panic!"} {
		if err := idp.ValidName(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestTenantsThatAreRefused(t *testing.T) {
	good := idp.Tenant{Slug: "acme", Name: "Acme"}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*idp.Tenant){
		"slug with capitals":    func(t *idp.Tenant) { t.Slug = "Acme" },
		"slug with a slash":     func(t *idp.Tenant) { t.Slug = "a/b" },
		"slug with dots":        func(t *idp.Tenant) { t.Slug = ".." },
		"empty slug":            func(t *idp.Tenant) { t.Slug = "" },
		"name with a link":      func(t *idp.Tenant) { t.Name = "evil.example" },
		"host with a path":      func(t *idp.Tenant) { t.Host = "a.example/b" },
		"host with a scheme":    func(t *idp.Tenant) { t.Host = "https://a.example" },
		"host and root":         func(t *idp.Tenant) { t.Host, t.Root = "a.example", true },
		"link life of a day":    func(t *idp.Tenant) { t.Settings.LinkLife = idp.Duration(24 * time.Hour) },
		"link life of a second": func(t *idp.Tenant) { t.Settings.LinkLife = idp.Duration(time.Second) },
		"unknown sign-up":       func(t *idp.Tenant) { t.Settings.SignUp = "maybe" },
		"unknown PKCE":          func(t *idp.Tenant) { t.Settings.PKCE = "plain" },
	} {
		bad := good
		spoil(&bad)
		if err := bad.Validate(); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
