package attacks_test

import (
	"crypto/rand"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What was given to one app is noise in the hands of another of the same tenant.
func TestCredentialsOfOneClientTriedByAnother(t *testing.T) {
	t.Parallel()
	home := newTenant(t, strings.ToLower(rand.Text()))
	thief := home
	thief.app = home.newApp(t, strings.ToLower(rand.Text()), exchanges...)
	h := collect(t, home)
	for path, names := range map[string][]string{
		"/token":  {"authorization code", "refresh token", "client secret", "subject token", "bound access token", "device code"},
		"/revoke": {"access token", "refresh token", "client secret"},
		"/par":    {"client secret"},

		"/authorize": {"pushed request"},
	} {
		for _, c := range h.credentials {
			for _, name := range names {
				if c.name == name {
					tryByAnother(t, thief, path, c)
				}
			}
		}
	}
	for _, c := range h.credentials {
		for path, name := range map[string]string{"/userinfo": "access token", "/token": "refresh token"} {
			if c.name == name && !countsAt(t, home, path, c) {
				t.Errorf("the %s is no longer good for whom it was given to", c.name)
			}
		}
	}
}

func tryByAnother(t *testing.T, thief tenant, path string, c credential) {
	t.Helper()
	want, _ := thief.send(t, c.at(thief, http.MethodPost, path, noise(c.value())))
	got, _ := thief.send(t, c.at(thief, http.MethodPost, path, c.value()))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s tells the %s of another app from noise:\n%s", path, c.name, diff)
	}
}
