package clients_test

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pages is where each client has its page.
const pages = "../../docs/clients"

// app is where the apps of the pages are served.
const app = "https://shop.example.com"

// register makes the client that a page of docs/clients says to make, for an app
// at an origin of the test's.
func register(t *testing.T, page, origin string, more ...string) client {
	t.Helper()
	var c client
	args := append(registration(t, page, origin), more...)
	if err := json.Unmarshal(shared.Run(t, args...), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// registration is the page's command, less the program's name: of the tenant
// demo, and with the origin in place of the page's.
func registration(t *testing.T, page, origin string) []string {
	t.Helper()
	text := string(readFile(t, filepath.Join(pages, page+".md")))
	found := regexp.MustCompile(`(?m)^postern (client create (?:.*\\\n)*.*)$`).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("%s.md does not say how to make the client", page)
	}
	args := strings.Fields(strings.ReplaceAll(found[1], "\\\n", " "))
	i := slices.Index(args, "acme")
	if i < 0 || strings.ContainsAny(found[1], `'"`) {
		t.Fatalf("%s.md: not a plain command for the tenant acme: %s", page, found[1])
	}
	args[i] = "demo"
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], app, origin)
	}
	return args
}
