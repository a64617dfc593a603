package idp_test

import (
	"encoding/json"
	"testing"

	"postern/idp"
)

// Metadata that are taken are told back as metadata that are taken.
func FuzzClientMetadata(f *testing.F) {
	for _, text := range []string{
		`{"redirect_uris":["https://app.example/cb"]}`, `{"redirect_uris":["http://127.0.0.1/cb"],"token_endpoint_auth_method":"none"}`,
		`{"client_name":"A","client_name#de":"B","jwks":{"keys":[]},"redirect_uris":["com.example.app:/cb"]}`, `{}`, `[]`, `null`, `{"redirect_uris":"x"}`,
		`{"redirect_uris":[null],"contacts":1,"response_types":["token"]}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := idp.ParseRegistration(raw)
		if err != nil {
			return
		}
		registered, err := m.Registered()
		if err != nil {
			t.Fatalf("%s cannot be told back: %v", raw, err)
		}
		text, err := json.Marshal(registered)
		if err != nil {
			t.Fatalf("%s cannot be written: %v", raw, err)
		}
		if _, err := idp.ParseRegistration(text); err != nil {
			t.Errorf("%s is told back as %s, which is refused: %v", raw, text, err)
		}
	})
}
