package idp_test

import (
	"errors"
	"strings"
	"testing"

	"postern/idp"
)

func TestAddressHasOneCanonicalForm(t *testing.T) {
	for text, want := range map[string]idp.Address{
		"ada@example.com":             "ada@example.com",
		"  Ada@Example.COM\t":         "ada@example.com",
		"ada+lists@example.com":       "ada+lists@example.com",
		"o'brien@example.ie":          "o'brien@example.ie",
		"a.b-c_d@sub.example.co.uk":   "a.b-c_d@sub.example.co.uk",
		"jörg@example.com":            "",
		"info@bücher.example":         "info@xn--bcher-kva.example",
		"info@BÜCHER.example":         "info@xn--bcher-kva.example",
		"info@faß.example":            "info@xn--fa-hia.example",
		"info@xn--bcher-kva.example":  "info@xn--bcher-kva.example",
		"x@1und1.example":             "x@1und1.example",
		"user@EXAMPLE.xn--p1ai":       "user@example.xn--p1ai",
		"#!$%&'*+-/=?^_`{|}~@foo.bar": "",
	} {
		got, err := idp.ParseAddress(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("ParseAddress(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestAddressConfusionIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                        "",
		"no at sign":                     "ada.example.com",
		"two at signs":                   "ada@evil.example@example.com",
		"fullwidth at sign":              "ada\uff20example.com",
		"fullwidth at sign in domain":    "ada@evil\uff20example.com",
		"small at sign in domain":        "ada@evil\ufe6bexample.com",
		"quoted local part":              `"ada"@example.com`,
		"quoted at sign":                 `"ada@evil.example"@example.com`,
		"comment":                        "ada(comment)@example.com",
		"list":                           "ada@example.com,eve@evil.example",
		"list by semicolon":              "ada@example.com;eve@evil.example",
		"display name":                   "Ada <ada@example.com>",
		"angle brackets":                 "<ada@example.com>",
		"source route":                   "@evil.example:ada@example.com",
		"percent hack":                   "ada%evil.example@example.com",
		"bang path":                      "evil!ada@example.com",
		"encoded word":                   "=?utf-8?q?ada?=@example.com",
		"kelvin sign":                    "\u212aelvin@example.com",
		"dotted capital I":               "\u0130@example.com",
		"dotless i":                      "\u0131@example.com",
		"dot at the end of the domain":   "ada@example.com.",
		"ideographic full stop at end":   "ada@example.com\u3002",
		"domain without a dot":           "ada@localhost",
		"address literal":                "ada@[127.0.0.1]",
		"network address":                "ada@127.0.0.1",
		"numeric top label":              "ada@example.123",
		"fullwidth digits":               "ada@\uff11\uff12\uff17.0.0.1",
		"control character":              "ada\x00@example.com",
		"newline and header":             "ada@example.com\r\nBcc: eve@evil.example",
		"newline in local part":          "ada\n@example.com",
		"space inside":                   "ada b@example.com",
		"no-break space":                 "ada\u00a0@example.com",
		"zero width space in the domain": "ada@exam\u200bple.com",
		"leading dot":                    ".ada@example.com",
		"trailing dot in local part":     "ada.@example.com",
		"two dots":                       "a..da@example.com",
		"empty local part":               "@example.com",
		"empty domain":                   "ada@",
		"empty label":                    "ada@example..com",
		"label begins with a hyphen":     "ada@-example.com",
		"underscore in the domain":       "ada@ex_ample.com",
		"backslash":                      `ada\@example.com`,
		"over-long local part":           strings.Repeat("a", 65) + "@example.com",
		"over-long label":                "ada@" + strings.Repeat("a", 64) + ".com",
		"over-long address":              "ada@" + strings.Repeat("abcdefg.", 40) + "com",
		"broken punycode":                "ada@xn--\x7f.com",
		"invalid UTF-8":                  "ada@ex\xffample.com",
	} {
		if got, err := idp.ParseAddress(text); err == nil || !errors.Is(err, idp.ErrBadAddress) {
			t.Errorf("%s: ParseAddress(%q) = %q, %v; want ErrBadAddress", name, text, got, err)
		}
	}
}

func TestMailboxFoldsSpellingsForLimitsOnly(t *testing.T) {
	for text, want := range map[string]string{
		"ada+x@example.com":       "ada@example.com",
		"a.d.a@example.com":       "a.d.a@example.com",
		"a.d.a+y@gmail.com":       "ada@gmail.com",
		"A.da@googlemail.com":     "ada@gmail.com",
		"plain.name@example.test": "plain.name@example.test",
	} {
		a, err := idp.ParseAddress(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Mailbox(); got != want {
			t.Errorf("%q folds to %q, want %q", text, got, want)
		}
	}
}

// What ParseAddress accepts it must accept again, unchanged, and it must be
// plain enough for an SMTP command line.
func FuzzParseAddress(f *testing.F) {
	for _, seed := range []string{"ada@example.com", "info@bücher.example", "a\uff20b@c.d", "x@[::1]", "\"a b\"@c.de", "=?q?@x.yz", "ada@example.com."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := idp.ParseAddress(text)
		if err != nil {
			return
		}
		again, err := idp.ParseAddress(string(a))
		if err != nil || again != a {
			t.Fatalf("%q became %q, which became %q, %v", text, a, again, err)
		}
		for i := range len(a) {
			if c := a[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"(),:;<>[]\\%!", c) >= 0 {
				t.Fatalf("%q became %q, which holds %q", text, a, c)
			}
		}
		if strings.Count(string(a), "@") != 1 || strings.HasSuffix(string(a), ".") || !strings.Contains(a.Domain(), ".") {
			t.Fatalf("%q became %q", text, a)
		}
	})
}
