package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"postern/e2e/harness"
)

// tamperer changes what a provider answers, as someone in between would.
type tamperer struct {
	mu sync.Mutex
	// idToken and location change an answer on its way, where they are set.
	idToken, location func(string) string
	// last is the ID token that was answered last, unchanged.
	last string
}

func (m *tamperer) set(idToken, location func(string) string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.idToken, m.location = idToken, location
}

func (m *tamperer) lastToken() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}

func (m *tamperer) change(answer *http.Response) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if location := answer.Header.Get("Location"); m.location != nil && strings.Contains(location, "code=") {
		answer.Header.Set("Location", m.location(location))
	}
	if !strings.HasPrefix(answer.Header.Get("Content-Type"), "application/json") || answer.Request.Method != http.MethodPost {
		return nil
	}
	var tokens map[string]any
	if err := json.NewDecoder(answer.Body).Decode(&tokens); err != nil {
		return err
	}
	if raw, ok := tokens["id_token"].(string); ok {
		m.last = raw
		if m.idToken != nil {
			tokens["id_token"] = m.idToken(raw)
		}
	}
	body, err := json.Marshal(tokens)
	if err != nil {
		return err
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	answer.ContentLength = int64(len(body))
	answer.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

func TestSinglePageAppRefusesWhatIsTamperedWith(t *testing.T) {
	t.Parallel()
	m := &tamperer{}
	s := startBehind(t, "http", m.change)
	address := newAddress()
	other := begin(t, newClient(t, s), newBrowser(t), address)
	foreign, _ := other.finish(other.openLink(other.mail().Link))["id_token"].(string)

	tab := harness.NewChromium(t).NewTab().Open(s.URL + "/dev/spa?start")
	typeAddress(tab, address)
	tab.Type("input[name=code]", relayCode(t, s.WaitMail(t, address, 2).Link))
	tab.Click(`form[action$="/auth/code"] button`)
	showsVerifiedToken(t, tab, s, address)
	earlier := m.lastToken()

	for says, change := range map[string]struct{ idToken, location func(string) string }{
		"The signature of the ID token is wrong": {idToken: func(raw string) string {
			head, signature, _ := strings.Cut(raw[strings.Index(raw, ".")+1:], ".")
			return raw[:strings.Index(raw, ".")+1] + head + "." + strings.Repeat("A", len(signature))
		}},
		"signed by none": {idToken: func(raw string) string {
			return "eyJhbGciOiJub25lIn0" + raw[strings.Index(raw, "."):strings.LastIndex(raw, ".")+1]
		}},
		"The nonce is not the one":               {idToken: func(string) string { return earlier }},
		"The ID token is for another client":     {idToken: func(string) string { return foreign }},
		"three parts":                            {idToken: func(string) string { return "nothing" }},
		"The answer comes from another issuer":   {location: func(l string) string { return strings.Replace(l, "iss=", "iss=x", 1) }},
		"This tab did not start that sign-in":    {location: func(l string) string { return strings.Replace(l, "state=", "state=x", 1) }},
		"Signed in to the single-page app, in t": {},
	} {
		m.set(change.idToken, change.location)
		tab.Open(s.URL + "/dev/spa?start")
		tab.WaitText(says)
		if verified := tab.TextOf("#id-token-claims") != ""; verified != (change.idToken == nil && change.location == nil) {
			t.Errorf("%s: shows claims: %t", says, verified)
		}
	}
}
