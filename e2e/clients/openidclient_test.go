package clients_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// odd is a secret of characters that forms, headers and URLs write differently.
const odd = `p+/=%&:;?#[]@!$'()*,~"<>\^{|}x%41`

// report is what the programs of these tests find out.
type report struct {
	Claims struct {
		Issuer   string `json:"iss"`
		Subject  string `json:"sub"`
		Email    string `json:"email"`
		Verified bool   `json:"email_verified"`
		IssuedAt int64  `json:"iat"`
	} `json:"claims"`
	Userinfo struct {
		Subject string `json:"sub"`
		Email   string `json:"email"`
	} `json:"userinfo"`
	RenewedSub   string `json:"renewedSub"`
	Rotated      bool   `json:"rotated"`
	TokenType    string `json:"tokenType"`
	Parts        int    `json:"parts"` // of the ID token: five where it is encrypted
	Introspected struct {
		Active   bool   `json:"active"`
		ClientID string `json:"client_id"`
	} `json:"introspected"`
	AfterRevocation         string `json:"afterRevocation"`
	UserinfoAfterRevocation string `json:"userinfoAfterRevocation"`
	Refused                 struct {
		WrongIss string `json:"wrongIss"`
		NoIss    string `json:"noIss"`
	} `json:"refused"`
	EndState string `json:"endState"`
}

// check compares with what every library must have come to.
func (r report) check(t *testing.T, p person) {
	t.Helper()
	c := r.Claims
	if c.Issuer != shared.Issuer || c.Email != p.address || !c.Verified || c.Subject == "" {
		t.Errorf("ID token: %+v", c)
	}
	if r.Userinfo.Subject != c.Subject || r.Userinfo.Email != p.address {
		t.Errorf("userinfo: %+v", r.Userinfo)
	}
	if r.RenewedSub != "" && r.RenewedSub != c.Subject {
		t.Errorf("after a refresh, sub is %q, was %q", r.RenewedSub, c.Subject)
	}
	if !r.Rotated && r.TokenType != "dpop" { // a FAPI client's stays
		t.Error("a refresh gave no new refresh token")
	}
}

func TestOpenIDClientOnNode(t *testing.T) {
	t.Parallel()
	dir := workspace(t, "node")
	for name, c := range map[string]struct {
		method, alg, secret string
		decrypt, enc        string
		args                []string
		metadata            map[string]any
		flow                map[string]any
	}{
		"client_secret_basic":                       {method: "client_secret_basic"},
		"client_secret_basic with an odd secret":    {method: "client_secret_basic", secret: odd},
		"client_secret_post with an odd secret":     {method: "client_secret_post", secret: odd},
		"client_secret_post alone":                  {method: "client_secret_post", args: []string{"--auth-method", "client_secret_post"}},
		"private_key_jwt, ES256":                    {method: "private_key_jwt", alg: "ES256"},
		"private_key_jwt, Ed25519":                  {method: "private_key_jwt", alg: "EdDSA"},
		"private_key_jwt, PS256":                    {method: "private_key_jwt", alg: "PS256"},
		"public":                                    {method: "none", args: []string{"--public"}},
		"PAR":                                       {method: "client_secret_basic", args: []string{"--require-par"}, flow: map[string]any{"par": true}},
		"PAR, public":                               {method: "none", args: []string{"--public", "--require-par"}, flow: map[string]any{"par": true}},
		"DPoP":                                      {method: "client_secret_basic", args: []string{"--dpop-bound"}, flow: map[string]any{"dpop": true}},
		"DPoP, public, opaque tokens":               {method: "none", args: []string{"--public", "--dpop-bound", "--opaque"}, flow: map[string]any{"dpop": true}},
		"PAR and DPoP":                              {method: "client_secret_post", args: []string{"--require-par", "--dpop-bound"}, flow: map[string]any{"par": true, "dpop": true}},
		"signed requests":                           {method: "private_key_jwt", alg: "ES256", args: []string{"--require-signed-requests"}, flow: map[string]any{"jar": true}},
		"signed answers":                            {method: "client_secret_basic", flow: map[string]any{"jarm": true}},
		"FAPI 2.0":                                  {method: "private_key_jwt", alg: "ES256", args: []string{"--profile", "fapi2_security"}, metadata: fapi, flow: map[string]any{"par": true, "dpop": true}},
		"FAPI 2.0, signed both ways":                {method: "private_key_jwt", alg: "PS256", args: []string{"--profile", "fapi2_message_signing", "--response-alg", "ES256"}, metadata: fapi, flow: map[string]any{"par": true, "dpop": true, "jar": true, "jarm": true}},
		"signed userinfo, opaque tokens, ES256":     {method: "client_secret_basic", args: []string{"--userinfo-alg", "ES256", "--opaque", "--id-token-alg", "ES256"}, metadata: map[string]any{"userinfo_signed_response_alg": "ES256", "id_token_signed_response_alg": "ES256"}},
		"encrypted ID tokens and userinfo":          {method: "client_secret_basic", decrypt: "RSA-OAEP-256", enc: "A256GCM", args: []string{"--userinfo-alg", "ES256", "--userinfo-encryption-alg", "RSA-OAEP-256", "--userinfo-encryption-enc", "A256GCM"}, metadata: map[string]any{"userinfo_signed_response_alg": "ES256"}},
		"encrypted ID tokens, by a curve":           {method: "client_secret_post", decrypt: "ECDH-ES", enc: "A128CBC-HS256"},
		"a client of its own id, pairwise subjects": {method: "client_secret_basic", args: []string{"--id", "shop~1._-", "--pairwise"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := map[string]any{
				"issuer": shared.Issuer, "method": c.method, "redirectUri": callback, "postLogoutUri": bye, "metadata": c.metadata,
			}
			maps.Copy(settings, c.flow)
			args := append(c.args, "--finish", "link")
			if c.alg != "" {
				private, public := newKey(t, c.alg)
				settings["key"] = json.RawMessage(private)
				args = append(args, "--auth-method", "private_key_jwt", "--jwks-file", public)
			}
			if c.decrypt != "" {
				private, public := newKey(t, c.decrypt)
				settings["decrypt"], settings["encs"] = json.RawMessage(private), []string{c.enc}
				args = append(args, "--id-token-encryption-alg", c.decrypt, "--id-token-encryption-enc", c.enc, "--jwks-file", public)
			}
			if c.secret != "" {
				args = append(args, "--secret-file", secretFile(t, c.secret))
			}
			registered := register(t, "openid-client", nowhere, args...)
			settings["clientId"], settings["secret"] = registered.ID, registered.Secret
			p := newPerson(t)
			app := start(t, dir, settings, "node", "openid-client.js")
			app.say(p.signIn(app.expect("open")).URL.String())
			app.say(p.browser.Get(app.expect("open")).URL.String())
			var found report
			app.result(&found)
			found.check(t, p)
			checkOpenIDClient(t, found, registered, c.method)
			if bound := found.TokenType == "dpop"; bound != (c.flow["dpop"] != nil) {
				t.Errorf("token type %q", found.TokenType)
			}
			if want := map[bool]int{true: 5, false: 3}[c.decrypt != ""]; found.Parts != want {
				t.Errorf("an ID token of %d parts", found.Parts)
			}
			if !p.signedOut() {
				t.Error("the end-session URL did not sign out")
			}
		})
	}
}

// fapi is what a library has to be told of such a client.
var fapi = map[string]any{"id_token_signed_response_alg": "ES256", "authorization_signed_response_alg": "ES256"}

func checkOpenIDClient(t *testing.T, found report, registered client, method string) {
	t.Helper()
	if method != "none" && (!found.Introspected.Active || found.Introspected.ClientID != registered.ID) {
		t.Errorf("introspection: %+v", found.Introspected)
	}
	if found.AfterRevocation != "invalid_grant" || !strings.Contains(found.UserinfoAfterRevocation, "invalid_token") {
		t.Errorf("after revocation: refresh %q, userinfo %q", found.AfterRevocation, found.UserinfoAfterRevocation)
	}
	mixedUp := found.Refused.WrongIss + found.Refused.NoIss // of a signed answer, iss is within
	if mixedUp != "" && !strings.Contains(found.Refused.WrongIss, `"iss"`) || mixedUp != "" && !strings.Contains(found.Refused.NoIss, `"iss"`) {
		t.Errorf("mixed-up answers: %+v", found.Refused)
	}
	if found.EndState != "bye" {
		t.Errorf("signing out came back with state %q", found.EndState)
	}
}

func secretFile(t *testing.T, secret string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
