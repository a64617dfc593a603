package idp_test

import (
	"strings"
	"testing"

	"postern/idp"
)

func TestWhichClientIDsAreURLsOfDocuments(t *testing.T) {
	for id, host := range map[idp.ClientID]string{
		"https://app.example/client.json":      "app.example",
		"https://app.example/":                 "app.example",
		"https://app.example:8443/a/b":         "app.example:8443",
		"https://app.example/client?v=1":       "app.example",
		"https://[2001:db8::1]/client":         "[2001:db8::1]",
		"https://app.example/...":              "app.example",
		"https://app.example":                  "",
		"http://app.example/client":            "",
		"HTTPS://app.example/client":           "",
		"https:/app.example/client":            "",
		"https:///client":                      "",
		"https://:443/client":                  "",
		"https://app.example/./client":         "",
		"https://app.example/a/..":             "",
		"https://app.example/%2E%2e/client":    "",
		"https://app.example/.%2e/client":      "",
		"https://app.example/client#":          "",
		"https://app.example/client#a":         "",
		"https://user@app.example/client":      "",
		"https://user:pass@app.example/client": "",
		"https://app.example/cli ent":          "",
		"https://app.example/cli\nent":         "",
		"https://äpp.example/client":           "",
		"https://app.example/clïent":           "",
		`https://app.example\@evil.example/c`:  "",
		"app":                                  "",
		"":                                     "",
		idp.ClientID("https://app.example/" + strings.Repeat("a", 512)): "",
	} {
		if got, ok := id.Document(); got != host || ok != (host != "") {
			t.Errorf("%q: host %q, %v; want %q", id, got, ok, host)
		}
	}
}
