package doctor_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"postern/doctor"
)

// zone is a DNS that has just these texts, and a mail exchanger for every name.
type zone map[string]string

func (z zone) LookupTXT(_ context.Context, name string) ([]string, error) {
	text, ok := z[strings.TrimSuffix(name, ".")]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return []string{text}, nil
}

func (zone) LookupMX(context.Context, string) ([]*net.MX, error) {
	return []*net.MX{{Host: "mx.acme.example."}}, nil
}

func ends(t *testing.T, what string, found []doctor.Finding, check string, want doctor.Status, says string) {
	t.Helper()
	for _, f := range found {
		if f.Check != check {
			continue
		}
		if f.Status != want || !strings.Contains(f.Says+f.Mend, says) || (f.Status == doctor.OK) != (f.Mend == "") {
			t.Errorf("%s: %+v, want %s, with %q, and a mend unless all is well", what, f, want, says)
		}
		return
	}
	t.Errorf("%s: no finding of %s", what, check)
}

func TestWhatASendersDomainPublishes(t *testing.T) {
	t.Parallel()
	key := doctor.Key{Domain: "acme.example", Name: "s._domainkey.acme.example", Value: "v=DKIM1; k=rsa; p=AAAABBBB"}
	published := "v=DKIM1;k=rsa; p=AAAA BBBB" // as some forms cut it
	for name, c := range map[string]struct {
		sender doctor.Sender
		zone   zone
		check  string
		want   doctor.Status
		says   string
	}{
		"the provider is included": {
			doctor.Sender{Domain: "acme.example", Includes: []string{"spf.mail.example"}},
			zone{"acme.example": "v=spf1 include:spf.mail.example ~all"},
			"SPF", doctor.OK, "",
		},
		"the provider is not": {
			doctor.Sender{Domain: "acme.example", Includes: []string{"spf.mail.example"}},
			zone{"acme.example": "v=spf1 include:other.example -all"},
			"SPF", doctor.Warn, "add include:spf.mail.example",
		},
		"what is to be published names the provider": {
			doctor.Sender{Domain: "acme.example", Includes: []string{"spf.mail.example"}}, zone{}, "SPF", doctor.Fail, "v=spf1 include:spf.mail.example -all",
		},
		"another domain's record counts": {
			doctor.Sender{Domain: "acme.example"}, zone{"acme.example": "v=spf1 redirect=_spf.acme.example"}, "SPF", doctor.OK, "",
		},
		"a key is published with spaces": {
			doctor.Sender{Domain: "acme.example", Keys: []doctor.Key{key}}, zone{key.Name: published}, "DKIM", doctor.OK, "",
		},
		"a key was withdrawn": {
			doctor.Sender{Domain: "acme.example", Keys: []doctor.Key{key}}, zone{key.Name: "v=DKIM1; p="}, "DKIM", doctor.Fail, "another key",
		},
		"DKIM alone, of the domain above": {
			doctor.Sender{Domain: "post.acme.example", Keys: []doctor.Key{key}},
			zone{key.Name: published, "_dmarc.post.acme.example": "v=DMARC1; p=reject"},
			"DMARC", doctor.OK, "passes by DKIM",
		},
		"DKIM alone, of the domain above, where only its own counts": {
			doctor.Sender{Domain: "post.acme.example", Keys: []doctor.Key{key}},
			zone{key.Name: published, "_dmarc.post.acme.example": "v=DMARC1; p=reject; adkim=s"},
			"DMARC", doctor.Fail, "neither",
		},
		"nothing passes, and nothing is asked for": {
			doctor.Sender{Domain: "acme.example"}, zone{"_dmarc.acme.example": "v=DMARC1; p=none"}, "DMARC", doctor.Warn, "neither",
		},
	} {
		ends(t, name, c.sender.Examine(t.Context(), c.zone), c.check, c.want, c.says)
	}
}

func TestWhatAnIssuerAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter, self string)
		want   doctor.Status
		says   string
	}{
		"its document":      {func(w http.ResponseWriter, self string) { fmt.Fprintf(w, `{"issuer":%q}`, self) }, doctor.OK, ""},
		"another's":         {func(w http.ResponseWriter, _ string) { fmt.Fprint(w, `{"issuer":"http://inside:8080"}`) }, doctor.Fail, "http://inside:8080"},
		"a page":            {func(w http.ResponseWriter, _ string) { fmt.Fprint(w, "<html>") }, doctor.Fail, "no discovery document"},
		"an unknown host":   {func(w http.ResponseWriter, _ string) { w.WriteHeader(http.StatusMisdirectedRequest) }, doctor.Fail, "--trusted-proxy"},
		"an unknown tenant": {func(w http.ResponseWriter, _ string) { w.WriteHeader(http.StatusNotFound) }, doctor.Fail, "answers 404"},
		"a proxy alone":     {func(w http.ResponseWriter, _ string) { w.WriteHeader(http.StatusBadGateway) }, doctor.Fail, "/readyz"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var server *httptest.Server
			server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/t/acme/.well-known/openid-configuration" {
					c.answer(w, server.URL+"/t/acme")
				}
			}))
			defer server.Close()
			found := doctor.Issuer(t.Context(), server.Client(), server.URL+"/t/acme")
			ends(t, name, []doctor.Finding{found}, "issuer", c.want, c.says)
		})
	}
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	found := doctor.Issuer(t.Context(), http.DefaultClient, server.URL)
	ends(t, "a certificate of nobody known", []doctor.Finding{found}, "issuer", doctor.Fail, "certificate is not valid")
}

func TestWhatClocksSay(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		off, took time.Duration
		want      doctor.Status
		says      string
	}{
		"the same":                  {0, 0, doctor.OK, ""},
		"an answer that takes long": {4 * time.Second, 6 * time.Second, doctor.OK, ""},
		"ours is a little behind":   {5 * time.Second, 0, doctor.Warn, "5s behind it"},
		"ours is far ahead":         {-5 * time.Minute, 0, doctor.Fail, "5m0s ahead of it"},
	} {
		found := doctor.Clock(now, now.Add(c.off), now.Add(c.took))
		ends(t, name, []doctor.Finding{found}, "clock", c.want, c.says)
	}
}

func TestWhoseWordIsTaken(t *testing.T) {
	t.Parallel()
	one := netip.MustParsePrefix("10.0.0.1/32")
	for name, c := range map[string]struct {
		scheme  string
		tls     bool
		trusted []netip.Prefix
		want    doctor.Status
	}{
		"a proxy":            {"https", false, []netip.Prefix{one}, doctor.OK},
		"our own TLS":        {"https", true, nil, doctor.OK},
		"loopback":           {"http", false, nil, doctor.OK},
		"a proxy not named":  {"https", false, nil, doctor.Warn},
		"everybody":          {"https", true, []netip.Prefix{one, netip.MustParsePrefix("0.0.0.0/0")}, doctor.Fail},
		"everybody, by IPv6": {"https", false, []netip.Prefix{netip.MustParsePrefix("::/0")}, doctor.Fail},
	} {
		found := doctor.Proxies(&url.URL{Scheme: c.scheme, Host: "id.example"}, c.tls, c.trusted)
		ends(t, name, []doctor.Finding{found}, "proxies", c.want, "")
	}
}
