package idp_test

import (
	"testing"

	"postern/idp"
)

func TestRedirectURIsMatchByteForByte(t *testing.T) {
	client := idp.Client{Metadata: idp.ClientMetadata{RedirectURIs: []string{
		"https://app.example/callback", "https://app.example/cb?x=1", "http://127.0.0.1/cb", "http://[::1]:9000/cb", "http://localhost:9000/cb", "com.example.app:/cb",
	}}}
	for uri, want := range map[string]bool{
		"https://app.example/callback":                true,
		"https://app.example/cb?x=1":                  true,
		"com.example.app:/cb":                         true,
		"http://localhost:9000/cb":                    true,
		"http://127.0.0.1/cb":                         true,
		"http://127.0.0.1:5555/cb":                    true,
		"http://[::1]:1/cb":                           true,
		"http://[::1]/cb":                             true,
		"http://localhost:9001/cb":                    false,
		"http://127.0.0.1:5555/cb/":                   false,
		"http://127.0.0.1:5555/cb?x":                  false,
		"http://127.0.0.1:99999999/cb":                false,
		"http://127.0.0.1:/cb":                        false,
		"http://127.0.0.1:80@evil.example/cb":         false,
		"http://127.0.0.1.evil.example/cb":            false,
		"https://127.0.0.1/cb":                        false,
		"http://localhost/cb":                         false,
		"https://app.example/callback/":               false,
		"https://app.example/callback?":               false,
		"https://app.example/callback#":               false,
		"https://app.example/call%62ack":              false,
		"https://APP.example/callback":                false,
		"https://app.example:443/callback":            false,
		"https://app.example//callback":               false,
		"https://app.example/./callback":              false,
		"https://app.example/x/../callback":           false,
		"https://app.example\\@evil.example/callback": false,
		"https://app.example@evil.example/callback":   false,
		"//app.example/callback":                      false,
		"https://evil.example/callback":               false,
		"":                                            false,
	} {
		if got := client.AllowsRedirect(uri); got != want {
			t.Errorf("AllowsRedirect(%q) = %v", uri, got)
		}
	}
}

func TestRedirectURIsThatCannotBeRegistered(t *testing.T) {
	for name, uri := range map[string]string{
		"http off loopback":        "http://app.example/cb",
		"fragment":                 "https://app.example/cb#x",
		"empty fragment":           "https://app.example/cb#",
		"user":                     "https://u@app.example/cb",
		"relative":                 "/cb",
		"no host":                  "https:///cb",
		"script":                   "javascript:alert(1)",
		"data":                     "data:text/html,x",
		"scheme without a dot":     "myapp:/cb",
		"space":                    "https://app.example/a b",
		"newline":                  "https://app.example/a\nb",
		"backslash":                `https://app.example\cb`,
		"not ASCII":                "https://bücher.example/cb",
		"http on a lookalike host": "http://localhost.evil.example/cb",
		"empty":                    "",
	} {
		if err := idp.ValidRedirectURI(uri); err == nil {
			t.Errorf("%s: %q can be registered", name, uri)
		}
	}
	for _, uri := range []string{"https://app.example/cb", "https://app.example:8443/cb?x=1", "http://127.0.0.1/cb", "http://[::1]:80/", "http://localhost:3000/cb", "com.example.app:/cb"} {
		if err := idp.ValidRedirectURI(uri); err != nil {
			t.Errorf("%q: %v", uri, err)
		}
	}
}

// An allowed URI is the registered one, or differs from it in the port of a
// literal loopback address only.
func FuzzRedirectMatching(f *testing.F) {
	const registered = "http://127.0.0.1/cb"
	for _, seed := range []string{registered, "http://127.0.0.1:80/cb", "http://127.0.0.1:1@evil.example/cb", "http://127.0.0.1:1/cb?", "http://127.0.0.1:1/cb\n"} {
		f.Add(seed)
	}
	client := idp.Client{Metadata: idp.ClientMetadata{RedirectURIs: []string{registered, "https://app.example/cb"}}}
	f.Fuzz(func(t *testing.T, uri string) {
		if !client.AllowsRedirect(uri) || uri == registered || uri == "https://app.example/cb" {
			return
		}
		rest, ok := cutPort(uri)
		if !ok || rest != registered {
			t.Fatalf("%q is allowed", uri)
		}
	})
}

// cutPort takes the digits of the port out by hand, not by the code under test.
func cutPort(uri string) (string, bool) {
	const head, tail = "http://127.0.0.1:", "/cb"
	if len(uri) <= len(head)+len(tail) || uri[:len(head)] != head || uri[len(uri)-len(tail):] != tail {
		return "", false
	}
	for _, c := range uri[len(head) : len(uri)-len(tail)] {
		if c < '0' || c > '9' {
			return "", false
		}
	}
	return head[:len(head)-1] + tail, true
}

func TestPublicClientsAlwaysNeedPKCE(t *testing.T) {
	public := idp.Client{Metadata: idp.ClientMetadata{AuthMethods: []idp.AuthMethod{idp.AuthNone}, PKCE: idp.PKCEOptional}}
	secret := idp.Client{Metadata: idp.ClientMetadata{AuthMethods: []idp.AuthMethod{idp.AuthBasic}}}
	strict := idp.Tenant{Settings: idp.TenantSettings{PKCE: idp.PKCERequired}}
	if !public.NeedsPKCE(idp.Tenant{}) {
		t.Error("a public client gets by without PKCE")
	}
	if secret.NeedsPKCE(idp.Tenant{}) || !secret.NeedsPKCE(strict) {
		t.Error("a confidential client does not follow its tenant")
	}
	secret.Metadata.PKCE = idp.PKCEOptional
	if secret.NeedsPKCE(strict) {
		t.Error("a client's own setting does not count before its tenant's")
	}
}
